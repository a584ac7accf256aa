# A merge taken back: the file is as before, the conflict open everywhere; then somebody chooses.
devices laptop desk
start laptop desk
laptop writes merged/a "one\ntwo\nthree\nfour\nfive"
settle
cut desk
laptop writes merged/a "ONE\ntwo\nthree\nfour\nfive"
desk writes merged/a "one\ntwo\nthree\nfour\nFIVE"
settle
heal desk
settle
expect all merged/a "ONE\ntwo\nthree\nfour\nFIVE"
desk undoes merged/a
settle
expect conflict merged/a
expect desk merged/a "one\ntwo\nthree\nfour\nFIVE"
expect laptop merged/a "ONE\ntwo\nthree\nfour\nfive"
expect equal
desk is killed
settle
expect conflict merged/a
desk cannot undo merged/a
laptop resolves merged/a auto
settle
expect no conflicts
expect all merged/a "ONE\ntwo\nthree\nfour\nFIVE"
expect equal
