# The stories of tests/story/stories, under several seeds each. TRACE=1 tells what happens.
exec "${SYNCLINE_BUILD:-.}/tests/story/play" "${SYNCLINE_SOURCE:-$(dirname "$0")/../..}"/tests/story/stories/*.story
