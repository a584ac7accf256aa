# What cannot be placed, because its folder may not be written to or not be entered, waits; it is no deletion, and comes
# once it can.
devices laptop desk
start laptop desk
laptop writes notes/d/a "one"
laptop writes notes/e/b "two"
settle
desk makes folder notes/d read-only
desk makes folder notes/e closed
laptop writes notes/d/a "one and more"
laptop writes notes/d/new "new"
laptop writes notes/e/b "two and more"
wait 20
expect desk notes/d/a "one"
expect desk notes/d/new absent
expect laptop notes/e/b "two and more"
desk makes folder notes/d open
desk makes folder notes/e open
settle
expect all notes/d/a "one and more"
expect all notes/d/new "new"
expect all notes/e/b "two and more"
expect no conflicts
expect log 5
expect equal
