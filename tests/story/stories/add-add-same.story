# The same bytes on both sides are no conflict.
devices laptop desk
start laptop desk
cut desk
laptop writes notes/a "same"
desk writes notes/a "same"
settle
heal desk
settle
expect all notes/a "same"
expect no conflicts
expect log 1
expect equal
