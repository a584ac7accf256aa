devices laptop desk
start laptop desk
laptop writes notes/a "base"
settle
cut desk
laptop removes notes/a
desk removes notes/a
wait 10
heal desk
settle
expect all notes/a absent
expect no conflicts
expect log 2
expect equal
