# When both sides changed, on real devices: merges, the newest, settlements of every kind, hunks over the control socket,
# undo, the rollback guard, and what history and why say of it.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"

A=$S/a/notes
B=$S/b/notes
more_categories() {
	for device; do
		mkdir -p "$S/$device/asked" "$S/$device/themes" "$S/$device/links" &&
			on "$device" add asked "$S/$device/asked" --profile notes --strategy ask --quiet &&
			on "$device" add themes "$S/$device/themes" --quiet && on "$device" add quicklinks "$S/$device/links" --quiet || return 1
	done
}
devices_begin() { hub_start && device_make a b c && more_categories a b c && settle a b c; }
t "a hub and three devices" devices_begin

in_step() { settle a b c && same a b && same b c; }
no_conflicts() { for device in a b c; do [ "$(on $device conflicts --json)" = "[]" ] || return 1; done; }
# FILE ONE OTHER: a and b write it without knowing of each other; a is first to tell.
both_write() {
	on b pause --quiet && printf "$2" >"$S/a/$1" && printf "$3" >"$S/b/$1" && settle a &&
		on b sync --quiet && on b resume --quiet && settle a b c
}
hub_back() { hub_start && for device in a b c; do on $device retry --quiet || return 1; done; }
exits() {
	want=$1; shift
	"$@" >"$S/out" 2>"$S/err"; got=$?
	[ $got = "$want" ] || { echo "exit $got, not $want: $*"; cat "$S/out" "$S/err"; return 1; }
}
apart() { for device in a b; do [ "$(on $device status --json | json --get connection.state)" != connected ] || return 1; done; }
ask() { printf '%s' "$2" | timeout 20 "$LIB/ask" "$S/$1/home/control.sock"; }
field() { on "$1" conflicts --json | json --get "[0].$2"; }

settings='// what I like\n{\n\t"theme": "dark", // never light\n\t"editor": {"size": 12, "wrap": true,},\n\t/* paths */ "home": "/h",\n}\n'
json_keys() {
	printf "$settings" >"$A/settings.jsonc" && in_step &&
		both_write notes/settings.jsonc "$(printf '%s' "$settings" | sed 's/"size": 12/"size": 14/')" \
			"$(printf '%s' "$settings" | sed 's/"dark"/"dim"/')" && in_step && no_conflicts || return 1
	printf "$(printf '%s' "$settings" | sed 's/"size": 12/"size": 14/; s/"dark"/"dim"/')" >"$S/want"
	cmp "$S/want" "$A/settings.jsonc"
}
t "two keys of a commented settings file, on two devices: just these bytes change" json_keys

text='one\ntwo\nthree\nfour\nfive\nsix\nseven\n'
merged() {
	printf "$text" >"$A/text" && in_step &&
		both_write notes/text 'ONE\ntwo\nthree\nfour\nfive\nsix\nseven\n' 'one\ntwo\nthree\nfour\nfive\nsix\nSEVEN\nand more\n' &&
		in_step && no_conflicts && printf 'ONE\ntwo\nthree\nfour\nfive\nsix\nSEVEN\nand more\n' | cmp - "$B/text"
}
t "different lines on two devices are merged" merged

parents() {
	mine=$(on b history --json notes/text | json --get '[0].mine') && theirs=$(on b history --json notes/text | json --get '[0].theirs') &&
		[ "$(on b history --json notes/text | json --get '[0].how')" = merge ] &&
		on b show "notes/text@$mine" | grep -q '^and more$' && on b show "notes/text@$theirs" | grep -q '^ONE$' &&
		on b history notes/text | grep -q "merge.*of $(echo "$mine" | cut -c1-8) and $(echo "$theirs" | cut -c1-8)" &&
		on b why notes/text | grep -q "merged it with another device's change"
}
t "both versions of a merge can be had, and history and why tell of it" parents

undo_merge() {
	on b undo notes/text | grep -q 'taken back' && settle a b c && [ "$(field c item)" = notes/text ] &&
		! grep -q ONE "$B/text" && grep -q ONE "$A/text" && ! grep -q 'and more' "$A/text" &&
		[ "$(field a merged_clean)" = true ] && [ "$(field b hunks)" = 0 ] &&
		on a resolve notes/text --keep auto --quiet && in_step && no_conflicts && grep -q ONE "$B/text" && grep -q 'and more' "$A/text"
}
t "a merge is taken back, and made again by hand" undo_merge

lines_union() {
	printf 'a\nb\nc\n' >"$S/a/links/list" && settle a b c &&
		both_write links/list 'a\nb\nc\nd\n' 'b\nc\ne\n' && no_conflicts && cmp "$S/a/links/list" "$S/b/links/list" &&
		[ "$(sort "$S/a/links/list" | tr -d '\n')" = bcde ]
}
t "lists of lines: a union, and what was removed stays removed" lines_union

newest_stands() {
	printf 'base\n' >"$S/a/themes/t" && settle a b c && both_write themes/t 'older\n' 'newer\n' && no_conflicts &&
		[ "$(cat "$S/a/themes/t")" = "$(cat "$S/b/themes/t")" ] &&
		on b history themes/t | grep -q 'lost to' && history_of_newest && ! on b history themes/t | grep -q merge &&
		on b why themes/t | grep -q 'newest of two versions'
}
# What lost is named with the device that wrote it, and is not called a merge to a person.
history_of_newest() {
	for device in a b; do
		on $device history themes/t >"$S/out"
		grep -q 'newest .*newer than [0-9a-f]\{8\} of [ab]' "$S/out" && return 0
	done
	return 1
}
t "newest: one edit stands on all, the other is in the history" newest_stands

# ---- settling ----
conflict() { # NAME: base, then other lines on both sides of an equal one
	printf 'first\nkeep\nlast\n' >"$S/a/asked/$1" && settle a b c &&
		both_write "asked/$1" 'A first\nkeep\nA last\n' 'B first\nkeep\nB last\n' && [ "$(field c item)" = "asked/$1" ]
}
all_hold() { settle a b c && no_conflicts && for device in a b c; do printf "$2" | cmp - "$S/$device/asked/$1" || return 1; done; }
both() { conflict both && on b resolve asked/both --keep both --quiet && all_hold both 'B first\nA first\nkeep\nB last\nA last\n'; }
t "resolve --keep both: mine, then theirs, in each place" both
original() { conflict original && on a resolve asked/original --keep original --quiet && all_hold original 'first\nkeep\nlast\n'; }
t "resolve --keep original" original
auto_none() { conflict auto && exits 1 on a resolve asked/auto --keep auto && on a resolve asked/auto --keep mine --quiet && all_hold auto 'A first\nkeep\nA last\n'; }
t "resolve --keep auto fails where there is no clean merge" auto_none
with() { conflict with && printf 'by hand\n' >"$S/by-hand" && on c resolve asked/with --with "$S/by-hand" --quiet && all_hold with 'by hand\n'; }
t "resolve --with FILE, on a device that is neither side" with
hub_back_without_b() { hub_start && on a retry --quiet && on c retry --quiet; }
offline() {
	conflict offline && hub_stop && wait_for 20 apart && on b resolve asked/offline --keep theirs --quiet &&
		[ "$(on b conflicts --json)" = "[]" ] && on b why asked/offline | grep -q 'its conflict is settled, and that is kept' &&
		[ "$(cat "$S/b/asked/offline")" = "$(cat "$S/a/asked/offline")" ] && device_kill b && hub_back_without_b && device_start b &&
		all_hold offline 'A first\nkeep\nA last\n'
}
t "a settlement without a hub, and a kill: no longer asked about, and it goes when both are back" offline
undo_away() {
	conflict away && on b resolve asked/away --keep mine --quiet && all_hold away 'B first\nkeep\nB last\n' && hub_stop && device_stop b &&
		device_start b && on b undo --quiet && [ "$(field b item)" = asked/away ] && [ "$(field b hunks)" = 2 ] &&
		[ "$(field b mine.device) $(field b theirs.device) $(field b base.device)" = "b a a" ] && [ "$(field b base.size)" = 16 ] &&
		on b diff asked/away | grep -q '^+A first$' && on b why asked/away | grep -q 'syncline resolve asked/away --keep mine' &&
		on b resolve asked/away --keep theirs --quiet && [ "$(on b conflicts --json)" = "[]" ] && hub_back &&
		all_hold away 'A first\nkeep\nA last\n'
}
t "taken back and settled anew before the hub heard of it, and each side is its own device's" undo_away
at_once() {
	conflict once && hub_stop && wait_for 20 apart && on a resolve asked/once --keep mine --quiet && on b resolve asked/once --keep both --quiet &&
		hub_back && settle a b c && no_conflicts && cmp "$S/a/asked/once" "$S/b/asked/once" && cmp "$S/b/asked/once" "$S/c/asked/once"
}
t "two people settle at once: one result" at_once
all_at_once() { conflict x1 && conflict_more x2 && on c resolve --all --keep both --quiet && settle a b c && no_conflicts; }
conflict_more() { printf 'first\nkeep\nlast\n' >"$S/a/asked/$1" && settle a b c && both_write "asked/$1" 'A first\nkeep\nA last\n' 'B first\nkeep\nB last\n'; }
t "resolve --all --keep both" all_at_once

# Forty conflicts: sixteen in a turn, and one more until it is on disk. Somebody else is answered meanwhile.
in_turns() {
	for n in $(seq 40); do echo base >"$S/a/asked/many$n"; done && settle a b c && on b pause --quiet &&
		for n in $(seq 40); do echo A >"$S/a/asked/many$n"; echo B >"$S/b/asked/many$n"; done && settle a && on b sync --quiet &&
		on b resume --quiet && settle a b c && on b resolve --all --keep mine --json >"$S/out" && [ "$(json --get settled <"$S/out")" = 40 ] &&
		[ "$(json --get turns <"$S/out")" -ge 4 ] && settle a b c && no_conflicts && [ "$(cat "$S"/c/asked/many* | sort -u)" = B ]
}
t "resolve --all: a slice in each turn" in_turns
# Three versions of one file: a merge is of two, and says so; the third is not dropped unread.
open_on() { on "$1" conflicts --json | grep -o '"item"' | wc -l; }
three_versions() {
	printf 'first\nkeep\n' >"$S/a/asked/three" && settle a b c && on b pause --quiet && on c pause --quiet &&
		for device in a b c; do echo "$device" >"$S/$device/asked/three"; done && settle a && on b sync --quiet && on b resume --quiet &&
		settle a b && on c sync --quiet && on c resume --quiet && settle a b c && [ "$(open_on a)" = 2 ] &&
		exits 1 on a resolve --all --keep both && grep -q 'asked/three: it has more than two versions (1 settled, 1 not)' "$S/err" && settle a b c &&
		[ "$(open_on a)" = 1 ] && printf 'a\nb\n' | cmp - "$S/b/asked/three" && on a resolve --all --keep mine --quiet && in_step && no_conflicts
}
t "resolve --all: of three versions two are merged, and the third stays open" three_versions
all_refused() { exits 2 ask b '{"do":"resolve","all":true,"with":"eA=="}' && exits 0 on b resolve --all --keep mine; }
t "resolve --all: one content for all is refused, and none is none" all_refused

undo_by_hand() {
	conflict undo && on b resolve asked/undo --keep mine --quiet && all_hold undo 'B first\nkeep\nB last\n' && device_stop b && device_start b &&
		on b undo | grep -q '^asked/undo: the settlement was taken back' && settle a b c && [ "$(field a item)" = asked/undo ] &&
		printf 'A first\nkeep\nA last\n' | cmp - "$S/a/asked/undo" && printf 'B first\nkeep\nB last\n' | cmp - "$S/b/asked/undo" &&
		on a resolve asked/undo --keep mine --quiet && all_hold undo 'A first\nkeep\nA last\n'
}
t "undo: over a restart, the file as before and the conflict open everywhere" undo_by_hand
too_late() { conflict late && on b resolve asked/late --keep mine --quiet && settle a b c && echo since >"$S/a/asked/late" && settle a b c &&
	exits 1 on b undo asked/late && grep -q 'changed since' "$S/err" && [ "$(cat "$S/b/asked/late")" = since ]; }
t "undo refuses what was edited since" too_late

# ---- diff ----
differs() {
	on b diff notes/text | grep -q '^+ONE$' && ! on b diff notes/text | grep -q "$(printf '\033')" &&
		on b diff notes/settings.jsonc >"$S/diff" && grep -q 'theme.*dark.*dim\|size.*12.*14' "$S/diff" &&
		[ "$(on b diff --json notes/settings.jsonc | json --get kind)" = keys ] &&
		v1=$(on a history --json notes/text | json --get '[0].version') && [ "$(on a diff notes/text "$v1" "$v1")" = 'the same bytes' ] &&
		exits 1 on a diff notes/text "$v1" 0000000000
}
t "diff: lines, keys of JSON, no colours into a pipe" differs

# ---- hunks, over the socket ----
hunks() {
	conflict hunks && ask b '{"do":"hunks","item":"asked/hunks"}' >"$S/hunks" && [ "$(json --get outcome <"$S/hunks")" = conflicts ] &&
		[ "$(json --get '[0].mine.text' <"$S/hunks.list" 2>/dev/null || json --get 'hunks[0].mine.text' <"$S/hunks")" = 'B first' ] &&
		[ "$(json --get 'hunks[1].theirs.line' <"$S/hunks")" = 3 ] && [ "$(field b hunks)" = 2 ] && json base.device=a base.at:t base.size=16 <"$S/hunks"
}
t "the hunks of a conflict, with lines and texts" hunks
shown() { json --get "$1.version" <"$S/hunks"; }
moved() {
	choices='{"do":"resolve","item":"asked/hunks","choices":["theirs","mine"],"mine":"'$(shown mine)'","theirs":"'$(shown theirs)'"}'
	printf 'A first\nkeep\nA last, newer\n' >"$S/a/asked/hunks" && settle a b c && exits 1 ask b "$choices" && grep -q 'has changed since it was shown' "$S/err"
}
t "choices about versions that moved are refused" moved
by_hunk() {
	ask b '{"do":"hunks","item":"asked/hunks"}' >"$S/hunks" &&
		exits 1 ask b '{"do":"resolve","item":"asked/hunks","choices":["mine"],"mine":"'$(shown mine)'","theirs":"'$(shown theirs)'"}' &&
		ask b '{"do":"resolve","item":"asked/hunks","choices":["theirs","mine"],"mine":"'$(shown mine)'","theirs":"'$(shown theirs)'"}' &&
		all_hold hunks 'A first\nkeep\nB last\n'
}
t "a choice for each hunk" by_hunk

# ---- a strategy for some paths ----
by_path() {
	for device in a b c; do
		sed -i '/category "asked"/a\
\tstrategy-for = merge *.txt\
\tstrategy-for = newest latest/\
\tstrategy-for = ask latest/not/' "$S/$device/home/config" && ask "$device" '{"do":"reload"}' >"$S/out" &&
			on "$device" categories | grep -q 'asked.*ask, 3 by path' || return 1
	done
	on a categories --json | json '[].strategy_for:a' && mkdir -p "$S/a/asked/latest/not" &&
		for name in asked/m.txt asked/latest/n asked/latest/not/o; do printf 'first\nkeep\nlast\n' >"$S/a/$name"; done &&
		settle a b c && both_write asked/m.txt 'A first\nkeep\nlast\n' 'first\nkeep\nB last\n' &&
		both_write asked/latest/n 'A\n' 'B\n' && both_write asked/latest/not/o 'A\n' 'B\n' &&
		printf 'A first\nkeep\nB last\n' | cmp - "$S/c/asked/m.txt" && cmp "$S/a/asked/latest/n" "$S/b/asked/latest/n" &&
		[ "$(on c conflicts --json | grep -o '"item"' | wc -l)" = 1 ] && [ "$(field c item)" = asked/latest/not/o ] &&
		[ "$(field c strategy)" = ask ] && on c resolve asked/latest/not/o --keep mine --quiet && in_step && no_conflicts
}
t "strategy-for: merged, the newest, and asked after, by path; the most careful of two patterns counts" by_path

# ---- what would cost too much ----
costly() {
	awk 'BEGIN { for (i = 0; i < 60000; i++) print i % 7 * i % 1000 }' >"$A/costly" && settle a b c &&
		on b pause --quiet && sort -R --random-source="$SYNCLINE" "$A/costly" >"$S/shuffled" && sort "$A/costly" >"$B/costly" &&
		cp "$S/shuffled" "$A/costly" && settle a && on b sync --quiet && on b resume --quiet && settle a b c &&
		[ "$(field b item)" = notes/costly ] && [ "$(field b unmerged)" = "too much of it differs for it to be merged" ] &&
		on b why notes/costly | grep -q 'too much of it differs' && exits 1 on b resolve notes/costly --keep both &&
		on b resolve notes/costly --keep theirs --quiet && in_step && no_conflicts && cmp "$S/shuffled" "$B/costly"
}
t "texts that are costly to merge: asked after, with the reason" costly

rollback() {
	echo old >"$A/kept" && in_step && echo new >"$B/kept" && in_step && echo old >"$A/kept" && settle a b c &&
		[ "$(field a kind)" = rollback ] && [ "$(cat "$B/kept")" = new ] && [ "$(cat "$A/kept")" = old ] &&
		on a why notes/kept | grep -q 'older version' && on a resolve notes/kept --keep theirs --quiet && in_step && no_conflicts
}
t "a program that writes its old bytes over another device's change is held" rollback
toggle() { for word in dark light dark light; do echo $word >"$A/toggle" && settle a b c || return 1; done; no_conflicts && [ "$(cat "$B/toggle")" = light ]; }
t "toggling on one device is never asked about" toggle
no_files() { [ -z "$(find "$S"/[abc]/notes "$S"/[abc]/asked -iname '*conflict*' -o -iname '.syncline-*')" ]; }
t "no conflict copies and no temporary files in anybody's folders" no_files
