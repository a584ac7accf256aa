# Within a burst small changes wait to be joined, and no item goes more often than its limit a minute: what waits is the
# sending, and the last word always arrives.
devices laptop desk
start laptop desk
settle
laptop writes held/a "one line that is long enough to go by itself"
wait 0.5
laptop appends held/a "x"
wait 4
expect log 1
settle
expect all held/a "one line that is long enough to go by itself\nx"
laptop writes held/b "first"
wait 5
laptop appends held/b "second, and long enough to go by itself"
wait 5
laptop appends held/b "third, and long enough to go by itself"
wait 5
laptop appends held/b "fourth, and long enough to go by itself"
wait 5
expect desk held/b "first\nsecond, and long enough to go by itself\nthird, and long enough to go by itself"
wait 60
settle
expect desk held/b "first\nsecond, and long enough to go by itself\nthird, and long enough to go by itself\nfourth, and long enough to go by itself"
expect equal
