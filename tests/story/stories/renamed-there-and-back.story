# A name that is only passed through is nobody's business: there and back, through a chain, and as the third name of a swap.
devices laptop desk
start laptop desk
laptop writes notes/d/one "1"
laptop writes notes/d/two "2"
settle
expect log 2
laptop renames folder notes/d notes/e
wait 0.05
laptop renames folder notes/e notes/d
settle
expect log 2
# and again, while it is remembered where the names came from
laptop renames folder notes/d notes/e
wait 0.2
laptop renames folder notes/e notes/d
settle
expect log 2
laptop renames notes/d/one notes/d/x
wait 0.1
laptop renames notes/d/x notes/d/y
wait 0.1
laptop renames notes/d/y notes/d/one
settle
expect log 2
laptop renames notes/d/one notes/d/t
laptop renames notes/d/two notes/d/one
wait 0.1
laptop renames notes/d/t notes/d/two
settle
expect log 4
expect all notes/d/one "2"
expect all notes/d/two "1"
# a swap by hand: each of the three is seen before the next
laptop renames notes/d/one notes/d/t
wait 0.02
laptop renames notes/d/two notes/d/one
wait 0.1
laptop renames notes/d/t notes/d/two
settle
expect log 6
expect all notes/d/one "1"
expect all notes/d/two "2"
# what stays is a rename still, through names that did not
laptop renames notes/d/one notes/d/t
wait 0.1
laptop renames notes/d/t notes/d/three
settle
expect log 8
expect all notes/d/one absent
expect all notes/d/three "1"
expect desk history notes/d/three "1"
expect equal
