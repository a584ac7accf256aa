# An engine dies when the merge stands in the file, before it could say so: the merge is not merged with the head again.
devices laptop desk
start laptop desk
laptop writes merged/a.json '[\n  {"k":0},\n  {"k":1}\n]'
settle
cut desk
laptop writes merged/a.json '[\n  {"k":0}\n]'
desk writes merged/a.json '[{"k":1}]'
settle
desk dies placing the next file
heal desk
settle
expect no conflicts
expect all merged/a.json '[]'
expect log 3
expect equal
