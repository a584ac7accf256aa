# Three devices edit at once: one head and two second versions, settled one after the other.
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
expect equal
laptop resolves notes/a theirs
settle
laptop resolves notes/a theirs
settle
expect no conflicts
expect laptop history notes/a "desk's"
expect laptop history notes/a "phone's"
expect equal
