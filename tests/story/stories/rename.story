devices laptop desk
start laptop desk
laptop writes notes/a "text"
settle
laptop renames notes/a notes/d/b
settle
expect all notes/a absent
expect all notes/d/b "text"
expect log 3
expect equal
