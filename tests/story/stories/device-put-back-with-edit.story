# The same, with an edit made on top of what only the files remember.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
laptop is backed up
desk writes notes/a "two"
settle
stop laptop
laptop writes notes/a "two and a half"
laptop is put back
start laptop
settle
expect conflict notes/a
expect desk notes/a "two"
expect laptop notes/a "two and a half"
expect equal
