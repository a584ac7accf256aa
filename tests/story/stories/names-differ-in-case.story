# Names are bytes: two that differ in case alone are two files, and renaming one into another case deletes nothing.
devices laptop desk
start laptop desk
laptop writes notes/Readme "one"
laptop writes notes/README "two"
laptop writes notes/draft "three"
settle
laptop renames notes/draft notes/Draft
settle
desk appends notes/Draft "more"
settle
expect all notes/Readme "one"
expect all notes/README "two"
expect all notes/draft absent
expect all notes/Draft "three\nmore"
expect no conflicts
expect equal
