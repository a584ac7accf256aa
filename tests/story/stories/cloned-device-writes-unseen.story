# Both of two clones write under the same number before either is told of the other: none of it is lost.
devices laptop twin desk
start laptop desk
laptop writes notes/a "one"
settle
stop laptop
twin is a clone of laptop
cut laptop
start laptop
laptop writes notes/a "the first one's"
wait 20
stop laptop
start twin
twin writes notes/a "the twin's"
settle
stop twin
heal laptop
start laptop
settle
expect conflict notes/a
expect laptop notes/a "the first one's"
expect desk notes/a "the twin's"
