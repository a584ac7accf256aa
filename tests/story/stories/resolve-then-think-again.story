# A choice made on the way to the hub, and another one before its answer came: the last one counts.
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
cut desk
desk resolves notes/a mine
desk resolves notes/a theirs
heal desk
settle
expect no conflicts
expect all notes/a "laptop's"
expect equal
