# Somebody chooses against another device's version whose content never came, while nobody is there who has it: the choice goes
# out all the same.
devices laptop desk
start laptop desk
laptop writes notes/a "long enough for a change to be sent as a delta: qw7b3pdk x4py gpan0rly ei2ii annk sum8n mytbx kjqevta vetwt4ul 4ldqbwz 90xy a2clmhp3 6w7q3g xsc1fnv6 xjvr8ftu lfjt4k df8zcpwq3 0jdc5vnii 0gk1xjd0s 3k735 u4rs4zjhy l5vlf5r6 6xewctx9 r5qsvla49 ur3s6w rw0wl2 v7j7km 4sf0k7 0t9rbmk2l lc4ok ihul m9c03wy enpxawzr0 9xc9 tgs86vsw 008x3 ky4mi fwaygu8j y11o5s yykqt5q but5sj4 h2ps iza4 9rp4cp5r ss547 hbits8vs7 3wxi aq93 g8ma114y4 ms3eta1 s4tjk495 8j18de orfebv1ez 5dhhohis2 ll0ke nc9gyerd hzia1fu5 wxdisj6 99oqe9 qs7ip"
settle
cut desk
laptop appends notes/a "laptop's"
settle
stop laptop
desk writes notes/a "desk's"
desk finds its versions rotten
heal desk
wait 30
expect conflict notes/a
desk resolves notes/a mine
settle
expect no conflicts
start laptop
settle
expect all notes/a "desk's"
expect equal
