# An older version is brought back, on every device.
devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
laptop writes notes/a "two"
settle
desk restores notes/a "one"
settle
expect all notes/a "one"
expect laptop history notes/a "two"
expect no conflicts
expect equal
