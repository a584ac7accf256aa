# A choice met a newer head and became a conflict of its own: who settles the first one elsewhere has not settled this one.
devices laptop desk phone
start laptop desk phone
settle
cut desk
laptop writes notes/a "laptop's"
desk writes notes/a "desk's"
settle
heal desk
settle
expect conflict notes/a
cut desk phone
desk resolves notes/a theirs
phone resolves notes/a both
laptop writes notes/a "laptop's\nmore"
settle
heal phone
settle
expect phone notes/a "laptop's\ndesk's"
heal desk
settle
expect phone notes/a "laptop's\ndesk's"
expect conflict notes/a
phone resolves notes/a mine
settle
expect no conflicts
expect all notes/a "laptop's\ndesk's"
expect equal
