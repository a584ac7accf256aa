# The store loses a version that came from another device, and the hub forgets it: this device must offer it as the second
# version of a conflict. Its file still has it, and is read for it, though it looks untouched.
devices laptop desk
start laptop
hub is backed up
laptop writes notes/a "one"
settle
start desk
settle
hub is put back
laptop writes notes/a "two"
wait 30
desk finds its versions rotten
laptop accepts
wait 5
desk accepts
settle
expect conflict notes/a
expect laptop notes/a "two"
expect desk notes/a "one"
laptop resolves notes/a theirs
settle
expect all notes/a "one"
expect equal
