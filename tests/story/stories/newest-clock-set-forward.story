# A clock that is set ten years forward while nobody can tell how wrong it is: its edit, which was the earlier one, does
# not win by its date. What the hub took first stands, and the other one can be had.
devices laptop desk
start laptop desk
laptop writes newest/a "base"
settle
wait 40
cut laptop desk
desk is 87600 hours ahead
desk writes newest/a "desk's, older, dated ten years on"
settle
wait 60
laptop writes newest/a "laptop's, newer"
settle
heal laptop
settle
heal desk
settle
expect no conflicts
expect all newest/a "laptop's, newer"
expect desk history newest/a "desk's, older, dated ten years on"
expect equal
