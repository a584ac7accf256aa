#!/bin/sh
# What a hub does alone, on the disk of the temporary folder.
set -eu
"${SYNCLINE_BUILD:-.}/tests/bench/hub_rate" "${TMPDIR:-/tmp}"
