# Toggling back and forth on one device is never asked about.
devices laptop desk
start laptop desk
laptop writes notes/a "dark"
settle
laptop writes notes/a "light"
settle
laptop writes notes/a "dark"
settle
laptop writes notes/a "light"
settle
expect no conflicts
expect all notes/a "light"
laptop restores notes/a "dark"
settle
expect no conflicts
expect all notes/a "dark"
expect equal
