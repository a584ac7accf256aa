# Three devices merge at once: the hub's order decides who merges again, and all end with everything.
devices laptop desk phone
start laptop desk phone
laptop writes merged/a "one\ntwo\nthree\nfour\nfive\nsix\nseven"
settle
cut laptop desk phone
laptop writes merged/a "ONE\ntwo\nthree\nfour\nfive\nsix\nseven"
desk writes merged/a "one\ntwo\nthree\nFOUR\nfive\nsix\nseven"
phone writes merged/a "one\ntwo\nthree\nfour\nfive\nsix\nSEVEN"
settle
heal laptop desk phone
settle
expect no conflicts
expect all merged/a "ONE\ntwo\nthree\nFOUR\nfive\nsix\nSEVEN"
expect equal
