# What was in step before a power cut is in step after it.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
wait 60
laptop loses power
settle
desk loses power
settle
expect all notes/a "one"
expect log 1
expect equal
