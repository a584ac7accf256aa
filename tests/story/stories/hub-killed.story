devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
hub is killed
laptop writes notes/a "two"
settle
expect all notes/a "two"
expect log 2
expect equal
