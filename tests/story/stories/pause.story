devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
desk pauses
laptop writes notes/a "two"
wait 20
expect desk notes/a "one"
desk resumes
settle
expect all notes/a "two"
expect equal
