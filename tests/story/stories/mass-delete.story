# Everything is gone at once while the engine was off: that is rather a lost disk than a wish. It is asked about first.
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
laptop accepts
settle
expect all notes/a absent
expect all notes/c absent
expect equal
