#!/bin/sh
# What the agent weighs, a row for each binary: its file, how it is linked, and its memory once it has run for
# a while. Fails when one of them weighs more than is allowed, or is not what it should be.
#
# usage: tests/size.sh seconds target...    target: a name of contrib/static/targets, whose binary is in
#                                           target/static, or host, the one in target/release
#
# Binaries of other processors run under qemu's user mode emulation. Their memory is what the emulator's
# process has at the addresses that are theirs; it also sees all of the code that they run, as the processor
# would.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
seconds=$1
shift

# Bytes of a file; kilobytes of memory without the ring: written by this process alone, and all that is resident.
# (The pages of the file count as private (USS) as long as nobody else runs it, but the kernel can drop them.)
file_max=98304 dirty_max=96 rss_max=192
# Where an instruction has always four bytes and 64 bits take two registers, it is not there yet.
mipsel_file_max=98432 powerpc_file_max=106496
# The ring of the default buffer, with its head, in whole pages.
ring_kb=68
# Where the emulator puts address 0 of the program, and how far the program's addresses reach.
guest_base=0x200000000 guest_size=0xfffff000

log=$(mktemp -d)
trap 'stop; rm -rf "$log"' EXIT
trap 'exit 1' HUP INT TERM

fail() {
    echo "size: $*" >&2
    exit 1
}

binary_of() {
    case $1 in
    host) echo "$root/target/release/mini-monitor" ;;
    *) echo "$root/target/static/$1/mini-monitor" ;;
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
# written, and what memory has beyond it. (A static binary has no table of sections for size(1).)
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

# Rss, Pss, private memory, the part of it that was written, and the resident part of the ring, in kB.
memory() {
    awk -v ring="$ring_kb" -v base="$([ -z "$2" ] || printf %d $guest_base)" -v reach="$(printf %d $guest_size)" "$number"'
        $1 ~ /^[0-9a-f]+-[0-9a-f]+$/ {
            split($1, ends, "-")
            is_anonymous = NF < 6
            counts = base == "" || (number(ends[1]) >= base && number(ends[1]) < base + reach)
            next
        }
        !counts { next }
        $1 == "Size:" { is_ring = is_anonymous && $2 == ring }
        $1 == "Rss:" && is_ring { in_ring += $2 }
        { kb[$1] += $2 }
        END { print kb["Rss:"] + 0, kb["Pss:"] + 0, kb["Private_Clean:"] + kb["Private_Dirty:"],
            kb["Private_Dirty:"] + 0, in_ring + 0 }
    ' "/proc/$1/smaps"
}

agents=
stop() {
    for agent in $agents; do
        kill -TERM "${agent#*=}" 2>/dev/null || :
    done
}

for target; do
    binary=$(binary_of "$target")
    [ -x "$binary" ] || fail "$binary: no such program"
    # What is still to be written to the disk would count as written by the agent.
    sync "$binary"
    runner=$(runner_of "$target")
    # Nobody listens there: the ring fills, as it does in an outage.
    # shellcheck disable=SC2086 # The words of the runner.
    $runner "$binary" -trans 127.0.0.1:1 2>"$log/$target" &
    agents="$agents $target=$!"
done
sleep "$seconds"

wrong=
complain() {
    wrong="$wrong
    $*"
}

format='%-10s %8s %8s %6s %6s %-6s %-4s %-5s %6s %6s %6s %6s %6s\n'
# shellcheck disable=SC2059
printf "$format" target file text data bss interp PIE RELRO Rss Pss USS dirty ring
for target; do
    binary=$(binary_of "$target")
    bytes=$(wc -c <"$binary" | tr -d ' ')
    # shellcheck disable=SC2046
    set -- $(sizes "$binary") $(linking "$binary")
    text=$1 data=$2 bss=$3 interpreter=$4 pie=$5 relro=$6 stack=$7
    for agent in $agents; do
        [ "${agent%%=*}" = "$target" ] || continue
        # shellcheck disable=SC2046
        set -- $(memory "${agent#*=}" "$(runner_of "$target")")
        [ "$1" != 0 ] || { cat "$log/$target" >&2; fail "$target: its memory is not to be read"; }
    done
    # shellcheck disable=SC2059
    printf "$format" "$target" "$bytes" "$text" "$data" "$bss" "$interpreter" "$pie" "$relro" "$@"
    [ "$stack" = no ] || complain "$target: the stack can be executed"
    case $target in
    mipsel) most=$mipsel_file_max ;;
    powerpc) most=$powerpc_file_max ;;
    *) most=$file_max ;;
    esac
    [ "$bytes" -le "$most" ] || complain "$target: the file has more than $most bytes"
    [ "$target" != host ] || continue
    [ "$interpreter" = none ] || complain "$target: it has an interpreter"
    wanted=$("$root/contrib/static/row" "$target" | awk '{ print $5 == "pie" ? "yes" : "no" }')
    [ "$pie" = "$wanted" ] || complain "$target: PIE: $pie, not $wanted"
    [ "$pie$relro" != yesno ] || complain "$target: no RELRO"
    [ "$5" -gt 0 ] || complain "$target: no mapping of $ring_kb kB, which would be the ring"
    [ $(($1 - $5)) -lt $rss_max ] || complain "$target: Rss without the ring is not below $rss_max kB"
    [ $(($4 - $5)) -lt $dirty_max ] || complain "$target: $dirty_max kB and more are written, without the ring"
done
echo "Bytes; and in kB, after $seconds s: Rss, Pss, private memory (USS), what of it was written, the ring's part."

stop
for agent in $agents; do
    wait "${agent#*=}" || { cat "$log/${agent%%=*}" >&2; complain "$agent ended with status $?"; }
done
agents=
[ -z "$wrong" ] || fail "$wrong"
