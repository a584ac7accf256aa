# Who has no room for a file still hands its content to others; the file follows when there is room.
devices laptop desk phone
start laptop desk phone
laptop writes notes/a "long enough for a change to be sent as a delta: qw7b3pdk x4py gpan0rly ei2ii annk sum8n mytbx kjqevta vetwt4ul 4ldqbwz 90xy a2clmhp3 6w7q3g xsc1fnv6 xjvr8ftu lfjt4k df8zcpwq3 0jdc5vnii 0gk1xjd0s 3k735 u4rs4zjhy l5vlf5r6 6xewctx9 r5qsvla49 ur3s6w rw0wl2 v7j7km 4sf0k7 0t9rbmk2l lc4ok ihul m9c03wy enpxawzr0 9xc9 tgs86vsw 008x3 ky4mi fwaygu8j y11o5s yykqt5q but5sj4 h2ps iza4 9rp4cp5r ss547 hbits8vs7 3wxi aq93 g8ma114y4 ms3eta1 s4tjk495 8j18de orfebv1ez 5dhhohis2 ll0ke nc9gyerd hzia1fu5 wxdisj6 99oqe9 qs7ip"
settle
cut desk
phone has no room
laptop appends notes/a "two"
wait 10
stop laptop
desk finds its versions rotten
phone misses the next answer
heal desk
wait 90
expect desk notes/a "long enough for a change to be sent as a delta: qw7b3pdk x4py gpan0rly ei2ii annk sum8n mytbx kjqevta vetwt4ul 4ldqbwz 90xy a2clmhp3 6w7q3g xsc1fnv6 xjvr8ftu lfjt4k df8zcpwq3 0jdc5vnii 0gk1xjd0s 3k735 u4rs4zjhy l5vlf5r6 6xewctx9 r5qsvla49 ur3s6w rw0wl2 v7j7km 4sf0k7 0t9rbmk2l lc4ok ihul m9c03wy enpxawzr0 9xc9 tgs86vsw 008x3 ky4mi fwaygu8j y11o5s yykqt5q but5sj4 h2ps iza4 9rp4cp5r ss547 hbits8vs7 3wxi aq93 g8ma114y4 ms3eta1 s4tjk495 8j18de orfebv1ez 5dhhohis2 ll0ke nc9gyerd hzia1fu5 wxdisj6 99oqe9 qs7ip\ntwo"
expect phone notes/a "long enough for a change to be sent as a delta: qw7b3pdk x4py gpan0rly ei2ii annk sum8n mytbx kjqevta vetwt4ul 4ldqbwz 90xy a2clmhp3 6w7q3g xsc1fnv6 xjvr8ftu lfjt4k df8zcpwq3 0jdc5vnii 0gk1xjd0s 3k735 u4rs4zjhy l5vlf5r6 6xewctx9 r5qsvla49 ur3s6w rw0wl2 v7j7km 4sf0k7 0t9rbmk2l lc4ok ihul m9c03wy enpxawzr0 9xc9 tgs86vsw 008x3 ky4mi fwaygu8j y11o5s yykqt5q but5sj4 h2ps iza4 9rp4cp5r ss547 hbits8vs7 3wxi aq93 g8ma114y4 ms3eta1 s4tjk495 8j18de orfebv1ez 5dhhohis2 ll0ke nc9gyerd hzia1fu5 wxdisj6 99oqe9 qs7ip"
phone has room
start laptop
settle
expect phone notes/a "long enough for a change to be sent as a delta: qw7b3pdk x4py gpan0rly ei2ii annk sum8n mytbx kjqevta vetwt4ul 4ldqbwz 90xy a2clmhp3 6w7q3g xsc1fnv6 xjvr8ftu lfjt4k df8zcpwq3 0jdc5vnii 0gk1xjd0s 3k735 u4rs4zjhy l5vlf5r6 6xewctx9 r5qsvla49 ur3s6w rw0wl2 v7j7km 4sf0k7 0t9rbmk2l lc4ok ihul m9c03wy enpxawzr0 9xc9 tgs86vsw 008x3 ky4mi fwaygu8j y11o5s yykqt5q but5sj4 h2ps iza4 9rp4cp5r ss547 hbits8vs7 3wxi aq93 g8ma114y4 ms3eta1 s4tjk495 8j18de orfebv1ez 5dhhohis2 ll0ke nc9gyerd hzia1fu5 wxdisj6 99oqe9 qs7ip\ntwo"
expect equal
