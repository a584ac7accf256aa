# A write through mmap, or through a hard link from outside, causes no event: the hourly scan finds it.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
laptop writes unseen notes/a "two"
wait 3700
settle
expect all notes/a "one\ntwo"
expect equal
