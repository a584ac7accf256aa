# A first import waits behind what a person edits, but not for ever.
devices laptop desk
laptop writes notes/before "was here before"
laptop writes 1200 KiB of notes/large
laptop has a slow line
start laptop desk
wait 5
laptop writes 700 KiB of notes/b
laptop writes 700 KiB of notes/c
settle
expect all notes/before "was here before"
expect equal
