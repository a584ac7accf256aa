# The later edit stands, although the hub heard of it first or last; nobody is asked; the other one is in the history.
devices laptop desk
start laptop desk
laptop writes newest/a "base"
laptop writes newest/b "base"
settle
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
