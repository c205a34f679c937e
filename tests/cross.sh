#!/bin/sh
# Drives static binaries from outside, under the emulator of their processor where it is not this machine's.
#
# usage: tests/cross.sh tests target...    tests: what cargo test is told of which ones
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
tests=$1
shift

for target; do
    emulator=$("$root/contrib/static/emulator" "$target")
    # The oldest that are meant, as far as the emulator has them.
    case $target in
    mips | mipsel) emulator="$emulator -cpu 24Kc" ;;
    arm) emulator="$emulator -cpu arm926" ;;
    esac
    if [ -n "$emulator" ] && ! command -v "${emulator%% *}" >/dev/null; then
        echo "cross: ${emulator%% *} is not there; on Debian: apt-get install qemu-user-static" >&2
        exit 1
    fi
    echo "cross: $target ${emulator:+under $emulator}"
    # shellcheck disable=SC2086 # The tests are several words.
    AGENT=$root/target/static/$target/mini-monitor RUNNER=$emulator \
        "${CARGO:-cargo}" test --locked --no-fail-fast --manifest-path "$root/Cargo.toml" $tests
done
