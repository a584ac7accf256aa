# A large file comes in parts, and small ones pass between them; it is replaced by another one, by a small one, and deleted.
devices laptop desk
parts of 600 bytes
start laptop desk
laptop writes 20 KiB of notes/large
desk places 5 parts
laptop writes notes/small "small"
settle
expect all notes/small "small"
expect equal
wait 5
laptop writes 15 KiB of notes/large
desk places 40 parts
laptop writes 15 KiB of notes/other
settle
expect equal
wait 5
laptop writes notes/large "short"
settle
expect all notes/large "short"
laptop removes notes/other
settle
expect all notes/other absent
expect no conflicts
expect equal
