# Everything was gone at once, and is back before anybody was told what to do: there is nothing to ask about any more.
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
expect desk notes/b "b"
laptop writes notes/a "a"
laptop writes notes/b "b"
laptop writes notes/c "c, newer"
settle
expect all notes/a "a"
expect all notes/c "c, newer"
expect equal
