# The hub comes back from an old backup: the devices notice, change nothing, say so; then a person accepts, and what the
# hub forgot is offered again.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
hub is backed up
laptop writes notes/a "two"
laptop writes notes/b "new"
settle
hub is put back
wait 60
expect laptop refuses the hub
expect desk refuses the hub
expect all notes/a "two"
expect all notes/b "new"
laptop accepts
desk accepts
settle
expect all notes/b "new"
expect all notes/a "two"
expect equal
