# Two other devices are in conflict, and the version of the first cannot be placed here yet: what would be chosen now is
# made of neither, and would give way to it. It can be settled when the file is there.
devices laptop desk phone
start laptop desk phone
laptop writes notes/d/x "one"
settle
phone makes folder notes/d read-only
cut desk
laptop writes notes/d/x "one, by the laptop"
desk writes notes/d/x "one, by the desk"
wait 5
heal desk
wait 20
expect conflict notes/d/x
phone cannot resolve notes/d/x theirs
phone cannot resolve notes/d/x mine
phone makes folder notes/d open
settle
expect phone notes/d/x "one, by the laptop"
phone resolves notes/d/x theirs
settle
expect all notes/d/x "one, by the desk"
expect no conflicts
expect equal
