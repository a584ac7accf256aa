# The same file gets another case here and a third one there: both names hold it, and no byte is lost.
devices laptop desk
start laptop desk
laptop writes notes/draft "three"
settle
cut desk
laptop renames notes/draft notes/Draft
desk renames notes/draft notes/DRAFT
settle
heal desk
settle
expect all notes/draft absent
expect all notes/Draft "three"
expect all notes/DRAFT "three"
expect equal
