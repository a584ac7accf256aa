# Every verb against a real engine: JSON shapes key by key, and exit codes.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"

exits() { want=$1; shift; "$@" >"$S/out" 2>"$S/err"; got=$?; [ $got = "$want" ] || { echo "exit $got, not $want: $*"; cat "$S/out" "$S/err"; return 1; }; }
jsonof() { json_of=$1; shift; on a "$json_of" --json >"$S/out" 2>"$S/err"; json "$@" <"$S/out"; }

# ---- not joined ----
alone() { mkdir -p "$S/n/home" "$S/n/notes" && chmod 700 "$S/n/home" && on n add notes "$S/n/notes" --quiet && device_start n; }
t "an engine runs before it has a hub" alone
t "status: 12 when not joined" exits 12 on n status
t "wait --synced: 1 when not joined" exits 1 on n wait --synced --timeout 5
t "invite: 1 when not joined" exits 1 on n invite
t "wait --ready: 0" exits 0 on n wait --ready --timeout 5
second() { exits 1 on n run && grep -q '^syncline: ' "$S/err" && exits 0 on n wait --ready --timeout 5; }
t "a second engine on the same home: an error, and the first goes on" second
term() { pid=$(pid_of n); kill -TERM "$pid"; wait "$pid"; code=$?; rm -f "$S/n.pid"; [ $code = 0 ] || { echo "exit $code"; return 1; }; }
t "SIGTERM ends an engine with exit 0" term

# ---- joined ----
setup() { hub_start && device_make a b; }
t "a hub and two devices" setup
joined_no_rest() { [ -S "$S/a/home/control.sock" ] && device_stop a && [ ! -S "$S/a/home/control.sock" ] && device_start a; }
t "an engine that ends takes its socket along" joined_no_rest
edit() { echo "one" >"$S/a/notes/one.md"; echo two >"$S/a/notes/two.md"; settle a b && same a b; }
t "edits arrive" edit
t "status: 0 in step" exits 0 on a status
t "wait --synced: 0" exits 0 on a wait --synced --timeout 60

status_shape() {
	jsonof status device.id:x device.name=a connection.state=connected connection.hub:s connection.connection_id:s \
		connection.error=null connection.attempt:i connection.retry_in_ms:i? connection.last_heartbeat_ms:n? connection.rtt_ms:n? \
		'connection.quality=poor|fair|good|excellent' bandwidth.up_bps:n bandwidth.down_bps:n bandwidth.up_mbps_estimate:n? \
		bandwidth.rtt_ms:n? bandwidth.loss_percent:n? bandwidth.metered:b bandwidth.limited:b traffic.bytes_plain:i \
		traffic.bytes_sent:i traffic.bytes_received:i traffic.saved_percent:n queue.outgoing=0 queue.incoming=0 conflicts=0 \
		last_synced_at:t 'categories[].name=notes' 'categories[].items=2' 'categories[].pending=0' 'categories[].conflicts=0' \
		'categories[].state=synced' 'categories[].last_change_at:t?'
}
t "status --json" status_shape
queue_shape() { jsonof queue .:a; }
t "queue --json is a list" queue_shape
t "conflicts --json is a list" jsonof conflicts .:a
devices_shape() {
	jsonof devices '[].id:x' '[].name=a|b' '[].online=true' '[].this:b' '[].last_seen_at:t?' '[].cursor:i' '[].behind:i' &&
		[ "$(json --get '[].name' <"$S/out" | sort | tr '\n' ' ')" = "a b " ]
}
t "devices --json" devices_shape
categories_shape() {
	jsonof categories '[].name=notes' '[].path:s' '[].include:a' '[].ignore:a' '[].profile=notes' '[].strategy=merge|newest|ask' \
		'[].merge:s?' '[].delta:s' '[].compression:s' '[].interval_ms=30000' '[].debounce_ms=2000' '[].min_change_bytes=50' \
		'[].max_changes_per_minute=30' '[].watch=events|polling' '[].items=2' '[].bytes:i' '[].pending=0' '[].conflicts=0' '[].state=synced'
}
t "categories --json" categories_shape
log_shape() {
	on a log --json >"$S/out" && json --lines at:t 'level=debug|info|warn|error|alert' from:s item:s? text:s <"$S/out"
}
t "log --json: one object a line" log_shape
log_follow() {
	timeout 60 "$SYNCLINE" --home "$S/a/home" log -f --json >"$S/follow" & follow=$!
	wait_for 10 test -s "$S/follow" && lines=$(wc -l <"$S/follow") && hub_stop && hub_start && on a retry --quiet && settle a b &&
		wait_for 10 sh -c "[ \$(wc -l <'$S/follow') -gt $lines ]" && json --lines at:t text:s <"$S/follow"
	good=$?
	kill $follow; wait $follow 2>/dev/null
	return $good
}
t "log -f goes on" log_follow
history_shape() {
	echo "one, changed" >"$S/a/notes/one.md" && settle a b && on a history --json notes/one.md >"$S/out" &&
		json '[].version:x' '[].at:t' '[].device=a' '[].kind=create|update' '[].size:i' '[].how=edit' '[0].kind=update' '[1].kind=create' <"$S/out"
}
t "history --json ITEM, newest first" history_shape
history_b() { on b history --json notes/one.md | json '[].how=remote' '[].device=a'; }
t "history on the other device says remote" history_b
history_all() { on a history --json | json '[].item:s' '[].version:x'; }
t "history of everything names the items" history_all
show() { [ "$(on a show notes/one.md)" = "one, changed" ]; }
t "show" show
show_version() { v=$(on a history --json notes/one.md | json --get '[1].version') && [ "$(on a show "notes/one.md@$(echo "$v" | cut -c1-10)")" = one ] && [ "$(on b show "notes/one.md@$v")" = one ]; }
t "show ITEM@VERSION, on both devices, by prefix" show_version
restore() { v=$(on a history --json notes/one.md | json --get '[1].version') && on a restore notes/one.md "$v" --quiet && settle a b && [ "$(cat "$S/b/notes/one.md")" = one ]; }
t "restore brings a version back, everywhere" restore
restored() { on a history --json notes/one.md | json '[0].how=restore'; }
t "and the history says so" restored
t "show: no such item: 1" exits 1 on a show notes/none.md
t "show: no such version: 1" exits 1 on a show notes/one.md@ffffffff
misspelt() { exits 1 on a show notes/one.md@zz && grep -q "^syncline: notes/one.md: 'zz' is no version" "$S/err"; }
t "show: what cannot be a version is called that" misspelt
renamed() {
	echo "a name that changes" >"$S/a/notes/old name" && settle a b && mv "$S/a/notes/old name" "$S/a/notes/new name" && settle a b &&
		for device in a b; do
			on $device history 'notes/new name' | grep -q 'rename.*was notes/old name' && on $device why 'notes/new name' | grep -q 'from notes/old name' || return 1
		done
	[ "$(on b history --json 'notes/new name' | json --get '[0].was')" = "notes/old name" ]
}
t "history and why of a renamed item name the old one" renamed
folder_moved() {
	mkdir "$S/a/notes/from" && echo 1 >"$S/a/notes/from/1" && echo 2 >"$S/a/notes/from/2" && settle a b && mv "$S/a/notes/from" "$S/a/notes/to" &&
		settle a b && on a log --lines 20 | grep 'notes/to: ' | grep -q 'a folder was moved here, 2 files' && rm -r "$S/a/notes/to" && settle a b
}
t "the log tells of a folder that was moved" folder_moved
t "restore: no such version: 1" exits 1 on a restore notes/one.md ffffffff
t "why: not an item's name: 2" exits 2 on a why ../../etc/passwd
by_path() { exits 2 on a why "$S/a/notes/a file" && grep -q "that names no item (it is 'notes/a file')" "$S/err" && exits 2 on a show && grep -q 'syncline show ITEM' "$S/err"; }
t "a file named by where it is: told which item that is" by_path
why_shape() { on a why --json notes/one.md | json item=notes/one.md state:s since:t? reason:s next:s? 'devices[].name=a|b' 'devices[].has_it=true'; }
t "why --json" why_shape

pause() {
	on a pause --quiet && echo "while paused" >"$S/a/notes/paused.md" && on a sync && exits 0 on a status &&
		[ ! -e "$S/b/notes/paused.md" ] && jsonof queue '[].item=notes/paused.md' '[].direction=outgoing' '[].kind=create' \
		'[].priority=low|normal|high|critical' '[].state=debouncing|queued|sending|sent|held' '[].reason:s?' '[].retry_count:i' \
		'[].size_plain=13' '[].size_wire:i?' '[].delta:s?' '[].compression:s?' '[].age_ms:i' &&
		[ "$(json --get '[].item' <"$S/out")" = notes/paused.md ]
}
t "pause holds edits: queue --json shows them, status says 0" pause
resume() { on a resume --quiet && settle a b && [ "$(cat "$S/b/notes/paused.md")" = "while paused" ]; }
t "resume lets them go" resume
pause_one() { on a pause notes --quiet && [ "$(on a categories --json | json --get '[0].state')" = paused ] && on a resume notes --quiet; }
t "pause CATEGORY" pause_one
t "pause: no such category: 1" exits 1 on a pause nonsense
t "retry" exits 0 on a retry
t "sync" exits 0 on a sync
exact() {
	for i in 1 2 3 4 5 6 7 8 9 10; do
		echo "round $i" >"$S/a/notes/exact.md"
		on a wait --synced --timeout 60 && on b wait --synced --timeout 60 && [ "$(cat "$S/b/notes/exact.md")" = "round $i" ] || return 1
	done
}
t "edit; wait --synced is exact, ten times in one debounce window" exact

conflict() {
	on b pause --quiet && echo mine >"$S/a/notes/both.md" && on a wait --synced --timeout 60 && echo theirs >"$S/b/notes/both.md" &&
		on b resume --quiet && settle a b
}
t "both make the same name" conflict
t "status: 11" exits 11 on a status
t "wait --synced: 5" exits 5 on a wait --synced --timeout 60
conflicts_shape() {
	for device in a b; do
		on $device conflicts --json >"$S/out" && json '[].id:x' '[].item=notes/both.md' '[].strategy=merge|newest|ask' '[].kind:s' \
			'[].detected_at:t' '[].mine.version:x' '[].mine.device=a|b' '[].mine.at:t' '[].theirs.version:x' \
			'[].theirs.device=a|b' '[].theirs.at:t' '[].base:o?' '[].hunks:i' '[].merged_clean:b' <"$S/out" || return 1
		[ "$(json --get '[].item' <"$S/out" | wc -l)" = 1 ] || return 1
	done
}
t "conflicts --json, on both" conflicts_shape
t "resolve: no such conflict: 1" exits 1 on a resolve notes/one.md --keep mine
settled() { on a resolve --all --keep mine --quiet && settle a b && same a b && [ "$(cat "$S/b/notes/both.md")" = mine ] && exits 0 on b status; }
t "resolve --all --keep mine: for all" settled

offline() { hub_stop && wait_for 30 sh -c '"$SYNCLINE" --home "$0/a/home" status >/dev/null; [ $? = 12 ]' "$S"; }
t "status: 12 when the hub is gone" offline
t "wait --synced --timeout: 4" exits 4 on a wait --synced --timeout 1
back() { hub_start && on a retry --quiet && on b retry --quiet && settle a b && exits 0 on a status; }
t "and 0 when it is back" back

add_live() { mkdir "$S/a/more" "$S/b/more" && echo x >"$S/a/more/x" && on a add more "$S/a/more" --quiet && on b add more "$S/b/more" --quiet && settle a b && [ -f "$S/b/more/x" ]; }
t "add tells the running engine" add_live
remove_live() { on a remove more --quiet && [ -f "$S/a/more/x" ] && settle a b && [ -f "$S/b/more/x" ]; }
t "remove deletes nothing anywhere" remove_live

key() { on a key export --force >"$S/out" && [ -s "$S/out" ] && [ "$(on b key export --force)" = "$(cat "$S/out")" ]; }
t "key export: the same on both" key
key_visit() { device_stop b && [ "$(on b key export --force)" = "$(cat "$S/out")" ] && [ ! -S "$S/b/home/control.sock" ] && device_start b; }
t "key export without an engine leaves none behind" key_visit
spent() {
	on a invite >"$S/invite" && mkdir -p "$S/c/home" "$S/d/home" && chmod 700 "$S/c/home" "$S/d/home" && on c join "$S/invite" --name c --quiet &&
		exits 1 on d join "$S/invite" --name d && grep -q '^syncline: ' "$S/err" && [ ! -S "$S/d/home/control.sock" ]
}
t "a spent invite: 1, and nothing is left running" spent
revoke() { on a devices --json; on a devices revoke c --quiet && device_start c && wait_for 20 sh -c '"$SYNCLINE" --home "$0/c/home" status >/dev/null; [ $? = 13 ]' "$S"; }
t "devices revoke shuts out: 13 there" revoke
t "devices revoke: no such device: 1" exits 1 on a devices revoke nobody
doctor() { on a doctor --json >"$S/out"; json '[].check:s' '[].state=ok|warn|fail' '[].text:s' '[].fix:s?' <"$S/out"; }
t "doctor --json" doctor
doctor_fails() { chmod 644 "$S/a/home/state/keys"; on a doctor --json >"$S/out"; code=$?; chmod 600 "$S/a/home/state/keys"; [ $code = 1 ] && grep -q '"fail"' "$S/out"; }
t "doctor: 1 when keys are open to others" doctor_fails
doctor_reads() {
	cp "$S/a/home/config" "$S/kept" && printf '[category "notes"]\n\tchek = 3\n' >>"$S/a/home/config" && on a doctor >"$S/out"
	code=$?
	cp "$S/kept" "$S/a/home/config" && [ $code = 1 ] && grep -q "^FAIL  config .*unknown key 'chek'" "$S/out" && on a doctor | grep -q '^ok    config '
}
t "doctor: 1 when the engine would not take the configuration" doctor_reads
human() {
	for verb in status queue conflicts devices categories log history doctor; do
		on a $verb >"$S/out" 2>&1; code=$?
		[ $code -le 1 ] && [ -s "$S/out" ] && ! grep -q "$(printf '\033')" "$S/out" || { echo "$verb: $code"; cat "$S/out"; return 1; }
	done
}
t "for people: something is said, and no colours into a pipe" human
quiet() { [ -z "$(on a pause --quiet; on a resume --quiet; on a sync --quiet; on a queue --quiet)" ]; }
t "--quiet is quiet" quiet
hostile() {
	name=$(printf 'evil\033[31m\nname\342\200\256x')
	echo x >"$S/a/notes/$name" && settle a b && [ -f "$S/b/notes/$name" ] && on a history >"$S/out" && ! grep -q "$(printf '\033')" "$S/out"
}
t "a hostile name arrives, and is escaped wherever it is printed" hostile
