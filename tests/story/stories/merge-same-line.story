# The same line on both sides is a conflict; a settlement ends it.
devices laptop desk
start laptop desk
laptop writes merged/a "one\ntwo\nthree"
settle
cut desk
laptop writes merged/a "one\nzwei\nthree"
desk writes merged/a "one\ndeux\nthree"
settle
heal desk
settle
expect conflict merged/a
expect laptop merged/a "one\nzwei\nthree"
expect desk merged/a "one\ndeux\nthree"
desk cannot resolve merged/a auto
desk resolves merged/a both
settle
expect no conflicts
expect all merged/a "one\ndeux\nzwei\nthree"
expect equal
