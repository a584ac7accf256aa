devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
laptop touches notes/a
desk touches notes/a
settle
laptop writes notes/a "one"
settle
expect log 1
expect equal
