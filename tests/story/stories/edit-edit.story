# Both change the same file while they cannot hear each other: nobody wins silently.
devices laptop desk phone
start laptop desk phone
laptop writes notes/a "base"
settle
cut desk
laptop writes notes/a "laptop's"
desk writes notes/a "desk's"
settle
heal desk
settle
expect laptop notes/a "laptop's"
expect phone notes/a "laptop's"
expect desk notes/a "desk's"
expect conflict notes/a
expect equal
