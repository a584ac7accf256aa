#!/bin/sh
# Merges drawn from real edit histories, compared with git's. CORPORA: a folder of replay traces; MERGES_GIT=1 asks the git
# program too, for each merge.
set -eu
[ -n "${CORPORA-}" ] || { echo "CORPORA names no folder of replay traces: nothing is merged"; exit 0; }
"${SYNCLINE_BUILD:-.}/tests/bench/merges" ${MERGES_GIT:+--git} "$CORPORA"/*.trace.zst
