# The same, and the device is killed before it can send again, and again the answer is lost.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
laptop loses the next answer
laptop writes notes/a "two"
wait 1
laptop is killed
laptop loses the next answer
settle
desk writes notes/a "three"
settle
expect all notes/a "three"
expect log 3
expect equal
