# The hub takes a change and the answer is lost: it is sent again, and counts once.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
laptop loses the next answer
laptop writes notes/a "two"
settle
expect all notes/a "two"
expect log 2
expect equal
