# The watcher's queue overflows, and nothing is told of single files: a scan finds what was made, edited and removed.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
laptop writes notes/b "two"
settle
laptop loses events
laptop appends notes/a "more"
laptop removes notes/b
laptop writes notes/d/c "three"
laptop hears events
settle
expect all notes/a "one\nmore"
expect all notes/b absent
expect all notes/d/c "three"
expect equal
