# A history is thinned: what is old goes, and what an open conflict, an undo or an unsent change needs does not.
devices laptop desk
start laptop desk
laptop writes merged/m "one\ntwo\nthree"
laptop writes notes/plan "first"
settle
laptop writes notes/plan "second"
settle
laptop writes notes/plan "third"
settle
wait 30
laptop thins its history
desk thins its history
expect laptop no history notes/plan "first"
expect desk no history notes/plan "second"
expect laptop history notes/plan "third"
cut laptop desk
laptop writes notes/plan "laptop's"
desk writes notes/plan "desk's"
laptop writes merged/m "ONE\ntwo\nthree"
desk writes merged/m "one\ntwo\nTHREE"
settle
wait 30
laptop thins its history
desk thins its history
heal desk laptop
settle
expect all merged/m "ONE\ntwo\nTHREE"
expect conflict notes/plan
wait 30
laptop thins its history
desk thins its history
laptop resolves notes/plan original
settle
expect all notes/plan "third"
wait 30
laptop thins its history
desk thins its history
laptop undoes notes/plan
settle
expect conflict notes/plan
expect laptop notes/plan "laptop's"
laptop resolves notes/plan theirs
settle
expect all notes/plan "desk's"
laptop is killed
settle
expect no conflicts
expect equal
