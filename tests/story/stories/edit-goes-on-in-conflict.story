# Both sides of a conflict are edited further: still one conflict, with the newest of each.
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
laptop writes notes/a "laptop's newer"
desk writes notes/a "desk's newer"
settle
expect conflict notes/a
expect laptop notes/a "laptop's newer"
expect desk notes/a "desk's newer"
expect equal
laptop resolves notes/a theirs
settle
expect all notes/a "desk's newer"
expect no conflicts
expect equal
