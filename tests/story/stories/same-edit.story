# Both make the same edit: they agree by themselves.
devices laptop desk
start laptop desk
laptop writes notes/a "base"
settle
cut desk
laptop writes notes/a "new"
desk writes notes/a "new"
settle
heal desk
settle
expect all notes/a "new"
expect no conflicts
expect log 2
expect equal
