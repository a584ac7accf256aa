# One side of a conflict is deleted where it lives: the other side stands, and comes there too.
devices laptop desk
start laptop desk
laptop writes notes/a "base"
settle
cut desk
laptop writes notes/a "laptop's"
desk writes notes/a "desk's"
settle
heal desk
settle
expect conflict notes/a
desk removes notes/a
settle
expect no conflicts
expect all notes/a "laptop's"
expect desk history notes/a "desk's"
expect equal
