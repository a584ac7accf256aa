# Power goes and engines die while the merge is made and sent: it is made once, and nothing is lost.
devices laptop desk
start laptop desk
laptop writes merged/a "one\ntwo\nthree\nfour\nfive"
settle
cut desk
laptop writes merged/a "ONE\ntwo\nthree\nfour\nfive"
desk writes merged/a "one\ntwo\nthree\nfour\nFIVE"
settle
heal desk
desk loses the next answer
wait 1
desk is killed
settle
expect no conflicts
expect all merged/a "ONE\ntwo\nthree\nfour\nFIVE"
desk loses power
settle
expect all merged/a "ONE\ntwo\nthree\nfour\nFIVE"
expect equal
