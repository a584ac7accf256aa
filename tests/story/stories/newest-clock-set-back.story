# A clock that is set a week back while nobody can tell: what the hub took first stands, not what has the later date; and
# a clock that is set right again is believed again.
devices laptop desk
start laptop desk
laptop writes newest/a "base"
laptop writes newest/b "base"
settle
wait 40
cut laptop desk
desk is 168 hours behind
laptop writes newest/a "laptop's, dated right"
wait 60
desk writes newest/a "desk's, newer, dated a week ago"
settle
heal desk
settle
heal laptop
settle
expect no conflicts
expect all newest/a "desk's, newer, dated a week ago"
expect laptop history newest/a "laptop's, dated right"
wait 120
cut laptop desk
desk writes newest/b "desk's, older"
wait 60
laptop writes newest/b "laptop's, newer"
settle
heal desk
settle
heal laptop
settle
expect all newest/b "laptop's, newer"
expect equal
