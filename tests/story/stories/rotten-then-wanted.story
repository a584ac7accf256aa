# A device that joins later wants what the first one's store has lost: its file is read again.
devices laptop desk
start laptop
laptop writes notes/a "one"
settle
laptop writes notes/a "one and two"
settle
laptop finds its versions rotten
start desk
settle
expect all notes/a "one and two"
expect equal
