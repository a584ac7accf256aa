# Two people settle at the same moment, and do not agree: one result, everything in history.
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
laptop resolves notes/a mine
desk resolves notes/a mine
settle
expect no conflicts
expect desk history notes/a "desk's"
expect desk history notes/a "laptop's"
expect equal
