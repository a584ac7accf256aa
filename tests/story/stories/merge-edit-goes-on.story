# The person goes on editing while merges come in.
devices laptop desk
start laptop desk
laptop writes merged/a "one\ntwo\nthree\nfour\nfive"
settle
desk writes merged/a "ONE\ntwo\nthree\nfour\nfive"
laptop writes merged/a "one\ntwo\nthree\nfour\nFIVE"
wait 3
laptop writes merged/a "ONE\ntwo\nthree\nfour\nFIVE\nsix"
desk writes merged/a "ONE\ntwo\nDREI\nfour\nFIVE"
settle
expect no conflicts
expect all merged/a "ONE\ntwo\nDREI\nfour\nFIVE\nsix"
expect equal
