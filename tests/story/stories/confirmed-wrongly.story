# A confirmation is changed on its way and names what was never sent: the device begins anew, and nothing is sent twice.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
laptop hears the next answer wrong
laptop writes notes/a "two"
settle
expect all notes/a "two"
expect log 2
laptop writes notes/a "three"
settle
expect all notes/a "three"
expect log 3
expect equal
