# suite: the harness of the shell suites, sourced by them. It prints TAP, one line a test, and gives each suite a scratch
# folder $S that goes away with it (KEEP=1 keeps it).
#
#   . "$SYNCLINE_SOURCE/tests/lib/suite.sh"
#   t "status says so" status_says_so          # a test: a name and a command; it passes when that returns 0
#   skip "needs tmux" "the screen starts"      # one that cannot run here
#   wait_for 5 test -s "$S/port"               # polls a condition; fails after so many seconds
#
# A test runs in the suite's own shell, with its output kept for when it fails; join its steps with &&. Plan, summary and
# exit code come by themselves at the end. Processes go by `background NAME COMMAND…`, which ends them with the suite, or
# by a function devices_end. Nothing here sleeps for a fixed time: wait for a condition instead.

: "${SYNCLINE_SOURCE:=$(cd "$(dirname "$0")/../.." && pwd)}"
: "${SYNCLINE_BUILD:=$PWD}"
: "${SYNCLINE:=$SYNCLINE_BUILD/syncline}"
export SYNCLINE_SOURCE SYNCLINE_BUILD SYNCLINE

# Nothing of the person's is used by a test.
unset SYNCLINE_HOME XDG_CONFIG_HOME XDG_STATE_HOME XDG_RUNTIME_DIR NOTIFY_SOCKET GIT_CONFIG_GLOBAL GIT_DIR
LC_ALL=C.UTF-8
export LC_ALL

S=$(mktemp -d "${TMPDIR:-/tmp}/syncline-test-XXXXXX") || exit 99
HOME=$S/person
mkdir -p "$HOME"
export S HOME

suite_count=0
suite_failed=0
suite_pids=

suite_report() {
	echo "1..$suite_count"
	echo "# $((suite_count - suite_failed)) passed, $suite_failed failed"
}

suite_end() {
	suite_status=$?
	trap - EXIT
	if [ $suite_status -ne 0 ]; then
		suite_count=$((suite_count + 1)) suite_failed=$((suite_failed + 1))
		echo "not ok $suite_count - the suite runs to its end"
	fi
	command -v devices_end >/dev/null && devices_end
	for suite_pid in $suite_pids; do
		suite_reap "$suite_pid"
	done
	[ -n "${KEEP-}" ] && echo "# kept: $S" || rm -rf "$S"
	suite_report
	[ $suite_failed -eq 0 ] || exit 1
	exit 0
}
trap suite_end EXIT
trap 'exit 130' INT TERM HUP

# One of our own children: it gets three seconds to end by itself.
suite_reap() {
	kill "$1" 2>/dev/null
	suite_tries=0
	while kill -0 "$1" 2>/dev/null && [ $suite_tries -lt 60 ]; do
		sleep 0.05
		suite_tries=$((suite_tries + 1))
	done
	kill -9 "$1" 2>/dev/null
	wait "$1" 2>/dev/null
}

# t NAME COMMAND…
t() {
	trap suite_end EXIT # a suite may have set its own meanwhile
	suite_name=$1
	shift
	suite_count=$((suite_count + 1))
	suite_code=0
	"$@" >"$S/.out" 2>&1 </dev/null || suite_code=$?
	if [ $suite_code -eq 0 ]; then
		echo "ok $suite_count - $suite_name"
		return 0
	fi
	suite_failed=$((suite_failed + 1))
	echo "not ok $suite_count - $suite_name"
	echo "# exit $suite_code: $*"
	head -c 20000 "$S/.out" | sed 's/^/#   /'
	return 0
}

# skip WHY NAME
skip() {
	suite_count=$((suite_count + 1))
	echo "ok $suite_count - $2 # SKIP $1"
}

# wait_for SECONDS COMMAND…
wait_for() {
	suite_until=$(($(date +%s%N) / 1000000 + $1 * 1000))
	shift
	until "$@" >/dev/null 2>&1; do
		if [ $(($(date +%s%N) / 1000000)) -ge $suite_until ]; then
			echo "waited in vain for: $*"
			return 1
		fi
		sleep 0.02
	done
}

# background NAME COMMAND… : its output is in $S/NAME.log, its number in $S/NAME.process
background() {
	suite_job=$1
	shift
	"$@" >"$S/$suite_job.log" 2>&1 </dev/null &
	suite_pids="$suite_pids $!"
	echo $! >"$S/$suite_job.process"
}

# end_background NAME [SIGNAL] : signals it and waits; its exit code
end_background() {
	suite_pid=$(cat "$S/$1.process")
	kill "-${2:-TERM}" "$suite_pid" 2>/dev/null
	wait "$suite_pid"
}
