# The store loses a captured version before it was sent: the file still has it, and it arrives.
devices laptop desk
start laptop desk
settle
cut laptop
laptop writes notes/a "one"
laptop writes notes/b "two"
wait 20
laptop finds its versions rotten
heal laptop
settle
expect all notes/a "one"
expect all notes/b "two"
expect equal
