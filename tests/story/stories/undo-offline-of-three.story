# Of three versions one is kept without a hub, and that is taken back: a restart later the others are still asked about.
devices laptop desk phone
start laptop desk phone
laptop writes notes/a "base"
settle
cut desk phone
laptop writes notes/a "laptop's"
desk writes notes/a "desk's"
phone writes notes/a "phone's"
settle
heal desk
settle
heal phone
settle
expect log 4
cut phone
wait 1
phone resolves notes/a mine
phone undoes notes/a
wait 5
heal phone
settle
stop phone
start phone
settle
expect log 4
expect conflict notes/a
expect equal
