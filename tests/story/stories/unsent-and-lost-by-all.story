# What a power cut took back, unsent, is gone from the store too: the file stays as the disk has it, and all agree on that.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
cut laptop
laptop writes notes/b "two"
wait 1
laptop finds its versions rotten
laptop loses power
heal laptop
settle
expect all notes/a "one"
expect equal
