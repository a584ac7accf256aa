# A bit flips in what the ledger knows of an item: it is no deletion and no edit, others are asked, and all is well.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
laptop appends notes/a "two"
laptop writes notes/b "three"
settle
stop desk
desk finds its record of notes/a damaged
start desk
settle
expect all notes/a "one\ntwo"
expect all notes/b "three"
expect no conflicts
laptop appends notes/a "more"
settle
expect all notes/a "one\ntwo\nmore"
expect equal
