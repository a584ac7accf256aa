# A settlement made while offline takes effect when the link is back.
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
cut laptop
wait 1
laptop resolves notes/a theirs
wait 5
expect desk notes/a "desk's"
heal laptop
settle
expect all notes/a "desk's"
expect no conflicts
expect equal
