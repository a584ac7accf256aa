# The place in the log that was still to be told when the link went is told at the next greeting: a device without a hub
# has nothing to do meanwhile, and does nothing.
devices laptop desk
start laptop desk
settle
laptop writes notes/a "one"
wait 1
cut laptop desk
wait 60
heal laptop desk
settle
wait 20
expect all notes/a "one"
expect equal
