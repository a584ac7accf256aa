# A folder is removed here while a file in it is edited elsewhere: the edit beats the deletion, the rest goes.
devices laptop desk
start laptop desk
laptop writes notes/d/a "one"
laptop writes notes/d/b "two"
laptop writes notes/c "three"
settle
cut desk
laptop removes folder notes/d
desk appends notes/d/a "desk's"
settle
heal desk
settle
expect all notes/d/a "one\ndesk's"
expect all notes/d/b absent
expect all notes/c "three"
expect equal
