# A kill and a power cut between two parts leave the file as it was, and nothing else.
devices laptop desk
parts of 600 bytes
start laptop desk
laptop writes 20 KiB of notes/large
settle
wait 5
desk dies behind 10 parts
laptop writes 20 KiB of notes/large
settle
expect equal
wait 5
desk dies behind 50 parts
laptop writes 20 KiB of notes/large
settle
expect equal
wait 5
laptop writes 20 KiB of notes/large
desk places 60 parts
desk loses power
start desk
settle
expect equal
