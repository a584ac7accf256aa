# A device joins with files of its own: what only one has comes to both, what differs is a conflict, nothing is lost.
devices laptop desk
laptop writes notes/a "laptop's"
laptop writes notes/same "same"
laptop writes notes/only-laptop "l"
desk writes notes/a "desk's"
desk writes notes/same "same"
desk writes notes/only-desk "d"
start laptop
settle
start desk
settle
expect all notes/same "same"
expect all notes/only-laptop "l"
expect all notes/only-desk "d"
expect conflict notes/a
expect laptop notes/a "laptop's"
expect desk notes/a "desk's"
expect equal
