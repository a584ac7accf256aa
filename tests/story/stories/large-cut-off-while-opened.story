# While a large entry is opened the link goes, or the process: it has never been, and comes again with what stood behind it.
devices laptop desk
parts of 600 bytes
start laptop desk
laptop writes 20 KiB of notes/large
desk opens a large entry
laptop writes notes/behind "behind"
hub is killed
desk writes notes/own "own"
settle
expect all notes/behind "behind"
expect all notes/own "own"
expect equal
wait 5
laptop writes 15 KiB of notes/large
desk opens a large entry
laptop writes notes/behind "and again"
desk is killed
settle
expect all notes/behind "and again"
expect equal
# edited by both: the one that is still being opened was first
wait 5
laptop writes 18 KiB of notes/large
desk opens a large entry
desk writes notes/large "mine"
settle
expect conflict notes/large
expect desk notes/large "mine"
desk resolves notes/large mine
settle
expect all notes/large "mine"
expect equal
