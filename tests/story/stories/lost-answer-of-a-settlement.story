# A settlement is two changes in one frame; its answer is lost.
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
desk loses the next answer
desk resolves notes/a mine
settle
expect all notes/a "desk's"
expect no conflicts
expect log 5
expect equal
