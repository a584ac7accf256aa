#!/bin/sh
# Fuzzes what a hub and a device take from each other, and the merges of what people wrote. FUZZ_SECONDS (20) each; FUZZ_CORPUS keeps what was found.
set -eu
source=${SYNCLINE_SOURCE:-.}
seconds=${FUZZ_SECONDS:-20}
command -v clang >/dev/null || { echo "1..0 # SKIP clang is not installed"; exit 0; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
corpus=${FUZZ_CORPUS:-$work/corpus}
echo 1..4
n=0 failed=0
# The vectors of the protocol's document are the first seeds.
seeds() {
	awk -v out="$1" '/^```vector/ { name = $2; hex = ""; next } /^```/ { if (name) print name, hex; name = "" } name { hex = hex $0 }' \
		"$source/doc/protocol.md" | while read -r name hex; do
		printf '%s' "$hex" | tr -d ' ' | sed 's/../\\x&/g' | xargs -0 printf '%b' >"$1/$name"
	done
}
for target in wire message hub merge; do
	n=$((n + 1))
	mkdir -p "$corpus/$target"
	case $target in
	hub) more="$source/src/hub/core/*.c $source/src/hub/store/memory.c $source/src/hub/store/submission.c $source/src/hub/store/lazy.c" ;;
	merge) more="$(ls "$source"/engine/core/conflict/*.c | grep -v plan) -lgit2" ;;
	*) more= ;;
	esac
	[ $target != wire ] || seeds "$corpus/wire"
	[ $target != merge ] || printf '{"a":1,\n"b":[1]}\376{"a":2,\n"b":[1]}\376{"a":1,\n"b":[1,3] // x\n}' >"$corpus/merge/json"
	# shellcheck disable=SC2086 # the lists are meant to be split
	clang -std=c11 -D_GNU_SOURCE -O1 -g -fsanitize=fuzzer,address,undefined -fno-sanitize-recover=undefined \
		-I"$source/src" -I"$source" "$source/tests/fuzz/fuzz_$target.c" "$source"/src/wire/*.c "$source"/src/base/*.c $more \
		-o "$work/fuzz_$target" -lsodium -ljansson
	if "$work/fuzz_$target" -max_total_time="$seconds" -max_len=65536 -rss_limit_mb=2048 -artifact_prefix="$work/" \
		"$corpus/$target" >"$work/log" 2>&1; then
		echo "ok $n - $target: $(grep -o 'Done [0-9]* runs' "$work/log")"
	else
		failed=1
		echo "not ok $n - $target"
		tail -n 60 "$work/log" | sed 's/^/# /'
		for found in "$work"/crash-* "$work"/leak-* "$work"/oom-* "$work"/timeout-*; do
			[ ! -f "$found" ] || { echo "# input, in base64:"; base64 "$found" | sed 's/^/# /'; }
		done
	fi
done
exit $failed
