# Two people settle the same conflict at the same moment, and agree.
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
laptop resolves notes/a theirs
desk resolves notes/a mine
settle
expect all notes/a "desk's"
expect no conflicts
expect equal
