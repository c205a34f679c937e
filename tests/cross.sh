#!/bin/sh
# Drives static binaries from outside, under the emulator of their processor where it is not this machine's.
#
# usage: tests/cross.sh tests target...    tests: the arguments of cargo test that select them
# The exit status is 1 if a test failed on any of the targets.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
static=$root/contrib/static
tests=$1
shift
[ $# -gt 0 ] || {
    echo "cross: no target" >&2
    exit 2
}

status=0
for target; do
    name=$("$static/row" "$target" name)
    emulator=$("$static/emulator" "$target")
    # The oldest that are meant, as far as the emulator has them.
    case $name in
    mips | mipsel) emulator="$emulator -cpu 24Kc" ;;
    arm) emulator="$emulator -cpu arm926" ;;
    esac
    echo "cross: $name ${emulator:+under $emulator}"
    # shellcheck disable=SC2086 # The tests are several words.
    AGENT=$("$static/row" "$target" binary) RUNNER=$emulator \
        "${CARGO:-cargo}" test --locked --no-fail-fast --manifest-path "$root/Cargo.toml" $tests || status=1
done
exit $status
