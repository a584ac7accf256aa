# One clock is ten years ahead, the other one an hour behind, both all the time: the offset to the hub's is known, so the
# later edit stands, whoever made it.
devices laptop desk
desk is 87600 hours ahead
laptop is 1 hours behind
start laptop desk
laptop writes newest/a "base"
laptop writes newest/b "base"
settle
wait 40
cut laptop desk
laptop writes newest/a "laptop's, older"
desk writes newest/b "desk's, older"
wait 60
desk writes newest/a "desk's, newer"
laptop writes newest/b "laptop's, newer"
settle
heal desk
settle
heal laptop
settle
expect no conflicts
expect all newest/a "desk's, newer"
expect all newest/b "laptop's, newer"
expect laptop history newest/a "laptop's, older"
expect desk history newest/b "desk's, older"
expect equal
