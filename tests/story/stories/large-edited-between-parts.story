# Whoever edits a file while a large one is on its way to its place keeps the edit: both are asked about.
devices laptop desk
parts of 600 bytes
start laptop desk
laptop writes 20 KiB of notes/first
laptop writes 20 KiB of notes/second
laptop writes 20 KiB of notes/third
settle
wait 5
# while the new one is written
laptop writes 20 KiB of notes/first
desk places 7 parts
desk writes notes/first "mine"
settle
expect conflict notes/first
expect desk notes/first "mine"
# while the old one is read
laptop writes 20 KiB of notes/second
desk places 50 parts
desk writes notes/second "mine too"
settle
expect conflict notes/second
expect desk notes/second "mine too"
# without an event, by a program that has it mapped
laptop writes 20 KiB of notes/third
desk places 50 parts
desk writes unseen notes/third "and this"
settle
expect conflict notes/third
expect equal
