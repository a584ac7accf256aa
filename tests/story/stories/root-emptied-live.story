# Whoever deletes all that there is, while the engine watches, is asked about it; but not about one file after another, or
# about all but one.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
laptop writes notes/d/b "two"
laptop writes notes/c "three"
settle
laptop removes notes/a
laptop removes notes/d/b
settle
expect all notes/a absent
expect all notes/d/b absent
expect all notes/c "three"
laptop writes notes/a "one"
settle
laptop removes notes/c
laptop removes notes/a
wait 10
expect desk notes/a "one"
expect desk notes/c "three"
laptop brings back notes
settle
expect all notes/a "one"
expect all notes/c "three"
laptop removes notes/c
laptop removes notes/a
wait 10
laptop accepts
settle
expect all notes/a absent
expect all notes/c absent
expect equal
# Some are missed already, and the others are deleted now: that leaves none, too.
laptop writes notes/a "one"
laptop writes notes/b "two"
laptop writes notes/c "three"
settle
stop laptop
laptop removes notes/a
laptop removes notes/b
laptop removes notes/c
laptop writes notes/x "four"
start laptop
wait 10
expect desk notes/a "one"
expect desk notes/x "four"
laptop removes notes/x
wait 10
expect desk notes/x "four"
laptop accepts
settle
expect all notes/a absent
expect all notes/x absent
expect equal
