# Watching: bugs that other programs of this kind had, each tried on real files. What the kernel limits is limited in a user
# namespace of its own, so nothing of the machine is changed.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"
. "$SYNCLINE_SOURCE/tests/lib/devices.sh"

A=$S/a/notes B=$S/b/notes
hammer() { "$LIB/hammer" "$@"; }
holds() { [ "$(cat "$1")" = "$2" ]; }
there() { settle a b && same a b; }

t "two devices" eval 'hub_start && device_make a b'

trees() {
	i=0
	while [ $i -lt 20 ]; do
		mkdir -p "$A/t$i/a/b/c/d/e/f/g" && echo $i >"$A/t$i/a/b/leaf" && echo $i >"$A/t$i/a/b/c/d/e/f/g/leaf" || return 1
		i=$((i + 1))
	done
	for name in 00 1f 3a 4b 5c 6d 7e 8f 90 a1 b2 c3 d4 e5 f6; do mkdir "$A/o$name" && echo $name >"$A/o$name/object" || return 1; done
	there && echo later >"$A/t7/a/b/c/d/e/f/g/later" && wait_for 20 test -e "$B/t7/a/b/c/d/e/f/g/later" && there
}
t "a file in a folder made a moment ago is not missed, however deep" trees
again() {
	for round in 1 2 3 4 5 6 7 8; do
		rm -rf "$A/again" && mkdir "$A/again" && echo $round >"$A/again/n" && mkdir "$A/again/sub" && echo $round >"$A/again/sub/n$round" || return 1
	done
	there && holds "$B/again/n" 8 && echo more >"$A/again/sub/more" && wait_for 20 test -e "$B/again/sub/more" && there
}
t "a folder that is deleted and made again is watched again" again
moved_out() {
	mkdir "$A/out" && echo 1 >"$A/out/f" && there && mv "$A/out" "$S/elsewhere" && echo 2 >"$S/elsewhere/g" && there && [ ! -e "$B/out" ] &&
		mv "$S/elsewhere" "$A/back" && there && holds "$B/back/g" 2 && echo 3 >"$A/back/h" && wait_for 20 test -e "$B/back/h" && there
}
t "a folder that is moved out is deleted elsewhere, and watched again when it is back" moved_out
overflow() {
	kill -STOP "$(pid_of a)" || return 1
	mkdir "$A/real" && echo first >"$A/real/first" && hammer burst "$A/burst" 20000 .swp && echo last >"$A/real/last" && rm -r "$A/again"
	made=$?
	kill -CONT "$(pid_of a)"
	find "$A/burst" -name '*.swp' -delete
	[ $made = 0 ] && there && holds "$B/real/last" last && [ ! -e "$B/again" ] && echo after >"$A/real/after" && wait_for 20 test -e "$B/real/after" && there
}
t "a burst that overflows the kernel's queue loses nothing, deletions neither" overflow
mapped() {
	printf 'aaaaaaaaaaaaaaaa\n' >"$A/mapped" && there && background mapper hammer mmap "$A/mapped" BBBB && wait_for 10 grep -q written "$S/mapper.log" &&
		on a sync && there && holds "$B/mapped" BBBBaaaaaaaaaaaa && end_background mapper
	[ "$(head -c 4 "$B/mapped")" = BBBB ]
}
t "a write through a mapping, which gives no event, is found by the next scan" mapped
linked() {
	echo one >"$A/linked" && there && ln "$A/linked" "$S/outside" && echo two >"$S/outside" && on a sync && there && holds "$B/linked" two
}
t "a write through a hard link outside is found by the next scan" linked
twice() {
	echo x >"$A/h1" && ln "$A/h1" "$A/h2" && there && echo y >"$A/h1" && settle a b && on a sync && there && holds "$B/h1" y && holds "$B/h2" y
}
t "two hard links inside are two files, both in step" twice

# ---- a folder that cannot be read: an ordinary user, for whom there is such a thing ----

# These devices have joined no hub: what they find is in their history.
nobody='setpriv --reuid=65534 --regid=65534 --clear-groups'
as_nobody() { $nobody "$@"; }
n() { as_nobody timeout 60 "$SYNCLINE" --home "$S/n/home" "$@"; }
gone() { "$@" --json 2>/dev/null | grep -q '"kind": *"delete"'; }
ready_n() { n wait --ready --timeout 1; }
closed_folder() {
	mkdir -p "$S/n/home" "$S/n/notes/open" "$S/n/notes/shut" && echo 1 >"$S/n/notes/shut/f" && echo 1 >"$S/n/notes/open/f" &&
		echo 2 >"$S/n/notes/open/g" && chmod 711 "$S" && chmod 700 "$S/n/home" && chown -R 65534:65534 "$S/n" && n add notes "$S/n/notes" --quiet ||
		return 1
	$nobody "$SYNCLINE" --home "$S/n/home" run >"$S/n.out" 2>&1 </dev/null &
	pid_save n $!
	wait_for 20 ready_n && n sync && n history notes/shut/f >/dev/null || return 1
	chmod 000 "$S/n/notes/shut" && rm "$S/n/notes/open/g" && n sync
	wait_for 10 gone n history notes/open/g || { echo "the deletion beside it was not found"; return 1; }
	n sync && ! gone n history notes/shut/f || { echo "it was taken for deleted"; return 1; }
	n status | grep -q "notes: 1 folder is not looked at" || { echo "status does not tell"; return 1; }
	n log | grep -q "what is in this folder is not looked at" && n why notes/shut/f | grep -q "cannot be read" || return 1
	chmod 755 "$S/n/notes/shut" && echo 22 >"$S/n/notes/shut/f" && n sync && [ "$(n history notes/shut/f --json | grep -o '"version"' | wc -l)" = 2 ] &&
		! n status | grep -q "not looked at" && chmod 000 "$S/n/notes/open" && n sync && n status | grep -q "1 folder is not looked at" &&
		rm -r "$S/n/notes/open" && n sync && ! n status | grep -q "not looked at"
}
if [ "$(id -u)" = 0 ] && as_nobody true 2>/dev/null; then
	t "a folder that cannot be read hides itself alone: nothing in it is deleted, nothing beside it is missed" closed_folder
	pid_end n TERM
else
	skip "needs root, to become an ordinary user" "a folder that cannot be read hides itself alone"
fi

# ---- limits ----

limited_device() { # NAME LIMIT
	mkdir -p "$S/$1/home" && chmod 700 "$S/$1/home" && mkdir -p "$S/$1/notes" && (cd "$S/$1/notes" && for d in d1 d2 d3 d4 d5; do
		mkdir -p $d/sub && echo x >$d/leaf && echo x >$d/sub/leaf || exit 1; done) && on "$1" add notes "$S/$1/notes" --quiet &&
		git config -f "$S/$1/home/config" category.notes.interval 1s || return 1
	unshare -Ur sh -c 'echo "$2" >"/proc/sys/user/$1" && shift 2 && exec "$@"' sh "${2%%=*}" "${2#*=}" "$SYNCLINE" --home "$S/$1/home" run \
		>>"$S/$1/out" 2>&1 </dev/null &
	pid_save "$1" $!
	on "$1" wait --ready --timeout "$WAIT" && on "$1" sync
}
says_so() { # NAME SYSCTL
	on "$1" categories --json | grep -q '"watch": *"polling"' && on "$1" status | grep -q "looked at every 1.*$2" &&
		on "$1" why notes/d1/leaf | grep -q "looked at every 1.*$2" && on "$1" log | grep -q "$2" || return 1
	on "$1" doctor >"$S/doctor.$1"
	[ $? = 1 ] && grep -q "mend: sysctl fs.inotify.max_user_watches" "$S/doctor.$1"
}
versions() { [ "$(on "$1" history "$2" --json | grep -o '"version"' | wc -l)" = "$3" ]; }
found_by_clock() { # NAME
	for d in 1 2 3 4 5; do echo "changed" >"$S/$1/notes/d$d/leaf" && rm "$S/$1/notes/d$d/sub/leaf" || return 1; done
	for d in 1 2 3 4 5; do
		wait_for 20 versions "$1" "notes/d$d/leaf" 2 && wait_for 20 gone on "$1" history "notes/d$d/sub/leaf" || return 1
	done
	[ "$(on "$1" log | grep -c "looked at every")" = 1 ]
}
if unshare -Ur sh -c 'echo 5 >/proc/sys/user/max_inotify_watches && [ "$(cat /proc/sys/user/max_inotify_watches)" = 5 ]' 2>/dev/null; then
	t "a limit on watches is met" limited_device few max_inotify_watches=5
	t "status, why, categories, log and doctor say so, and how to mend it" says_so few max_user_watches
	t "what is not watched is found at the next check, deletions too, and it is told once" found_by_clock few
	pid_end few TERM
	t "an engine that gets no inotify instance starts" limited_device none max_inotify_instances=0
	t "and says so, and how to mend it" says_so none max_user_instances
	t "and finds by the clock what changes" found_by_clock none
	pid_end none TERM
else
	for name in "a limit on watches is met" "an engine that gets no inotify instance starts"; do
		skip "needs a user namespace" "$name"
	done
fi

# ---- another filesystem below a root ----

covered() {
	mkdir "$A/mnt" && echo under >"$A/mnt/f" && there && mount -t tmpfs tmpfs "$A/mnt" || return 1
	echo over >"$A/mnt/other" && rm "$A/linked" && on a sync && wait_for 20 test ! -e "$B/linked" && holds "$B/mnt/f" under && [ ! -e "$B/mnt/other" ]
	covered_ok=$?
	umount "$A/mnt"
	[ $covered_ok = 0 ] && on a sync && there && holds "$B/mnt/f" under
}
if mkdir "$S/try" && mount -t tmpfs tmpfs "$S/try" 2>/dev/null; then
	umount "$S/try"
	t "a filesystem mounted over a folder is not walked, and what it hides is not deleted" covered
	umount "$A/mnt" 2>/dev/null
else
	skip "needs the right to mount" "a filesystem mounted over a folder is not walked, and what it hides is not deleted"
fi
skip "tests/unit/test_io_watch.c has it: no network filesystem here" "a network filesystem is polled"
