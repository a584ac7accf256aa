# A large file on a slow line, cut in the middle: it goes on where it was, and a small edit does not wait for its end.
devices laptop desk
laptop has a slow line
start laptop desk
settle
laptop writes 500 KiB of notes/large
wait 5
cut laptop
heal laptop
wait 3
laptop writes notes/small "small"
wait 10
expect desk notes/small "small"
settle
expect equal
