# Somebody saves in the moment between the last look at a file and its exchange, a small one and a large one: they keep it.
devices laptop desk
parts of 600 bytes
start laptop desk
laptop writes notes/small "one"
laptop writes 20 KiB of notes/large
settle
wait 5
desk writes notes/small "mine" right before the next exchange
laptop writes notes/small "two"
settle
expect desk notes/small "mine"
expect conflict notes/small
desk writes notes/large "mine too" right before the next exchange
laptop writes 20 KiB of notes/large
settle
expect desk notes/large "mine too"
expect conflict notes/large
expect equal
