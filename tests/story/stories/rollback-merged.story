# A program that writes what it had before a merge takes nothing back unseen.
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
desk writes merged/a "one\ntwo\nthree\nfour\nFIVE"
settle
expect conflict merged/a
expect laptop merged/a "ONE\ntwo\nthree\nfour\nFIVE"
desk resolves merged/a theirs
settle
expect all merged/a "ONE\ntwo\nthree\nfour\nFIVE"
expect equal
