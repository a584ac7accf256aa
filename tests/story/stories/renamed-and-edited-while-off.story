# A file that was renamed and edited while nobody watched is told by what it still has in common.
devices laptop desk
start laptop desk
laptop writes notes/a "the first line is long enough to tell\nthe second line is long enough as well\nthe third line\nthe fourth line"
settle
stop laptop
laptop renames notes/a notes/b
laptop appends notes/b "the fifth line"
start laptop
settle
expect all notes/a absent
expect all notes/b "the first line is long enough to tell\nthe second line is long enough as well\nthe third line\nthe fourth line\nthe fifth line"
expect equal
