# The plain case: what is written on one device is on the others.
devices laptop desk phone
start laptop desk phone
laptop writes notes/a "one"
settle
expect all notes/a "one"
desk appends notes/a "two"
settle
phone makes notes/a executable
settle
expect all notes/a executable
phone removes notes/a
settle
expect all notes/a absent
expect no conflicts
expect equal
expect log 4
