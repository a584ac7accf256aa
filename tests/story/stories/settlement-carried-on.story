# A choice made offline is carried on top of what somebody else went on to write meanwhile.
devices laptop desk phone
start laptop desk phone
laptop writes merged/a "one\ntwo\nthree\nfour\nfive"
settle
cut desk
laptop writes merged/a "one\nlaptop's\nthree\nfour\nfive"
desk writes merged/a "one\ndesk's\nthree\nfour\nfive"
settle
heal desk
settle
expect conflict merged/a
cut laptop
laptop resolves merged/a theirs
phone writes merged/a "one\nlaptop's\nthree\nfour\nFIVE"
settle
heal laptop
settle
expect no conflicts
expect all merged/a "one\ndesk's\nthree\nfour\nFIVE"
expect equal
