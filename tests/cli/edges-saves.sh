# Saves, moves and deletions: bugs that other programs of this kind had, each tried on real files. All cases of a kind are
# made, then all are changed, and each is judged when both devices are in step, so that the suite waits a few times only.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"

A=$S/a/notes B=$S/b/notes
holds() { [ "$(cat "$1")" = "$2" ] || { echo "$1: $(head -c 100 "$1")"; return 1; }; }
there() { settle a b && same a b; }
each() { # STEP CASE…: runs STEP_CASE of every case; one that fails is named
	each_step=$1
	shift
	for each_case; do "${each_step}_$each_case" || { echo "$each_step: $each_case"; return 1; }; done
}
versions() { on b history --json "notes/$1" | grep -o '"version":' | wc -l; }
kinds() { on b history --json "notes/$1" | grep -o '"kind": *"[a-z]*"' | sed 's/.*"\([a-z]*\)"$/\1/' | tr '\n' ' '; }
# On the other device the file was made, updated once, and never deleted.
once() {
	holds "$B/$1" "$2" && [ "$(kinds "$1")" = "update create " ] || { echo "$1: $(kinds "$1")"; return 1; }
}
random() { head -c "$1" /dev/urandom; }

# ---- one save is one update, whatever the editor does ----

SAVES="in_place appended temp_and_rename temp_of_any_name backup_renamed backup_kept deleted_then_created sed_i truncated_then_written \
	written_bit_by_bit"

for save in $SAVES; do eval "make_$save() { mkdir -p $A/$save && printf 'one\n' >$A/$save/f; }"; done

save_in_place() { echo two >"$A/in_place/f"; }
check_in_place() { once in_place/f two; }
save_appended() { echo two >>"$A/appended/f"; }
check_appended() { once appended/f "one
two"; }
save_temp_and_rename() { echo two >"$A/temp_and_rename/f.tmp.4711" && mv "$A/temp_and_rename/f.tmp.4711" "$A/temp_and_rename/f"; }
check_temp_and_rename() { once temp_and_rename/f two && [ "$(versions temp_and_rename/f.tmp.4711)" = 0 ]; }
save_temp_of_any_name() { echo two >"$A/temp_of_any_name/f.Kx81zq" && mv "$A/temp_of_any_name/f.Kx81zq" "$A/temp_of_any_name/f"; }
check_temp_of_any_name() { once temp_of_any_name/f two && [ "$(versions temp_of_any_name/f.Kx81zq)" = 0 ]; }
save_backup_renamed() { (cd "$A/backup_renamed" && mv f f~ && echo two >f && rm f~); }
check_backup_renamed() { once backup_renamed/f two; }
save_backup_kept() { (cd "$A/backup_kept" && mv f f.orig && echo two >f); }
check_backup_kept() { once backup_kept/f two && holds "$B/backup_kept/f.orig" one; }
save_deleted_then_created() { rm "$A/deleted_then_created/f" && echo two >"$A/deleted_then_created/f"; }
check_deleted_then_created() { once deleted_then_created/f two; }
save_sed_i() { sed -i s/one/two/ "$A/sed_i/f"; }
check_sed_i() { once sed_i/f two; }
save_truncated_then_written() { (exec 3>"$A/truncated_then_written/f" && : >"$A/truncated_then_written/f" && echo two >&3); }
check_truncated_then_written() { once truncated_then_written/f two; }
save_written_bit_by_bit() { (for bit in t w o; do printf $bit; done) >"$A/written_bit_by_bit/f"; }
check_written_bit_by_bit() { once written_bit_by_bit/f two; }

setup() {
	HUB_VIA=tap
	hub_start && tap_start tap && device_make a b && each make $SAVES && there
}
t "two devices and a file for each way to save" setup
saved() { each save $SAVES && there; }
t "each way to save" saved
for save in $SAVES; do t "one update, no deletion: $(echo $save | tr _ ' ')" check_$save; done

checkout() {
	mkdir "$A/repo" && git="git --git-dir=$S/repo.git --work-tree=$A/repo -c user.email=a@b -c user.name=n" && $git init -q -b main &&
		for i in 1 2 3 4 5 6 7 8; do echo "main $i" >"$A/repo/f$i"; done && $git add -A && $git commit -qm one && there &&
		$git checkout -q -b other && for i in 1 2 3 4; do echo "other $i" >"$A/repo/f$i"; done && $git commit -qam two && there &&
		$git checkout -q main && there || return 1
	for i in 1 2 3 4; do
		[ "$(kinds repo/f$i)" = "update update create " ] || { echo "f$i: $(kinds repo/f$i)"; return 1; }
	done
	[ "$(kinds repo/f5)" = "create " ]
}
t "git checkout: an update for each file that differs, none for the others" checkout

same_stat() {
	printf aaaa >"$A/twin" && touch -d 2001-02-03 "$A/twin" && there && printf bbbb >"$A/twin" && touch -d 2001-02-03 "$A/twin" && there &&
		holds "$B/twin" bbbb
}
t "other bytes of the same size and time are found" same_stat
emptied() {
	echo full >"$A/emptied" && there && : >"$A/emptied" && : >"$A/born-empty" && there && [ -f "$B/emptied" ] && [ ! -s "$B/emptied" ] &&
		[ -f "$B/born-empty" ]
}
t "a file emptied on purpose, and one born empty, are edits" emptied
no_news() {
	before=$(tap_bytes tap)
	(cd "$A" && touch in_place/f appended/f && chmod 600 sed_i/f && chmod 644 sed_i/f && cat in_place/f >"$S/x" && cat "$S/x" >in_place/f) &&
		there && [ "$(kinds in_place/f)" = "update create " ] && [ "$(versions appended/f)" = 2 ] || return 1
	[ $(($(tap_bytes tap) - before)) -lt 3000 ] || { echo "$(($(tap_bytes tap) - before)) bytes"; return 1; }
}
t "touch, chmod and back, the same bytes again: nothing is sent" no_news
vanishing() {
	echo x >"$A/goes" && there && rm "$A/goes" || return 1
	background vanish sh -c "while :; do : >'$A/v1'; : >'$A/v2'; rm -f '$A/v1' '$A/v2'; done"
	on a sync && on a sync && on a sync
	vanishing_code=$?
	end_background vanish
	[ $vanishing_code = 0 ] && there && [ ! -e "$B/goes" ]
}
t "files that vanish while they are listed stop no scan and hide no deletion" vanishing

# ---- after a stop without warning ----

damaged() {
	printf 'precious\n' >"$A/lost" && printf 'valuable\n' >"$A/zeroed" && there && device_kill a &&
		touch -r "$A/lost" "$S/lost.time" && touch -r "$A/zeroed" "$S/zeroed.time" && : >"$A/lost" && printf '\0\0\0\0\0\0\0\0\0' >"$A/zeroed" &&
		touch -r "$S/lost.time" "$A/lost" && touch -r "$S/zeroed.time" "$A/zeroed" && device_start a && there &&
		holds "$A/lost" precious && holds "$A/zeroed" valuable && [ "$(versions lost)" = 1 ] && [ "$(versions zeroed)" = 1 ]
}
t "a file emptied or zeroed by a stop without warning, its time unchanged, is put back and not sent" damaged
truly_emptied() {
	echo full >"$A/truly" && there && device_kill a && : >"$A/truly" && device_start a && there && [ -f "$B/truly" ] && [ ! -s "$B/truly" ]
}
t "one emptied while nobody looked, with a time of its own, is an edit" truly_emptied
clean_stop() {
	echo full >"$A/clean" && there && device_stop a && touch -r "$A/clean" "$S/clean.time" && : >"$A/clean" && touch -r "$S/clean.time" "$A/clean" &&
		device_start a && there && [ -f "$B/clean" ] && [ ! -s "$B/clean" ]
}
t "and after a clean stop it is an edit, whatever its time" clean_stop

# ---- moves ----

cheap() { # LIMIT COMMAND…: in step again for so many bytes
	cheap_limit=$1 cheap_before=$(tap_bytes tap)
	shift
	"$@" && there || return 1
	cheap_cost=$(($(tap_bytes tap) - cheap_before))
	[ $cheap_cost -le "$cheap_limit" ] || { echo "$cheap_cost bytes"; return 1; }
}
renamed() { random 200000 >"$A/big" && there && cheap 4000 mv "$A/big" "$A/bigger" && [ "$(kinds bigger)" = "rename " ]; }
t "a rename sends no content" renamed
moved() { mkdir "$A/into" && cheap 4000 mv "$A/bigger" "$A/into/big" && [ "$(kinds into/big)" = "move " ] && [ ! -e "$B/bigger" ]; }
t "nor does a move into a new folder" moved
moved_and_edited() { (cd "$A" && mv into/big back && echo more >>back) && there && [ "$(kinds back | cut -d' ' -f1)" != "" ]; }
edited() { cheap 4000 moved_and_edited && [ ! -e "$B/into" ]; }
t "nor does a move with an edit behind it" edited
folder() {
	mkdir -p "$A/dir/sub" && for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do random 9000 >"$A/dir/f$i" && random 9000 >"$A/dir/sub/f$i"; done &&
		there && cheap 30000 mv "$A/dir" "$A/moved-dir" && [ "$(kinds moved-dir/sub/f7)" = "move " ] && [ ! -e "$B/dir" ]
}
t "a folder renamed with 40 files in it sends none of them, and asks nobody" folder
off_move() { device_stop a && mv "$A/moved-dir" "$A/again" && mv "$A/back" "$A/forth" && device_start a; }
off() { cheap 35000 off_move && [ ! -e "$B/moved-dir" ] && [ "$(kinds forth)" = "rename " ]; }
t "nor what was renamed while the engine was off" off
off_edit() { device_stop a && mv "$A/list" "$A/liste" && echo "one line more" >>"$A/liste" && device_start a; }
off_edited() { seq 1 20000 | sha256sum >"$S/x"; seq 1 5000 | while read -r n; do echo "$n $((n * 7919 % 10007))"; done >"$A/list" && there && cheap 6000 off_edit && [ ! -e "$B/list" ]; }
t "nor what was renamed and edited then" off_edited
swapped() {
	echo first >"$A/s1" && echo second >"$A/s2" && there && (cd "$A" && mv s1 s.swap && mv s2 s1 && mv s.swap s2) && there &&
		holds "$B/s1" second && holds "$B/s2" first && [ ! -e "$B/s.swap" ]
}
t "two files swap their names" swapped
chained() {
	for i in 1 2 3 4; do echo "link $i" >"$A/c$i"; done && there && (cd "$A" && mv c4 c5 && mv c3 c4 && mv c2 c3 && mv c1 c2) && there &&
		[ ! -e "$B/c1" ] && for i in 1 2 3 4; do holds "$B/c$((i + 1))" "link $i" || return 1; done
}
t "a chain of renames" chained
parent() {
	mkdir "$A/old" && echo base >"$A/old/child" && echo sister >"$A/old/sister" && there && device_stop b && mv "$A/old" "$A/new" && settle a &&
		echo edited >"$B/old/child" && echo fresh >"$B/old/fresh" && device_start b && there &&
		holds "$A/old/child" edited && holds "$A/old/fresh" fresh && holds "$B/new/sister" sister && [ ! -e "$B/old/sister" ]
}
t "a folder renamed here while a child is edited and one made there: nothing is lost" parent
left() {
	mkdir "$A/leaves" "$S/outside" && echo in >"$A/leaves/f" && there && mv "$A/leaves" "$S/outside/" && there && [ ! -e "$B/leaves" ] &&
		echo outside >"$S/outside/leaves/f" && echo more >"$S/outside/leaves/g" && there && [ ! -e "$B/leaves" ] &&
		mv "$S/outside/leaves" "$A/" && there && holds "$B/leaves/f" outside && holds "$B/leaves/g" more
}
t "a folder moved out of the category is deleted, followed no longer, and may come back" left
halves() {
	echo alone >"$S/outside/comes" && echo alone >"$A/goes" && there && mv "$S/outside/comes" "$A/" && mv "$A/goes" "$S/outside/" && there &&
		holds "$B/comes" alone && [ ! -e "$B/goes" ]
}
t "half a move is a file that came, or one that went" halves
deleted_folder() { rm -r "$A/again" && there && [ ! -e "$B/again" ]; }
t "a folder that is deleted while we watch is deleted: 40 files, and nobody is asked" deleted_folder

# ---- too much is gone ----

is_held() { on "$1" status >/dev/null; [ $? = 13 ] && on "$1" status --json | grep -q 'gone at once'; }
many() {
	mkdir "$A/many" && for i in $(seq 1 60); do echo $i >"$A/many/$i"; done && there && device_stop a && (cd "$A/many" && rm $(seq 1 50)) &&
		device_start a && wait_for 20 is_held a && [ -f "$B/many/1" ] && on a why notes/many/1 | grep -q resume
}
t "50 files deleted while nobody looked: held and asked" many
goes_on() { echo on >"$A/goes-on" && wait_for 20 test -s "$B/goes-on"; }
t "... while everything else goes on" goes_on
restarted() { device_kill a && device_start a && wait_for 20 is_held a && on a sync && is_held a && [ -f "$B/many/1" ]; }
t "... and still is after a restart" restarted
fewer() { (cd "$A/many" && for i in $(seq 1 45); do echo $i >$i; done) && on a sync && is_held a && [ -f "$B/many/50" ]; }
t "... and when some of them are back" fewer
answered() { on a resume notes && there && [ ! -e "$B/many/50" ] && [ -f "$B/many/1" ]; }
t "... until a person says so: then they are deleted" answered
brought_back() {
	device_stop a && mv "$A/many" "$S/outside/many" && device_start a && wait_for 20 is_held a && mv "$S/outside/many" "$A/many" && there &&
		[ -f "$B/many/60" ] && [ -f "$A/many/60" ]
}
t "brought back instead: nothing was deleted" brought_back
lost_again() { device_stop a && mv "$A/many" "$S/outside/many" && device_start a && wait_for 20 is_held a; }
refused() {
	lost_again && { on a wait --synced --timeout 1 2>"$S/err"; [ $? = 4 ]; } && grep -q "files of notes are gone.*syncline restore notes" "$S/err" &&
		on a why notes/many/60 | grep -q "'syncline restore notes' brings all of them back; 'syncline resume notes' deletes" &&
		on a status | grep -q 'syncline restore notes' &&
	on a pause notes --quiet && on a resume notes | grep -q '^going on with notes$' && is_held a &&
		on a restore notes | grep -q '^notes: 55 files are brought back$' && there && holds "$A/many/60" 60 && holds "$B/many/1" 1 &&
		on a resume notes | grep -q 'neither paused nor held' && { on a restore notes; [ $? = 1 ]; } && rm -r "$S/outside/many"
}
t "a person says no: all of them come back, and a pause that ends is no yes" refused
emptied_root() {
	device_stop a && mkdir "$S/stash" && mv "$A"/* "$S/stash/" && device_start a && wait_for 20 is_held a && [ -f "$B/many/60" ] &&
		mv "$S/stash"/* "$A/" && there
}
t "a folder suddenly empty is asked about" emptied_root
emptied_live() {
	before=$(find "$B" -type f | wc -l) && [ "$before" -gt 2 ] && rm -r "$A"/* && wait_for 20 is_held a && on b sync && [ "$(find "$B" -type f | wc -l)" = "$before" ] &&
		on a restore notes --quiet && there
}
t "also when it is emptied while the engine watches" emptied_live
moved_and_touched() {
	mkdir "$A/set" && for i in $(seq 1 60); do echo "of the set, $i" >"$A/set/$i"; done && there && device_stop a && cp -r "$A/set" "$A/copied" &&
		rm -r "$A/set" && device_start a && wait_for 20 test -f "$B/copied/60" && wait_for 20 test ! -e "$B/set" && there && ! is_held a
}
t "what was copied and removed while the engine was off is a move, and asked about no more" moved_and_touched
root_gone() {
	mv "$A" "$S/a/elsewhere" && wait_for 20 sh -c '"$SYNCLINE" --home "$S/a/home" status >/dev/null; [ $? = 13 ]' && [ -f "$B/many/60" ] &&
		on a why notes/many/60 | grep -q "nothing is known of it" && mv "$S/a/elsewhere" "$A" && there && [ -f "$B/many/60" ] &&
		on a why notes/many/60 | grep -q in-sync
}
t "a folder that is gone is an error, and nothing when it is back" root_gone
root_edited() {
	for away in 1 2 3; do
		mv "$A" "$S/a/elsewhere" && wait_for 20 sh -c '"$SYNCLINE" --home "$S/a/home" status >/dev/null; [ $? = 13 ]' &&
			echo "away $away" >>"$S/a/elsewhere/many/60" && mv "$S/a/elsewhere" "$A" && there && grep -q "away $away" "$B/many/60" ||
			return 1
	done
}
t "whoever asks at once when it is back gets what was edited meanwhile" root_edited
paused() {
	on a pause notes && device_stop a && device_start a && echo quiet >"$A/paused" && on a sync &&
		on a status --json | tr -d ' \n' | grep -q '"state":"paused"' && [ ! -e "$B/paused" ] && on a resume notes && there && holds "$B/paused" quiet
}
t "a category stays paused over a restart" paused
