# The folder of a category vanishes, as a disk that is pulled: an error, and no deletion. What changed meanwhile comes
# when it is back.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
laptop writes notes/b "two"
settle
laptop loses root notes
wait 30
desk appends notes/a "more"
wait 30
expect desk notes/a "one\nmore"
expect desk notes/b "two"
laptop finds root notes again
settle
expect all notes/a "one\nmore"
expect all notes/b "two"
expect equal
