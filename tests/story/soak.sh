# Random lives with seeds that nobody has seen, for SOAK_SECONDS (default 600). The first seed is printed, and after each
# hundred lives what they came to. What breaks is shrunk; its story is printed, and its trace left in the current folder.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"

seed=${SEED:-$(date +%s)}
begun=$(date +%s)
end=$((begun + ${SOAK_SECONDS:-600}))
lives=0
echo "# SEED=$seed"
hundred() {
	"$SYNCLINE" sim --seed $seed --seeds 100 --devices $((2 + seed / 100 % 4)) --minutes 5 --shrink >"$S/evidence" 2>&1 && return
	cat "$S/evidence"
	return 1
}
# "lived …, 25.12 cluster-hours, …": the sum over all.
hours() { sed -n 's/^lived .*: \([0-9.]*\) cluster-hours.*/\1/p' "$S/evidence" >>"$S/hours"; awk '{ sum += $1 } END { printf "%.1f", sum }' "$S/hours"; }
while [ "$(date +%s)" -lt $end ]; do
	t "100 lives from seed $seed" hundred
	[ $suite_failed -eq 0 ] || break
	seed=$((seed + 100)) lives=$((lives + 100))
	echo "# $lives lives, $(hours) cluster-hours, $(($(date +%s) - begun)) s; $(sed -n 's/^processes *//p' "$S/evidence")"
done
echo "# $lives lives"

# Real edit histories, made by several devices at once: CORPORA names a folder of replay traces.
if [ -n "${CORPORA-}" ]; then
	for devices in 2 3; do
		t "histories relived by $devices devices" "$SYNCLINE" sim --seed $seed --devices $devices --relive "$CORPORA"/*.trace.zst
	done
fi
