devices laptop desk
start laptop desk
laptop writes notes/a "one"
settle
desk cannot resolve notes/a mine
expect equal
