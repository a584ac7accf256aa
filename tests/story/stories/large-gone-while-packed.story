# A large file is gone again before all of it is packed: what was packed is for nothing, and nobody hears of it.
devices laptop desk
parts of 600 bytes
start laptop desk
laptop writes notes/beside "beside"
settle
expect log 1
laptop writes 400 KiB of notes/large
wait 1.2
laptop removes notes/large
settle
expect all notes/large absent
expect log 1
expect equal
