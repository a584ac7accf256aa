# The kills of kill9.sh, many times more (ROUNDS, default 100).
ROUNDS=${ROUNDS:-100}
export ROUNDS
exec sh "$SYNCLINE_SOURCE/tests/cli/kill9.sh"
