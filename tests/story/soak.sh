# Random lives with seeds that nobody has seen, for SOAK_SECONDS (default 600). The first seed is printed.
. "$SYNCLINE_SOURCE/tests/lib/suite.sh"

seed=${SEED:-$(date +%s)}
end=$(($(date +%s) + ${SOAK_SECONDS:-600}))
lives=0
echo "# SEED=$seed"
while [ "$(date +%s)" -lt $end ]; do
	t "100 lives from seed $seed" "$SYNCLINE" sim --seed $seed --seeds 100 --devices $((2 + seed % 4)) --minutes 5
	seed=$((seed + 100)) lives=$((lives + 100))
	[ $suite_failed -eq 0 ] || break
done
echo "# $lives lives"

# Real edit histories, made by several devices at once: CORPORA names a folder of replay traces.
if [ -n "${CORPORA-}" ]; then
	for devices in 2 3; do
		t "histories relived by $devices devices" "$SYNCLINE" sim --seed $seed --devices $devices --relive "$CORPORA"/*.trace.zst
	done
fi
