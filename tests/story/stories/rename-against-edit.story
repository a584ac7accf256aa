# Renamed here, edited there: the edited file comes back under its old name beside the renamed one. Nothing is lost.
devices laptop desk
start laptop desk
laptop writes notes/a "text"
settle
cut desk
laptop renames notes/a notes/b
settle
desk writes notes/a "edited"
wait 10
heal desk
settle
expect all notes/b "text"
expect all notes/a "edited"
expect no conflicts
expect equal
