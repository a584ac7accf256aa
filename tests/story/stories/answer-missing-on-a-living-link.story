# A confirmation goes missing and the connection lives on: it is asked for anew, without a restart.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
laptop misses the next answer
laptop writes notes/a "two"
settle
expect all notes/a "two"
expect log 2
expect equal
