# Edits wait on the device and go when the link is back; what was superseded meanwhile need not travel.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
cut laptop
laptop writes notes/a "two"
wait 20
laptop writes notes/a "three"
laptop writes notes/b "new"
wait 20
laptop removes notes/b
laptop writes notes/c "stays"
wait 60
expect desk notes/a "one"
heal laptop
settle
expect all notes/a "three"
expect all notes/b absent
expect all notes/c "stays"
expect laptop history notes/a "two"
expect no conflicts
expect equal
