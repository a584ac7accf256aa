# What was edited since it was settled is not taken back.
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
laptop writes notes/a "edited since"
settle
desk cannot undo notes/a
expect all notes/a "edited since"
expect no conflicts
expect equal
