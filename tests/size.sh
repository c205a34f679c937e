#!/bin/sh
# What the agent weighs: its file, and its memory once it has run for a while.
#
# usage: tests/size.sh [binary [seconds]]
set -eu

binary=${1:-$(dirname "$0")/../target/release/mini-monitor}
seconds=${2:-60}
ceiling=114688

fail() {
    echo "size: $*" >&2
    exit 1
}

row() {
    printf '%-22s %8s %s\n' "$@"
}

[ -x "$binary" ] || fail "$binary: no such program"

bytes=$(wc -c <"$binary" | tr -d ' ')
row file "$bytes" bytes
# It may be missing, or know only the programs of its own machine.
if sections=$(size "$binary" 2>/dev/null); then
    echo "$sections" | {
        read -r _
        read -r text data bss _
        row '  text' "$text" bytes
        row '  data' "$data" bytes
        row '  bss' "$bss" bytes
    }
else
    echo '  (text, data and bss left out: no size of binutils that reads this file)'
fi
[ "$bytes" -le "$ceiling" ] || fail "the file has $bytes bytes, more than the $ceiling that are allowed"

log=$(mktemp)
agent=
trap '[ -z "$agent" ] || kill -KILL "$agent" 2>/dev/null || :; rm -f "$log"' EXIT
trap 'exit 1' HUP INT TERM

# Nobody listens there: the ring fills, as it does in an outage.
"$binary" -trans 127.0.0.1:1 2>"$log" &
agent=$!
sleep "$seconds"

# Kernels before 4.14 have only the long form, whose entries add up to the same.
maps=/proc/$agent/smaps_rollup
[ -r "$maps" ] || maps=/proc/$agent/smaps
memory=$(awk '
    { kb[$1] += $2 }
    END { print kb["Rss:"] + 0, kb["Pss:"] + 0, kb["Private_Clean:"] + kb["Private_Dirty:"] }
' "$maps" 2>/dev/null) || memory='0 0 0'

kill -TERM "$agent" 2>/dev/null || :
status=0
wait "$agent" || status=$?
agent=
if [ "$status" -ne 0 ]; then
    cat "$log" >&2
    fail "the agent ended with status $status"
fi
[ "$memory" != '0 0 0' ] || fail "$maps says nothing"

echo "$memory" | {
    read -r rss pss uss
    row "Rss after $seconds s" "$rss" kB
    row 'Pss' "$pss" kB
    row 'private (USS)' "$uss" kB
}
