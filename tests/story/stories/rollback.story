# A program that kept old bytes writes them over another device's change: held and shown, not sent.
devices laptop desk
start laptop desk
laptop writes notes/a "old"
settle
desk writes notes/a "new"
settle
laptop writes notes/a "old"
settle
expect conflict notes/a
expect laptop notes/a "old"
expect desk notes/a "new"
expect equal
laptop is killed
settle
expect conflict notes/a
desk resolves notes/a mine
settle
expect no conflicts
expect all notes/a "new"
# … and whoever chooses the old one is not asked again
laptop writes notes/a "old"
settle
expect conflict notes/a
laptop resolves notes/a mine
settle
expect all notes/a "old"
laptop writes notes/a "other"
laptop writes notes/a "old"
settle
expect no conflicts
expect all notes/a "old"
expect equal
