# The console on a real terminal, against a scripted engine: what it shows, what it sends to the terminal byte by byte, and
# how it leaves. Needs tests/lib/fakeengine and tests/lib/ptywatch; tmux for what a person would see.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"

FAKE=$SYNCLINE_BUILD/tests/lib/fakeengine
WATCH=$SYNCLINE_BUILD/tests/lib/ptywatch
STATES=$SYNCLINE_SOURCE/tests/screen
SOCK=$S/run/s
TZ=UTC
TERM=xterm-256color
export TZ TERM
unset NO_COLOR TMUX SSH_CONNECTION SSH_TTY ESCDELAY
mkdir -m 700 "$S/run"
mkfifo "$S/orders"
exec 3<>"$S/orders"

# engine STATE: a fresh scripted engine; order COMMAND… tells it something
engine() {
	[ -n "${fake-}" ] && kill "$fake" 2>/dev/null && wait "$fake" 2>/dev/null
	rm -f "$SOCK" "$S/requests"
	: >"$S/requests"
	"$FAKE" "$SOCK" "$STATES/$1.json" "$S/requests" <&3 >"$S/engine.log" 2>&1 &
	fake=$!
	suite_pids="$suite_pids $fake"
	wait_for 5 test -S "$SOCK"
}
order() { echo "$*" >&3; }

# watch SIZE [N=V…] <orders: runs the console under ptywatch; results in $S/said, bytes in $S/bytes, --stats in $S/stats
watch() {
	watch_size=$1
	shift
	env "$@" "$WATCH" "$watch_size" "$S/bytes" "$SYNCLINE" --socket "$SOCK" --stats "$S/stats" ${options-} >"$S/said" 2>&1
}
said() { grep -q "^$1" "$S/said" || { cat "$S/said"; return 1; }; }
# at_most NAME KEY LIMIT
at_most() {
	value=$(sed -n "s/^$1 .*$2=\([0-9]*\).*/\1/p" "$S/said")
	echo "$1 $2=$value, limit $3"
	[ -n "$value" ] && [ "$value" -le "$3" ]
}
stat_of() { sed -n "s/.*\"$1\":\([0-9]*\).*/\1/p" "$S/stats"; }
no_bytes() { ! LC_ALL=C grep -qP "$1" "$S/bytes"; }
# Tests that mostly wait do so beside the others, each with an engine and a folder of its own: beside NAME COMMAND… begins
# one, and "t TEXT came NAME" is the test.
beside() {
	beside_name=$1
	shift
	mkdir -m 700 "$S/$beside_name" "$S/$beside_name/run" && mkfifo "$S/$beside_name/orders"
	(
		trap - EXIT
		trap 'kill "$fake"; exit 1' TERM
		S=$S/$beside_name
		SOCK=$S/run/s fake=
		exec 3<>"$S/orders"
		code=0
		"$@" || code=$?
		kill "$fake" 2>/dev/null
		exit $code
	) >"$S/$beside_name.log" 2>&1 </dev/null &
	suite_pids="$suite_pids $!"
	eval "beside_$beside_name=$!"
}
came() {
	eval "wait \$beside_$1" && return 0
	cat "$S/$1.log"
	return 1
}

# ---- what mostly waits: begun here, told at the end ----
small() {
	for size in 40x12 20x4 10x3 2x2 1x1 300x100; do
		engine busy && watch $size <<-END && said "exit 0" || return 1
			quiet 300
			send q
			wait
		END
	done
}
beside small small
calm() {
	engine calm && watch 80x24 <<-END && said "until ok" && said "exit 0" && at_most calm bytes 0 && at_most calm wakeups 0
		until quit
		quiet 1000
		count first
		sleep ${CALM_MS:-5000}
		count calm
		send q
		wait
	END
}
beside calm calm
moving() {
	engine busy || return 1
	{
		for i in 1 2 3 4 5 6; do
			sleep 0.5
			order "report {\"traffic_rates\":{\"up\":$((i * 30000)),\"down\":$((i * 9000))}}"
		done
	} &
	watch 80x24 <<-END
		until quit
		quiet 400
		count first
		sleep 4000
		count moving
		send q
		wait
	END
	wait $!
	said "until ok" && said "exit 0" && at_most moving bytes 1200 && [ "$value" -gt 0 ] # at most 300 a second
}
beside moving moving
stalls() {
	engine busy || return 1
	{
		i=0
		while [ $i -lt 40 ]; do
			i=$((i + 1))
			sleep 0.05
			order "report {\"traffic_rates\":{\"up\":$((i * 30000)),\"down\":0},\"queue_total\":$i}"
		done
	} &
	watch 80x24 <<-END && said "exit 0" && at_most after bytes 8000
		until quit
		count first
		stall 2500
		quiet 400
		count after
		send q
		wait
	END
}
beside stalls stalls
other_terms() {
	for name in linux screen tmux-256color xterm vt100 ansi; do
		engine busy && watch 80x24 TERM=$name <<-END && said "until ok" && said "exit 0" && said "modes same" || { echo "TERM=$name"; return 1; }
			until CONFLICTS
			send 2
			quiet 200
			send Q
			wait
			modes
		END
	done
}
beside other_terms other_terms

# ---- leaving ----
leaves() {
	engine calm && watch 80x24 <<-END && said "until ok" && said "exit 0" && said "modes same" &&
		until quit
		send $1
		wait
		modes
	END
		tail -c 200 "$S/bytes" | LC_ALL=C grep -q "\[?1049l" && tail -c 200 "$S/bytes" | LC_ALL=C grep -q "\[?2004l"
}
t "q leaves the terminal as found" leaves q
t "Q leaves from anywhere" leaves 6Q
t "Ctrl-c leaves" leaves '\x03'
leaves_by_signal() {
	engine calm && watch 80x24 <<-END && said "exit $2" && said "modes same" && tail -c 300 "$S/bytes" | LC_ALL=C grep -q "\[?1049l"
		until quit
		quiet 100
		signal $1
		wait
		modes
	END
}
t "SIGTERM leaves cleanly" leaves_by_signal 15 0
t "SIGHUP leaves cleanly" leaves_by_signal 1 0
t "a crash restores the terminal first" leaves_by_signal 11 "signal 11"

# ---- calm, and the price of what moves ----
budget() {
	engine busy && watch 80x24 SYNCLINE_NOW=1788876341 <<-END
		until quit
		quiet 1000
		count first
		send j
		quiet 150
		count cursor
		send 2
		quiet 150
		count queue
		send 6
		quiet 150
		count traffic
		send \x0c
		quiet 150
		count again
		send Q
		wait
	END
	at_most first bytes 3700 && at_most cursor bytes 320 && at_most queue bytes 3500 && at_most traffic bytes 3500 &&
		at_most again bytes 3500 && [ "$(stat_of max_frame)" -le 3500 ]
}
t "first paint, cursor, screens and Ctrl-l keep their limits" budget
one_write() {
	cat "$S/stats"
	cat "$S/said"
	[ "$(stat_of frames)" -gt 4 ] && [ "$(stat_of frames)" = "$(stat_of writes)" ]
}
t "a frame is one write" one_write
quick() { at_most cursor wakeups 3; }
t "a key is painted by the turn that reads it" quick
storm() {
	engine busy && {
		echo "until quit"
		echo "count first"
		i=0
		while [ $i -lt 60 ]; do
			i=$((i + 1))
			echo "resize $((80 + i % 3))x24"
			echo "sleep 3"
		done
		echo "resize 80x24"
		echo "quiet 300"
		echo "count storm"
		echo "send q"
		echo "wait"
	} | watch 80x24 && said "exit 0" && [ "$(stat_of frames)" -le 22 ]
}
t "a dragged corner is no storm of frames" storm

# ---- what crosses to the terminal ----
colourless() {
	engine busy && options=$2 && watch 80x24 $1 <<-END && said "exit 0" && no_bytes '\x1b\[[0-9;]*(3[0-8]|4[0-8]|9[0-7])[;m]'
		until CONFLICTS
		send 23
		quiet 200
		send Q
		wait
	END
	code=$?
	options=
	return $code
}
t "NO_COLOR sends no colour" colourless NO_COLOR=1 ""
t "the theme ink sends no colour" colourless X=y "--theme ink"
t "--mono sends no colour" colourless X=y --mono
hostile() {
	engine busy && order 'report {"queue":[{"item":"notes/\u001b]52;c;QQ==\u0007\u202e\u2066\u200b\ufeff\udb40\udc41\u009b31m","direction":"outgoing","state":"queued"}],"log":[{"at":"2026-09-08T14:05:41Z","level":"info","from":"\u001b[2J","text":"\u202eevil\u001b]0;t\u0007"}]}'
	watch 80x24 <<-END && said "exit 0" && no_bytes '\x1b\]|\xe2\x80\xae|\xe2\x81\xa6|\xe2\x80\x8b|\xef\xbb\xbf|\xf3\xa0\x81\x81|\xc2\x9b' &&
		until quit
		quiet 1000
		send 2
		quiet 100
		send 8
		quiet 100
		send Q
		wait
	END
		LC_ALL=C grep -qF '\u202e' "$S/bytes" && LC_ALL=C grep -qF '\x1b' "$S/bytes"
}
t "names and messages that attack arrive as text" hostile
strays() {
	engine busy && watch 80x24 SYNCLINE_NOW=1788876341 <<-END && said "exit 0" && [ "$(grep -c '"resolve"\|"pause"' "$S/requests")" = 0 ] && [ "$(grep -c 'until ok' "$S/said")" = 4 ]
		until quit
		send \e[I\e[O\e[12;34;5z\eOq\e]0;cmty\x07
		quiet 200
		send \e[200~cmt\nqQP\e[201~
		until Ignored
		send \e]11;rgb:0/0
		quiet 200
		send 2
		until TRY
		send :theme ink\n
		until Theme ink
		send qq
		wait
	END
}
t "unknown sequences and pastes are no keys" strays
no_probe() {
	engine calm && watch 80x24 <<-END && said "until ok" && no_bytes '\x1b\[(c|>q|6n|\?2026\$p)'
		until quit
		send q
		wait
	END
}
t "the terminal is never asked anything" no_probe
unknown_term() {
	engine busy && watch 80x24 TERM=xterm-nobody TERMINFO="$S/none" <<-END && said "until ok" && said "exit 0"
		until using xterm-256color
		send q
		wait
	END
}
t "an unknown TERM: the nearest one, and says so" unknown_term
ascii_only() {
	engine busy && watch 80x24 LC_ALL=C <<-END && said "exit 0" && no_bytes '[\x80-\xff]' && LC_ALL=C grep -q '\^14' "$S/bytes"
		until CONFLICTS
		send 2346
		quiet 200
		send Q
		wait
	END
}
t "LC_ALL=C gets ASCII" ascii_only

# ---- the engine comes and goes ----
gone_and_back() {
	engine busy && watch 80x24 <<-END && said "exit 0" && [ "$(grep -c 'until ok' "$S/said")" = 5 ]
		until CONFLICTS
		send 2
		until TRY
		run echo drop >'$S/orders'
		until ENGINE NOT RUNNING
		run echo back >'$S/orders'
		until CONFLICTS
		send 5
		until PRESENCE
		send Q
		wait
	END
}
t "an engine that ends is told and missed, and comes back by itself" gone_and_back
waits() {
	engine busy && order drop || return 1
	wait_for 5 sh -c "! test -e '$SOCK'"
	watch 80x24 <<-END && said "exit 0" && [ "$(grep -c 'until ok' "$S/said")" = 2 ] && at_most waiting bytes 0 && at_most waiting wakeups 0
		until No one answers at
		quiet 300
		count first
		sleep 700
		count waiting
		run echo back >'$S/orders'
		until CONFLICTS
		send q
		wait
	END
}
t "no engine: waits without polling, and attaches when it is there" waits
settles() {
	engine busy && watch 80x24 <<-END && said "exit 0" && [ "$(grep -c '"resolve"' "$S/requests")" = 1 ] &&
		until CONFLICTS
		send ct
		until Enter applies it
		send \r
		until Both versions stay
		send Q
		wait
	END
		[ "$(grep -c 'until ok' "$S/said")" = 3 ] && grep '"resolve"' "$S/requests" | grep '"aliases/gst"' | grep -q '"theirs"'
}
t "c t Enter settles one conflict, once" settles
unapplied() {
	engine busy && watch 80x24 <<-END && grep -q "1 choice was not applied" "$S/bytes" && ! grep -q '"resolve"' "$S/requests"
		until CONFLICTS
		send ct
		until Enter applies it
		send Q
		wait
	END
}
t "a choice that was not applied is told at the end" unapplied

# ---- lines ----
lines() {
	engine busy && "$SYNCLINE" --socket "$SOCK" >"$S/lines" </dev/null
	[ $? = 11 ] && grep -q '^syncline: 2 conflicts need you; 14 out, 3 in; connected to hub.home.lan, 42 ms, good$' "$S/lines" &&
		grep -q 'aliases/gst  laptop .* vs work-vm .*  1 hunk' "$S/lines" && ! LC_ALL=C grep -q "$(printf '\033')" "$S/lines"
}
t "no terminal: lines, and the exit code of status" lines
calm_lines() { engine calm && "$SYNCLINE" --plain --socket "$SOCK" </dev/null >"$S/lines" && grep -q '^syncline: in sync: 9 categories' "$S/lines"; }
t "in sync: exit 0" calm_lines
offline_lines() {
	engine offline
	"$SYNCLINE" --socket "$SOCK" </dev/null >"$S/lines"
	[ $? = 12 ]
}
t "offline: exit 12" offline_lines
no_engine_lines() {
	"$SYNCLINE" --socket "$S/run/nobody" </dev/null >"$S/lines" 2>&1
	[ $? = 3 ] && grep -q '^syncline: ' "$S/lines"
}
t "no engine: exit 3, and one line" no_engine_lines
dumb() {
	engine busy && watch 80x24 TERM=dumb <<-END && said "exit 0" && no_bytes '\x1b' && [ "$(grep -c '"resolve"' "$S/requests")" = 1 ]
		until quit>
		send 1\n
		until t theirs
		send t\n
		until settled aliases/gst
		send quit\n
		wait
	END
}
t "TERM=dumb: a conflict is settled by typing" dumb
usage() {
	"$SYNCLINE" --nonsense </dev/null >"$S/lines" 2>&1
	[ $? = 2 ] && grep -q '^syncline: --nonsense: ' "$S/lines"
}
t "an unknown option: exit 2" usage

# ---- what a person sees ----
if ! command -v tmux >/dev/null; then
	skip "tmux is not here" "the screen in tmux"
else
	mux() { tmux -u -f /dev/null -S "$S/run/tmux" "$@"; }
	screen() { mux capture-pane -p; }
	shows() { screen | grep -qF -- "$1"; }
	shows_selected() { screen | grep -q "▸.* $1"; }
	shows_all_of() { screen | diff "$1" -; }
	# still FILE: keeps the screen there, once two looks at it are the same
	still() {
		for i in 1 2 3 4 5 6 7 8 9 10; do
			screen >"$1" && sleep 0.2 && screen | cmp -s "$1" - && return 0
		done
		return 1
	}
	open_mux() {
		mux new-session -d -x 80 -y 24 "env TERM=tmux-256color TZ=UTC LC_ALL=C.UTF-8 SYNCLINE_NOW=$1 PS1='ready> ' sh" &&
			mux set -g status off && wait_for 5 shows 'ready>'
	}
	in_tmux() {
		engine calm && open_mux 1788876727 && mux send-keys "clear; '$SYNCLINE' --socket '$SOCK'; echo left" Enter &&
			wait_for 5 shows "IN SYNC" && still "$S/seen" &&
			sed 's/ *$//' "$STATES/golden/tmux-calm-80x24.txt" >"$S/wanted" && sed 's/ *$//' "$S/seen" | diff "$S/wanted" - || return 1
		# The cursor rests on the selected row.
		y=$(mux display -p '#{cursor_y}') && sed -n "$((y + 1))p" "$S/seen" | grep -q '^▸' || return 1
		mux send-keys j && wait_for 2 sh -c "[ \"\$(tmux -S '$S/run/tmux' display -p '#{cursor_y}')\" = $((y + 1)) ]" &&
			mux send-keys q && wait_for 5 shows left && [ "$(mux display -p '#{alternate_on} #{cursor_flag}')" = "0 1" ]
	}
	t "tmux: the calm Home, row for row; the cursor; a clean shell after q" in_tmux
	mux kill-server 2>/dev/null
	suspends() {
		engine busy && open_mux 1788876341 && mux send-keys "clear; stty -a | cksum; '$SYNCLINE' --socket '$SOCK'" Enter &&
			wait_for 5 shows "2 CONFLICTS" && mux send-keys 2 j && wait_for 5 shows TRY && still "$S/before" &&
			mux send-keys C-z && wait_for 5 shows topped && [ "$(mux display -p '#{alternate_on} #{cursor_flag}')" = "0 1" ] &&
			mux send-keys 'stty -a | cksum; echo summed' Enter && wait_for 5 sh -c "tmux -S '$S/run/tmux' capture-pane -p | grep -q ^summed" &&
			[ "$(screen | grep -E '^[0-9]+ [0-9]+$' | sort -u | wc -l)" = 1 ] &&
			mux send-keys fg Enter && wait_for 5 shows_all_of "$S/before" &&
			mux send-keys j && wait_for 5 shows_selected aliases && mux send-keys Q
	}
	t "tmux: Ctrl-z gives the terminal back, fg paints it all again" suspends
	mux kill-server 2>/dev/null
	resize_mux() {
		engine busy && mux new-session -d -x 80 -y 24 "env TERM=tmux-256color TZ=UTC LC_ALL=C.UTF-8 SYNCLINE_NOW=1788876341 '$SYNCLINE' --socket '$SOCK'" &&
			mux set -g status off && wait_for 5 shows "2 CONFLICTS" && mux send-keys 2 j j j && wait_for 5 shows "rollout" && still "$S/before" &&
			mux resize-window -x 160 -y 50 && still "$S/seen" && mux resize-window -x 40 -y 12 && still "$S/seen" &&
			shows "rollout" && mux resize-window -x 80 -y 24 && wait_for 5 shows_all_of "$S/before"
	}
	t "tmux: after 160x50, 40x12 and back the screen is the same" resize_mux
	mux kill-server 2>/dev/null
fi

# ---- what was begun first ----
t "q leaves at every size" came small
t "calm costs no byte and no wakeup" came calm
t "a busy Home stays within 300 bytes a second" came moving
t "a terminal that stops reading gets no heap of old frames" came stalls
t "linux, screen, tmux, xterm, vt100 and ansi show the same words" came other_terms
