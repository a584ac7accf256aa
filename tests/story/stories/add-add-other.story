devices laptop desk
start laptop desk
cut desk
laptop writes notes/a "laptop's"
desk writes notes/a "desk's"
settle
heal desk
settle
expect conflict notes/a
expect laptop notes/a "laptop's"
expect desk notes/a "desk's"
desk resolves notes/a mine
settle
expect all notes/a "desk's"
expect no conflicts
expect equal
