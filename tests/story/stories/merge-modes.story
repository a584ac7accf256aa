# A bit that one side changed goes with the lines that the other changed.
devices laptop desk
start laptop desk
laptop writes merged/a "one\ntwo\nthree"
settle
cut desk
laptop makes merged/a executable
desk writes merged/a "one\ntwo\nTHREE"
settle
heal desk
settle
expect no conflicts
expect all merged/a "one\ntwo\nTHREE"
expect all merged/a executable
expect equal
