# An edit beats a delete, whatever the strategy.
devices laptop desk
start laptop desk
laptop writes merged/a "one"
laptop writes newest/a "one"
settle
cut desk
laptop removes merged/a
desk writes merged/a "two"
laptop writes newest/a "two"
desk removes newest/a
settle
heal desk
settle
expect no conflicts
expect all merged/a "two"
expect all newest/a "two"
expect equal
