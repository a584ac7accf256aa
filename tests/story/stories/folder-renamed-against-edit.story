# A folder is renamed here while a file in it is edited, and another made, elsewhere: neither is lost, no name is doubled.
devices laptop desk
start laptop desk
laptop writes notes/d/a "one"
laptop writes notes/d/b "two"
settle
cut desk
laptop renames folder notes/d notes/g
desk appends notes/d/a "desk's"
desk writes notes/d/new "desk's new one"
settle
heal desk
settle
expect all notes/g/b "two"
expect all notes/d/b absent
expect all notes/d/new "desk's new one"
expect all notes/d/a "one\ndesk's"
expect equal
