# Canaries: names, contents, keys and tokens are planted; none may be seen in what crossed the sockets, at the hub, in any
# log, or in any process's arguments or environment.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"
C=CaNaRyBiRd$$   # in contents, link targets and names of devices
N=NaMeDbIrD$$    # in names of items and categories

# Everything that a stranger could come by, and what only this machine's user can read.
abroad() { cat "$S"/tap*/record "$S"/hub/* 2>/dev/null; }
everywhere() { abroad; cat "$S"/*/out "$S"/*/home/log* 2>/dev/null; }
arguments() { cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | tr '\0' '\n'; }
# absent WHERE TEXT: neither as it is, nor as base64 or hex would leave it.
absent() {
	[ -n "$2" ] || { echo "nothing to look for"; return 1; }
	for shape in "$2" "$(printf '%s' "$2" | base64 -w0 | cut -c1-40 | sed 's/=*$//; s/.$//')" "$(printf '%s' "$2" | od -An -tx1 | tr -d ' \n')"; do
		$1 | grep -aqiF -- "$shape" && { echo "seen: $shape"; return 1; }
	done
	return 0
}
absent_here() {
	absent everywhere "$1"
}
absent_from_arguments() { printf '%s\n' "$1" >"$S/pattern"; ! arguments | grep -qFf "$S/pattern"; }

setup() {
	hub_start && tap_start tap1 record && HUB_VIA=tap1 && invite_1=$(hub_invite) && mkdir -p "$S/a/home" "$S/a/notes" && chmod 700 "$S/a/home" &&
		printf '%s\n' "$invite_1" | on a join - --name "name-$C-a" --quiet && on a add notes "$S/a/notes" --quiet && device_start a &&
		tap_start tap2 record && HUB_VIA=tap2 && invite_2=$(on a invite) && mkdir -p "$S/b/home" "$S/b/notes" && chmod 700 "$S/b/home" &&
		printf '%s\n' "$invite_2" | readdress "ws://$(hub_address)" | on b join - --name "name-$C-b" --quiet &&
		on b add "cat-$(echo $N | tr A-Z a-z)" "$S/b/notes" --quiet; on b remove "cat-$(echo $N | tr A-Z a-z)" --quiet
	on b add notes "$S/b/notes" --quiet && device_start b
}
t "a hub behind recording taps, two devices" setup
work() {
	mkdir "$S/a/notes/dir-$N" && echo "content $C first" >"$S/a/notes/dir-$N/file-$N.md" && settle a b &&
		echo "content $C second" >>"$S/b/notes/dir-$N/file-$N.md" && settle a b && mv "$S/a/notes/dir-$N/file-$N.md" "$S/a/notes/moved-$N" && settle a b &&
		ln -s "target/$C" "$S/a/notes/link-$N" && on b pause --quiet && echo "one $C" >"$S/a/notes/both-$N" && on a wait --synced --timeout 60 &&
		echo "two $C" >"$S/b/notes/both-$N" && on b resume --quiet && settle a b; on a resolve --all --keep mine --quiet && settle a b &&
		head -c 400000 /dev/zero | tr '\0' x | sed "s/xxxxxxxxxxxxxxxxxxxxxxx/$C/g" >"$S/a/notes/large" && settle a b && same a b
}
t "edits, a rename, a link, a conflict, a large file" work
something() { [ "$(cat "$S/tap1/record" "$S/tap2/record" | wc -c)" -gt 4000 ] && [ -s "$S/hub/store.db" ] && [ -s "$S/a/home/log" ]; }
t "the taps, the store and the logs do hold something" something
t "no content, no link's target, no device's name: nowhere" absent_here "$C"
t "no item's and no category's name: on no socket, not at the hub, in no log" absent everywhere "$N"
no_arguments() { absent_from_arguments "$C" && absent_from_arguments "dir-$N"; }
t "nor in arguments or environments" no_arguments

# What is inside an invite: token, and on a device's invite the account key.
field() { body=$(printf '%s' "${1#syncline-invite-1.}" | tr -- '-_' '+/'); while [ $((${#body} % 4)) -ne 0 ]; do body=$body=; done; printf '%s' "$body" | base64 -d | json --get "$2"; }
t "no invite" absent everywhere "$(printf '%s' "${invite_1-}" | cut -c19-60)"
tokens() {
	for invite in "$invite_1" "$invite_2"; do
		token=$(field "$invite" token)
		[ -n "$token" ] && ! cat "$S"/hub/* "$S"/*/out "$S"/*/home/log* 2>/dev/null | grep -aqF -- "$token" && absent_from_arguments "$token" || return 1
	done
}
t "no token at the hub, in logs or arguments" tokens
key_hex() { body=$(field "$invite_2" key | tr -- '-_' '+/'); while [ $((${#body} % 4)) -ne 0 ]; do body=$body=; done; printf '%s' "$body" | base64 -d | od -An -tx1 | tr -d ' \n'; }
keys() {
	key=$(field "$invite_2" key)
	[ ${#key} -ge 40 ] && absent everywhere "$key" && absent_from_arguments "$key" || return 1
	hex=$(key_hex) && [ ${#hex} = 64 ] && ! everywhere | od -An -v -tx1 | tr -d ' \n' | grep -q "$hex"
}
t "no account key, in any shape" keys
recovery() { key=$(on a key export --force) && absent everywhere "$key" && absent_from_arguments "$key"; }
t "no recovery key" recovery
modes() { for file in "$S"/?/home/state/keys "$S"/?/home/state/state.db "$S"/?/home/log "$S"/hub/store.db; do [ "$(stat -c %a "$file")" = 600 ] || { stat -c '%a %n' "$file"; return 1; }; done; }
t "what holds secrets is the owner's alone" modes
tokens_stored() { token=$(field "$invite_2" token); ! cat "$S"/?/home/config "$S"/?/home/state/* 2>/dev/null | grep -aqF -- "$token"; }
t "and no token stays on a device" tokens_stored
