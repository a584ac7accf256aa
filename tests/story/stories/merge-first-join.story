# Whoever joins with a file of their own never wins, and never merges, by itself.
devices laptop desk
start laptop
laptop writes merged/a "one\ntwo"
laptop writes newest/a "laptop's"
settle
desk writes merged/a "one\ntwo\nthree"
desk writes newest/a "desk's"
start desk
settle
expect conflict merged/a
expect conflict newest/a
expect desk newest/a "desk's"
expect laptop newest/a "laptop's"
desk resolves newest/a theirs
desk resolves merged/a mine
settle
expect all newest/a "laptop's"
expect all merged/a "one\ntwo\nthree"
expect no conflicts
expect equal
