# A settlement by hand taken back, over a restart, and settled the other way.
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
desk resolves notes/a mine
settle
expect all notes/a "desk's"
stop desk
start desk
desk undoes notes/a
settle
expect conflict notes/a
expect desk notes/a "desk's"
expect laptop notes/a "laptop's"
desk resolves notes/a theirs
settle
expect no conflicts
expect all notes/a "laptop's"
desk undoes notes/a
settle
expect conflict notes/a
expect desk notes/a "desk's"
expect laptop notes/a "laptop's"
expect equal
laptop resolves notes/a theirs
settle
expect all notes/a "desk's"
laptop undoes notes/a
settle
expect conflict notes/a
expect laptop notes/a "laptop's"
expect equal
