# An ordered set of lines: what either added is there once, what either removed is gone.
devices laptop desk
start laptop desk
laptop writes lines/history "a\nb\nc"
settle
cut desk
laptop writes lines/history "a\nb\nc\nd\nboth"
desk writes lines/history "b\nc\ne\nboth"
settle
heal desk
settle
expect no conflicts
expect laptop history lines/history "a\nb\nc\nd\nboth"
expect desk history lines/history "b\nc\ne\nboth"
expect equal
