# A device's state comes from an old backup; its files are newer. It takes a new epoch, and nothing goes back.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
laptop is backed up
laptop writes notes/a "two"
laptop writes notes/b "new"
settle
desk writes notes/a "three"
settle
stop laptop
laptop is put back
start laptop
settle
expect all notes/a "three"
expect all notes/b "new"
expect no conflicts
expect log 4
laptop writes notes/a "four"
settle
expect all notes/a "four"
expect equal
