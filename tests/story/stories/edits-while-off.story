# The engine is not running: the scan at the start finds what changed.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
laptop writes notes/b "two"
laptop writes notes/c "three"
settle
stop laptop
laptop writes notes/a "one and a half"
laptop removes notes/b
laptop writes notes/d "four"
start laptop
settle
expect all notes/a "one and a half"
expect all notes/b absent
expect all notes/d "four"
expect equal
