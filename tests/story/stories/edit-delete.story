# Edited here, deleted there: the edit stays, on both.
devices laptop desk
start laptop desk
laptop writes notes/a "base"
settle
cut desk
laptop removes notes/a
settle
desk appends notes/a "more"
wait 10
heal desk
settle
expect desk history notes/a "base"
expect no conflicts
expect equal
desk writes notes/a "again"
settle
expect all notes/a "again"
