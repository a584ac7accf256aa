# Three versions, both conflicts settled one after the other before the hub heard of either: each choice counts, no version goes.
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
expect conflict notes/a
cut laptop
laptop resolves notes/a both
laptop resolves notes/a both
wait 2
heal laptop
settle
expect no conflicts
expect desk history notes/a "desk's"
expect phone history notes/a "phone's"
expect equal
