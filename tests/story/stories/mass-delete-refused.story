# Everything is gone at once while the engine was off, and a person says no: all of it comes back.
devices laptop desk
start laptop desk
laptop writes notes/a "a"
laptop writes notes/b "b"
laptop writes notes/c "c"
settle
stop laptop
laptop removes notes/a
laptop removes notes/b
laptop removes notes/c
start laptop
wait 30
expect desk notes/a "a"
expect desk notes/c "c"
laptop brings back notes
settle
expect all notes/a "a"
expect all notes/b "b"
expect all notes/c "c"
expect log 3
expect equal
