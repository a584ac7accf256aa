# A settlement cannot be taken back when the other version's content is lost: said at once, or when it was to be sent.
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
cut desk
desk resolves notes/a mine
desk undoes notes/a
desk finds its versions rotten
heal desk
settle
expect no conflicts
expect all notes/a "desk's"
desk cannot undo notes/a
settle
expect no conflicts
expect equal
laptop writes notes/b "base"
settle
cut desk
laptop writes notes/b "laptop's"
desk writes notes/b "desk's"
settle
heal desk
settle
desk resolves notes/b mine
settle
desk finds its versions rotten
desk cannot undo notes/b
settle
expect all notes/b "desk's"
expect no conflicts
expect equal
