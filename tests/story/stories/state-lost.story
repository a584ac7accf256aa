# Ledger and versions of a device are lost, its keys are not: it unites with the log, and nothing is reverted.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
laptop writes notes/b "two"
settle
stop laptop
laptop loses its state
desk writes notes/a "newer"
laptop writes notes/c "written while off"
settle
start laptop
settle
expect laptop notes/b "two"
expect desk notes/c "written while off"
expect desk notes/a "newer"
expect desk history notes/a "newer"
expect equal
