# The unit tests as TAP. A report of a sanitizer is a failure, also one behind the last assertion.
out=$(mktemp "${TMPDIR:-/tmp}/syncline-unit-XXXXXX") || exit 99
trap 'rm -f "$out"' EXIT
"${SYNCLINE_BUILD:-.}/unit" --tap=- --quiet ${UNIT_FILTER:+--filter "$UNIT_FILTER"} 2>"$out"
code=$?
sed 's/^/# /' "$out"
if grep -qE 'ERROR: (Address|Leak)Sanitizer|runtime error:' "$out"; then
	echo "Bail out! a sanitizer reported"
	code=1
fi
exit $code
