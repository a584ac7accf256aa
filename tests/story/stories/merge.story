# Two devices change different lines: both changes are in the file everywhere, nobody is asked, both versions can be had.
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
expect no conflicts
expect all merged/a "ONE\ntwo\nthree\nfour\nFIVE"
expect desk history merged/a "one\ntwo\nthree\nfour\nFIVE"
expect desk history merged/a "ONE\ntwo\nthree\nfour\nfive"
expect laptop history merged/a "ONE\ntwo\nthree\nfour\nFIVE"
expect log 3
expect equal
