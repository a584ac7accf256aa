# A conflict is settled from the phone: keep mine. For the desk "mine" is its own second version; elsewhere it is the head.
devices laptop desk phone
start laptop desk phone
laptop writes notes/a "base"
settle
cut desk
laptop writes notes/a "laptop's"
desk writes notes/a "desk's"
settle
heal desk
settle
expect conflict notes/a
phone resolves notes/a mine
settle
expect all notes/a "laptop's"
expect no conflicts
expect laptop history notes/a "laptop's"
expect desk history notes/a "desk's"
expect equal
