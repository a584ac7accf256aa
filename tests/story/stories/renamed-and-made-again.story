# A file is renamed, and a moment later another has its old name: no deletion, and both are everywhere.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
laptop renames notes/a notes/b
wait 0.1
laptop writes notes/a "another"
settle
expect all notes/a "another"
expect all notes/b "one"
expect equal
