# A mount point with nothing mounted on it looks like everything deleted: that is asked about, and is no deletion, over a
# restart too. With the disk back all goes on by itself.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
laptop writes notes/b "two"
laptop writes notes/c "three"
settle
laptop finds root notes empty
wait 60
laptop is killed
wait 60
expect desk notes/a "one"
expect desk notes/b "two"
expect log 3
laptop finds root notes again
settle
expect all notes/a "one"
expect all notes/c "three"
expect log 3
expect equal
