# Deleted here, edited there, the other order of arrival: the edit stays again.
devices laptop desk
start laptop desk
laptop writes notes/a "base"
settle
cut desk
laptop writes notes/a "edited"
settle
desk removes notes/a
wait 10
heal desk
settle
expect all notes/a "edited"
expect no conflicts
expect equal
