# A file is renamed and at once copied back under its old name: two files, and neither is deleted for the other.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
laptop writes notes/a "two"
wait 1
laptop renames notes/a notes/b
laptop writes notes/a "two"
settle
expect all notes/a "two"
expect all notes/b "two"
expect equal
expect no conflicts
