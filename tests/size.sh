#!/bin/sh
# Sizes of the agent, a row for each binary: its file, how it is linked, and its memory once it has run for a while.
# Fails where one is above its limit, or where the linking is not as it should be.
#
# usage: tests/size.sh seconds target...    target: one of contrib/static/targets, or host: target/release
#
# Binaries of other processors run under qemu's user mode emulation. Their memory is what the emulator's process has
# at the addresses of the program.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
row=$root/contrib/static/row

# The ring is in a file (-spool), and so its mapping is known by that path; the rest of the memory is as without one.
#
# Limits of a static binary: bytes in a squashfs image, as it lies in a router's flash, and kilobytes of memory without
# the ring that this process has written. (The kernel can drop other pages, which are those of the file.)
squashfs_max=159744 dirty_max=128
# Where the emulator puts address 0 of the program, and how far the program's addresses reach.
guest_base=0x200000000 guest_size=0xfffff000

fail() {
    echo "size: $*" >&2
    exit 1
}

command -v mksquashfs >/dev/null || fail 'no mksquashfs; on Debian: apt-get install squashfs-tools'
[ $# -gt 1 ] || fail "usage: tests/size.sh seconds target..."
seconds=$1
shift

# For each target: what it logs and its process number.
runs=$(mktemp -d)
trap 'stop; rm -rf "$runs"' EXIT
trap 'exit 1' HUP INT TERM

stop() {
    for run in "$runs"/*.pid; do
        [ ! -e "$run" ] || kill -TERM "$(cat "$run")" 2>/dev/null || :
    done
}

binary_of() {
    case $1 in
    host) echo "$root/target/release/mini-monitor" ;;
    *) "$row" "$1" binary ;;
    esac
}

# The emulator with its arguments; nothing for what this machine runs itself.
runner_of() {
    [ "$1" != host ] || return 0
    emulator=$("$root/contrib/static/emulator" "$1")
    case $1 in
    # The kernel's page for helpers is at the top of 32 bits there; MIPS has half of them.
    arm*) reach=$guest_size ;;
    *) reach=0x7f000000 ;;
    esac
    [ -z "$emulator" ] || echo "$emulator -B $guest_base -R $reach"
}

# Not every awk reads numbers of base 16.
number='
    function number(hex,    i, value) {
        for (i = 1; i <= length(hex); i++) value = value * 16 + index("0123456789abcdef", substr(hex, i, 1)) - 1
        return value
    }'

# text, data and bss: of each segment, what the file holds of those that are only read and of those that are
# written, and what memory has beyond it.
sizes() {
    readelf -lW "$1" | sed -n 's/^ *LOAD *//p' | awk "$number"'
        { file = number(substr($4, 3)); memory = number(substr($5, 3)) }
        / RW / { data += file; bss += memory - file; next }
        { text += file }
        END { print text + 0, data + 0, bss + 0 }'
}

# Says what is in the program headers: interpreter, PIE, RELRO, an executable stack.
linking() {
    readelf -hlW "$1" | awk '
        /^ *Type:/ { pie = $2 == "DYN" ? "yes" : "no" }
        $1 == "INTERP" { interpreter = "yes" }
        $1 == "GNU_RELRO" { relro = "yes" }
        $1 == "GNU_STACK" { stack = $0 ~ /RWE/ ? "yes" : "no" }
        END { print interpreter ? interpreter : "none", pie, relro ? relro : "no", stack ? stack : "yes" }'
}

# Rss, Pss, private memory, and the part of it that was written, all of them without the ring, and the resident part of
# the ring, in kB, of a process whose ring is in that file; with a third argument, of the program that it emulates.
memory() {
    awk -v ring="$2" -v base="$(printf %d "${3:-0}")" -v reach="$(printf %d "${3:+$guest_size}")" "$number"'
        $1 ~ /^[0-9a-f]+-[0-9a-f]+$/ {
            split($1, ends, "-")
            start = number(ends[1]) - base
            is_ring = $6 == ring
            counts = !reach || (start >= 0 && start < reach)
            next
        }
        !counts { next }
        is_ring { in_ring += $1 == "Rss:" ? $2 : 0; next }
        { kb[$1] += $2 }
        END { print kb["Rss:"] + 0, kb["Pss:"] + 0, kb["Private_Clean:"] + kb["Private_Dirty:"],
            kb["Private_Dirty:"] + 0, in_ring + 0 }
    ' "/proc/$1/smaps"
}

# Bytes of a squashfs image with this file alone, by xz in blocks of 256 KiB, as OpenWrt packs its images.
squashfs() {
    image=$runs/image
    mksquashfs "$1" "$image" -comp xz -b 256K -noappend -no-xattrs -all-root -nopad -no-progress -quiet >/dev/null
    wc -c <"$image" | tr -d ' '
    rm "$image"
}

# Whether that process, which runs the program itself, cannot write to what is read-only once addresses are in.
is_protected() {
    start=$(readelf -lW "$2" | awk '$1 == "GNU_RELRO" { print substr($3, 3) }')
    awk -v start="$start" "$number"'
        { split($1, ends, "-") }
        # The start of the file, for which the linker has the address 0.
        !place && /\/mini-monitor$/ { place = number(ends[1]) + number(start) }
        place && number(ends[1]) <= place && place < number(ends[2]) { is_protected = $2 ~ /^r-/ }
        END { exit !is_protected }
    ' "/proc/$1/maps"
}

targets=
for target; do
    [ "$target" = host ] || target=$("$row" "$target" name)
    targets="$targets $target"
    binary=$(binary_of "$target")
    [ -x "$binary" ] || fail "$binary: no such program"
    # What is still to be written to the disk would count as written by the agent.
    sync "$binary"
    runner=$(runner_of "$target")
    # Nobody listens there: the ring fills, as it does in an outage.
    # shellcheck disable=SC2086 # The words of the runner.
    $runner "$binary" -trans 127.0.0.1:1 -spool "$runs/$target.ring" 2>"$runs/$target" &
    echo $! >"$runs/$target.pid"
done
sleep "$seconds"

wrong=
complain() {
    wrong="$wrong
    $target: $*"
}

# Complains of what is wrong with the target whose row has been measured.
check() {
    [ "$stack" = no ] || complain "the stack can be executed"
    [ "$pie$relro" != yesno ] || complain "no RELRO"
    # The header is a wish; under an emulator nobody can tell whether it is fulfilled.
    [ "$relro" = no ] || [ -n "$runner" ] || is_protected "$pid" "$binary" || complain "RELRO is not in force"
    [ "$ring" -gt 0 ] || complain "no mapping of its spool, which would be the ring"
    [ "$target" != host ] || return 0
    [ "$interpreter" = none ] || complain "it has an interpreter"
    [ "$pie" = yes ] || [ "$("$row" "$target" pie)" = no-pie ] || complain "it is not position-independent"
    [ "$packed" -le $squashfs_max ] || complain "more than $squashfs_max bytes in squashfs"
    [ "$dirty" -le $dirty_max ] || complain "more than $dirty_max kB are written, without the ring"
}

format='%-10s %8s %8s %8s %6s %6s %-6s %-4s %-5s %6s %6s %6s %6s %6s\n'
# shellcheck disable=SC2059
printf "$format" target squashfs file text data bss interp PIE RELRO Rss Pss USS dirty ring
for target in $targets; do
    binary=$(binary_of "$target")
    runner=$(runner_of "$target")
    pid=$(cat "$runs/$target.pid")
    bytes=$(wc -c <"$binary" | tr -d ' ')
    packed=$(squashfs "$binary")
    # shellcheck disable=SC2046
    set -- $(sizes "$binary") $(linking "$binary") $(memory "$pid" "$runs/$target.ring" "${runner:+$guest_base}")
    interpreter=$4 pie=$5 relro=$6 stack=$7 rss=$8
    sizes="$1 $2 $3" memory="$8 $9 ${10} ${11} ${12}" dirty=${11} ring=${12}
    [ "$rss" != 0 ] || { cat "$runs/$target" >&2; fail "$target: its memory is not to be read"; }
    # shellcheck disable=SC2059,SC2086
    printf "$format" "$target" "$packed" "$bytes" $sizes "$interpreter" "$pie" "$relro" $memory
    check
done
echo "Bytes; and in kB, after $seconds s: Rss, Pss, private memory (USS), what of it was written; the ring apart."

stop
for target in $targets; do
    pid=$(cat "$runs/$target.pid")
    rm "$runs/$target.pid"
    wait "$pid" || { complain "it ended with status $?"; cat "$runs/$target" >&2; }
done
[ -z "$wrong" ] || fail "$wrong"
