# A device comes back behind a slow line, with a change that another one was faster than, and its person has edited on: the
# hub's no arrives before the entry that it is about.
devices laptop desk
laptop has a slow line
start laptop desk
laptop writes notes/a "base"
settle
cut laptop
laptop writes notes/a "laptop's"
wait 3
laptop writes notes/a "laptop's, newer"
wait 3
desk writes 30 KiB of notes/b
desk writes 30 KiB of notes/c0
desk writes 30 KiB of notes/c1
desk writes 30 KiB of notes/c2
desk writes 30 KiB of notes/c3
desk writes 30 KiB of notes/c4
desk writes 30 KiB of notes/c5
desk writes 30 KiB of notes/c6
desk writes 30 KiB of notes/c7
desk writes notes/a "desk's"
wait 3
heal laptop
settle
expect conflict notes/a
expect laptop notes/a "laptop's, newer"
expect desk notes/a "desk's"
expect equal
