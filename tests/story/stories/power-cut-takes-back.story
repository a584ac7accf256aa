# What was saved just before the power went may be gone as a whole: it comes back, sent or not, and is deleted nowhere.
devices laptop desk
start laptop desk
laptop writes notes/long "there for long"
settle
wait 100
laptop writes notes/sent "saved and sent"
settle
cut laptop
laptop writes notes/unsent "saved, not sent"
wait 1
laptop loses power
heal laptop
settle
expect all notes/long "there for long"
expect all notes/sent "saved and sent"
expect all notes/unsent "saved, not sent"
expect equal
# Killed only, a file that is gone was deleted.
desk writes notes/other "on the desk"
settle
stop laptop
laptop removes notes/other
start laptop
settle
expect all notes/other absent
expect equal
