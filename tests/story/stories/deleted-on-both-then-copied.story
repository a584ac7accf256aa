# What was deleted on two devices at once, came back, and is then copied, was not renamed.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
desk removes notes/a
laptop removes notes/a
settle
desk writes notes/a "one"
settle
expect all notes/a "one"
laptop writes notes/b "one"
settle
expect all notes/a "one"
expect all notes/b "one"
expect equal
expect no conflicts
