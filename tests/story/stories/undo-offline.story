# Settled and taken back without a hub: as if nothing had been.
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
wait 5
heal desk
settle
expect conflict notes/a
expect desk notes/a "desk's"
expect laptop notes/a "laptop's"
expect equal
