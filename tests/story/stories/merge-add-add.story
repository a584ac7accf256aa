# Two files made independently under one name have no common original: no merge, whatever the strategy.
devices laptop desk
start laptop desk
cut desk
laptop writes merged/a "one\ntwo"
desk writes merged/a "one\nthree"
settle
heal desk
settle
expect conflict merged/a
laptop cannot resolve merged/a original
laptop cannot resolve merged/a auto
laptop resolves merged/a mine
settle
expect all merged/a "one\ntwo"
expect equal
