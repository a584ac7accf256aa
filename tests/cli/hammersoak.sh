# The hammer of hammer.sh for a minute (HAMMER_SECONDS).
HAMMER_SECONDS=${HAMMER_SECONDS:-60}
HAMMER_WAIT=${HAMMER_WAIT:-300}
export HAMMER_SECONDS HAMMER_WAIT
exec sh "$SYNCLINE_SOURCE/tests/cli/hammer.sh"
