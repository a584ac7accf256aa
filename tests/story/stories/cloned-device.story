# A machine is cloned, and one device id lives twice: whoever comes second goes on under a new epoch, and what both wrote
# under the same number is kept.
devices laptop twin desk
start laptop desk
laptop writes notes/a "one"
settle
stop laptop
twin is a clone of laptop
start twin
twin writes notes/b "the twin's"
settle
stop twin
start laptop
laptop writes notes/c "the first one's"
settle
expect laptop notes/b "the twin's"
expect desk notes/b "the twin's"
expect desk notes/c "the first one's"
stop laptop
start twin
settle
twin appends notes/a "more"
settle
expect twin notes/c "the first one's"
expect desk notes/a "one\nmore"
expect no conflicts
