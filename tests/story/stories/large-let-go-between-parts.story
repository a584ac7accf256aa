# A large file on its way to its place is let go when it is paused, when its folder goes, and when a newer version is here.
devices laptop desk
parts of 600 bytes
laptop has a slow line
start laptop desk
laptop writes 20 KiB of notes/large
desk places 5 parts
desk pauses
wait 10
expect desk notes/large absent
desk resumes
settle
expect equal
laptop writes 20 KiB of notes/large
desk places 5 parts
desk loses root notes
wait 10
desk finds root notes again
settle
expect equal
# the next version waits at the laptop until the hub has this one
laptop writes 200 KiB of notes/large
wait 2
laptop writes notes/large "short"
settle
expect all notes/large "short"
laptop writes 200 KiB of notes/large
wait 2
laptop writes 1 KiB of notes/large
settle
expect no conflicts
expect equal
