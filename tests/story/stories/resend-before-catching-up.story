# A change whose answer was lost is sent again while the hub still tells what came before it: its answer keeps its place.
devices laptop desk
laptop has a slow line
start laptop desk
settle
desk writes 30 KiB of notes/a
desk writes 30 KiB of notes/b
desk writes 30 KiB of notes/c0
desk writes 30 KiB of notes/c1
desk writes 30 KiB of notes/c2
desk writes 30 KiB of notes/c3
desk writes 30 KiB of notes/c4
desk writes 30 KiB of notes/c5
desk writes 30 KiB of notes/c6
desk writes 30 KiB of notes/c7
desk writes notes/d "d"
wait 1
laptop writes notes/e "e"
wait 1
cut laptop
heal laptop
settle
expect all notes/d "d"
expect all notes/e "e"
expect equal
