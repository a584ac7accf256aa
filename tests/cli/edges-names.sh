# Names, kinds and rules: bugs that other programs of this kind had, each tried on real files. All cases are made, then all
# are changed, and each is judged when both devices are in step, so that the suite waits a few times only.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"

A=$S/a/notes B=$S/b/notes
bytes() { printf "$@"; } # the format is the point: octal bytes
there() { settle a b && same a b; }
holds() { [ "$(cat "$1")" = "$2" ]; }
each() { # STEP CASE…: runs STEP_CASE of every case; one that fails is named
	each_step=$1
	shift
	for each_case; do "${each_step}_$each_case" || { echo "$each_step: $each_case"; return 1; }; done
}
deletions() { on a history --json | grep -o '"kind": *"delete"' | wc -l; }

# ---- kinds and names: make_X, then turn_X, then check_X ----

CASES="folder_for_file file_for_folder link_for_folder folder_for_link case_only case_twins composed not_utf8 percents longest long_path \
	deeper git prefixes special"

make_folder_for_file() { echo one >"$A/thing"; }
turn_folder_for_file() { rm "$A/thing" && mkdir "$A/thing" && echo two >"$A/thing/inside"; }
check_folder_for_file() { holds "$B/thing/inside" two; }

make_file_for_folder() { mkdir "$A/was" && echo one >"$A/was/inside"; }
turn_file_for_folder() { rm -r "$A/was" && echo three >"$A/was"; }
check_file_for_folder() { holds "$B/was" three; }

make_link_for_folder() { mkdir "$A/real" "$A/d" && echo x >"$A/real/x" && echo y >"$A/d/y"; }
turn_link_for_folder() { rm -r "$A/d" && ln -s real "$A/d"; }
check_link_for_folder() { [ "$(readlink "$B/d")" = real ] && holds "$B/real/x" x && [ ! -e "$B/real/y" ]; }

make_folder_for_link() { mkdir "$A/other" && echo x >"$A/other/x" && ln -s other "$A/l"; }
turn_folder_for_link() { rm "$A/l" && mkdir "$A/l" && echo y >"$A/l/y"; }
check_folder_for_link() { [ ! -L "$B/l" ] && holds "$B/l/y" y && holds "$B/other/x" x && [ ! -e "$B/other/y" ]; }

make_case_only() { echo case >"$A/readme.md"; }
turn_case_only() { mv "$A/readme.md" "$A/README.md"; }
check_case_only() { holds "$B/README.md" case && [ ! -e "$B/readme.md" ]; }

make_case_twins() { echo lower >"$A/twin" && echo upper >"$A/TWIN"; }
turn_case_twins() { echo LOWER >"$A/twin"; }
check_case_twins() { holds "$B/twin" LOWER && holds "$B/TWIN" upper; }

NFC=$(bytes 'caf\303\251') NFD=$(bytes 'cafe\314\201')
make_composed() { echo composed >"$A/$NFC" && echo decomposed >"$A/$NFD" && echo d >"$A/x$NFD"; }
turn_composed() { mv "$A/x$NFD" "$A/x$NFC"; }
check_composed() { holds "$B/$NFC" composed && holds "$B/$NFD" decomposed && holds "$B/x$NFC" d && [ ! -e "$B/x$NFD" ]; }

LINES=$(bytes 'two\nlines\tand\rmore')
make_not_utf8() {
	for name in 'latin\351' 'cut\303' 'high\377\376' 'esc\033]0;x\007'; do printf "%s\n" "$name" >"$A/$(bytes "$name")" || return 1; done
	echo lines >"$A/$LINES"
}
turn_not_utf8() { mv "$A/$(bytes 'cut\303')" "$A/$(bytes 'moved\303')" && echo edited >"$A/$(bytes 'latin\351')"; }
check_not_utf8() {
	holds "$B/$LINES" lines && holds "$B/$(bytes 'latin\351')" edited && holds "$B/$(bytes 'moved\303')" 'cut\303' &&
		on a history >"$S/shown" && ! grep -q "$(bytes '\033]0')" "$S/shown" && on a history --json | grep -q latin
}

make_percents() {
	for name in '100%' '%s%n%s' '%%' ' leading' 'trailing ' 'dot.' '-rf' '*' '?' '"quoted"' "it's" '\back' 'a;b|c&d'; do
		printf "%s\n" "$name" >"$A/./$name" || return 1
	done
	mkdir "$A/%x" && echo in >"$A/%x/%p"
}
turn_percents() { mv "$A/*" "$A/%d" && on a why 'notes/%s%n%s' >/dev/null && on a history 'notes/%%' >/dev/null; }
check_percents() { [ "$(cat "$B/%s%n%s")" = '%s%n%s' ] && holds "$B/%x/%p" in && holds "$B/%d" '*' && [ ! -e "$B/*" ] && [ -e "$B/-rf" ]; }

NAME255=$(printf '%0255d' 7)
make_longest() { echo long >"$A/$NAME255" && mkdir "$A/lll" && echo sub >"$A/lll/$NAME255"; }
turn_longest() { echo edited >"$A/$NAME255" && echo back >"$B/lll/$NAME255"; }
check_longest() { holds "$B/$NAME255" edited && holds "$A/lll/$NAME255" back; }

make_long_path() {
	FAR=$(printf '%0200d' 1)
	for i in 1 2 3 4 5 6 7 8; do FAR=$FAR/$(printf '%0200d' $i); done
	mkdir -p "$A/$FAR" && echo far >"$A/$FAR/leaf"
}
turn_long_path() { echo farther >"$A/$FAR/leaf"; }
check_long_path() { holds "$B/$FAR/leaf" farther; }

make_deeper() {
	DEEP=deep i=0
	while [ $i -lt 200 ]; do DEEP=$DEEP/d i=$((i + 1)); done
	mkdir -p "$A/$DEEP" && echo top >"$A/deep/leaf"
}
turn_deeper() { rm -r "$A/deep/d" && echo TOP >"$A/deep/leaf"; } # a leaf there would be no item: not what `same` sees
check_deeper() { holds "$B/deep/leaf" TOP; }
told_deeper() {
	on a log --json >"$S/log" && [ "$(grep -o 'deeper than 64 folders' "$S/log" | wc -l)" = 1 ] && grep -q 'deep/d/.*stays on this device' "$S/log" &&
		! on a why "notes/$DEEP/leaf" 2>"$S/said" && grep -q 'deeper than 64 folders' "$S/said"
}

make_git() { mkdir -p "$A/repo/.git/objects" "$A/repo/src" && echo code >"$A/repo/src/main" && echo '*.o' >"$A/repo/.gitignore"; }
turn_git() { mkdir "$B/repo/.git" && rm -r "$A/repo/src"; }
check_git() { [ -d "$B/repo/.git" ] && [ ! -e "$B/repo/.git/objects" ] && [ ! -e "$B/repo/src" ] && holds "$B/repo/.gitignore" '*.o'; }

make_prefixes() { for name in dir dir-foo dir.bar dir0 'dir!'; do mkdir "$A/$name" && echo "$name" >"$A/$name/f" || return 1; done; }
turn_prefixes() { rm -r "$A/dir" && mv "$A/dir.bar" "$A/dir"; }
check_prefixes() { holds "$B/dir-foo/f" dir-foo && holds "$B/dir/f" dir.bar && [ ! -e "$B/dir.bar" ] && holds "$B/dir0/f" dir0 && holds "$B/dir!/f" 'dir!'; }

make_special() { mkdir "$A/sp" && echo was >"$A/sp/file" && echo after >"$A/sp/zz"; }
turn_special() { rm "$A/sp/file" && mkfifo "$A/sp/file" "$A/sp/pipe" && echo AFTER >"$A/sp/zz"; }
check_special() {
	[ ! -e "$B/sp/file" ] && [ -p "$A/sp/file" ] && [ ! -e "$B/sp/pipe" ] && holds "$B/sp/zz" AFTER &&
		on a why notes/sp/pipe --json | grep -q '"state": *"left-out"' && rm "$A/sp/file" "$A/sp/pipe"
}

made() { hub_start && device_make a b && each make $CASES && there; }
turned() { each turn $CASES && settle a b; }
t "every name and kind crosses" made
t "and is changed" turned
t "a file gives way to a folder of the same name" check_folder_for_file
t "a folder gives way to a file of the same name" check_file_for_folder
t "a folder gives way to a link, and nothing behind the link is touched" check_link_for_folder
t "a link gives way to a folder, and nothing behind the link is touched" check_folder_for_link
t "a rename that changes only the case of a name keeps the file" check_case_only
t "names that differ only in case are two files" check_case_twins
t "composed and decomposed names stay the bytes that they are" check_composed
t "names that are no UTF-8, with newlines and control characters, cross and harm no terminal" check_not_utf8
t "percent signs and what shells would read are just bytes" check_percents
t "a name of 255 bytes leaves room for no other beside it, and is replaced all the same" check_longest
t "a path of 1,800 bytes" check_long_path
t "folders 200 deep stop nothing else" check_deeper
t "... and a person is told, once, what is too deep for an item" told_deeper
t "a repository's files are synced, its .git is not, and blocks nothing" check_git
t "'dir' and 'dir-foo' are strangers, however names are sorted" check_prefixes
t "a FIFO is never opened, in the place of a file it is a deletion, and why says what it is" check_special
numbered() { echo one >"$A/#42" && echo two >"$A/#43" && there && rm "$A/#42" && mv "$A/#43" "$A/44" && there && [ ! -e "$B/#42" ] && [ ! -e "$B/#43" ] && holds "$B/44" two; }
t "a file that is called like one without a name is deleted and renamed as any other" numbered
t "both devices hold the same bytes" there

# ---- rules ----

KEY='-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAAAMwAAAAtzc2gtZWQyNTUx
-----END OPENSSH PRIVATE KEY-----'
prepared() {
	echo text >"$A/later.txt" && mkdir "$A/build" "$A/full" && echo log >"$A/x.log" && echo out >"$A/build/out" && echo 1 >"$A/full/a" && there
}
t "a category to refuse from" prepared
refused() {
	echo "$KEY" >"$A/server.txt" && echo "$KEY" >"$A/id_ed25519" && echo "$KEY" >"$A/later.txt" &&
		{ printf 'SQLite format 3\0'; head -c 2032 /dev/zero; } >"$A/places.sqlite" && echo shared >"$A/places.sqlite-shm" && echo x >"$A/plain-shm" &&
		settle a b
}
t "keys and databases appear" refused
keys_stay() {
	[ ! -e "$B/server.txt" ] && [ ! -e "$B/id_ed25519" ] && on a why notes/server.txt | grep -q "allow = private-keys" &&
		on a categories --json | grep -q '"refused": *5' && on a log | grep -q "allow = private-keys" && on a status | grep -q "5 files stay"
}
t "private keys stay where they are; log, why, status and categories say so" keys_stay
t "a synced file that becomes a key is not sent, and deleted nowhere" holds "$B/later.txt" text
database_stays() {
	[ ! -e "$B/places.sqlite" ] && [ ! -e "$B/places.sqlite-shm" ] && holds "$B/plain-shm" x && on a why notes/places.sqlite | grep -q "allow = databases"
}
t "an SQLite database stays where it is, with what lies beside it" database_stays
allowed() {
	git config -f "$S/a/home/config" --add category.notes.allow databases &&
		git config -f "$S/a/home/config" --add category.notes.allow private-keys && kill -HUP "$(pid_of a)" &&
		wait_for 20 test -e "$B/server.txt" && there && on a categories --json | grep -q '"refused": *0'
}
t "what a category allows is synced" allowed
receiver() {
	echo "$KEY 2" >"$A/server.txt" && there && on b categories --json | grep -q '"refused": *0'
}
t "a device that does not allow them takes them from one that does, again and again" receiver
rule_deletes_nothing() {
	before=$(deletions)
	git config -f "$S/a/home/config" --add category.notes.ignore '*.log' && git config -f "$S/a/home/config" --add category.notes.ignore build/ &&
		kill -HUP "$(pid_of a)" && on a sync && rm "$A/x.log" && echo 2 >"$A/full/b.log" && settle a b &&
		holds "$B/x.log" log && holds "$B/build/out" out && [ "$(deletions)" = "$before" ] && on a why notes/x.log | grep -q "leave it out"
}
t "a rule that is added deletes nothing on the other device, nor does what it leaves out" rule_deletes_nothing
ignored_stays() {
	rm -r "$B/full" && settle a b && [ ! -e "$A/full/a" ] && holds "$A/full/b.log" 2 && on a status --json | grep -q '"synced": *true'
}
t "a folder deleted elsewhere keeps an ignored child, and nothing waits for it" ignored_stays
rule_taken_back() {
	before=$(deletions)
	git config -f "$S/a/home/config" --unset-all category.notes.ignore && kill -HUP "$(pid_of a)" && on a sync && there && holds "$B/full/b.log" 2 &&
		holds "$A/x.log" log && [ "$(deletions)" = "$before" ]
}
t "a rule taken back lets what it left out join, and what was removed here meanwhile come back" rule_taken_back
taken_back_while_off() {
	git config -f "$S/a/home/config" --add category.notes.ignore '*.log' && kill -HUP "$(pid_of a)" && on a sync && device_stop a && rm "$A/x.log" &&
		git config -f "$S/a/home/config" --unset-all category.notes.ignore && device_start a && on a sync && there && holds "$A/x.log" log &&
		[ "$(deletions)" = "$before" ] && rm "$A/x.log" && there && [ ! -e "$B/x.log" ]
}
t "also where the rule went while nothing ran; after that, a deletion is one" taken_back_while_off
