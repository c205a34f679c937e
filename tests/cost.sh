#!/bin/sh
# What the agent asks of the kernel while it runs at its defaults, and what it must not ask.
#
# usage: tests/cost.sh [binary [seconds]]
# Status 1: it asks for something that it must not; 2: there is no strace.
set -eu

binary=${1:-$(dirname "$0")/../target/release/mini-monitor}
seconds=${2:-60}

fail() {
    echo "cost: $*" >&2
    exit 1
}

if ! command -v strace >/dev/null; then
    echo 'cost: this needs strace, which is not here' >&2
    exit 2
fi
[ -x "$binary" ] || fail "$binary: no such program"

folder=$(mktemp -d)
agent=
listener=
finish() {
    for process in $agent $listener; do
        kill -KILL "$process" 2>/dev/null || :
    done
    rm -rf "$folder"
}
trap finish EXIT
trap 'exit 1' HUP INT TERM

# Reads all and says nothing; the system picks the port.
listen='
import socket
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
while True:
    connection = listener.accept()[0]
    while connection.recv(65536):
        pass
'
if command -v python3 >/dev/null; then
    mkfifo "$folder/port"
    python3 -c "$listen" >"$folder/port" &
    listener=$!
    read -r port <"$folder/port" || fail 'the listener did not start'
    transfer=127.0.0.1:$port
else
    echo 'There is no python3 to listen: the lines go to standard output, and no socket is seen.'
    transfer=-
fi

# Standard output is a file: the agent opens a device or a pipe once more, which is not the loop's doing.
# -D: the tracer is the grandchild, so that the process we start, end and wait for is the agent.
strace -D -f -ttt -o "$folder/trace" "$binary" -trans "$transfer" >"$folder/lines" 2>"$folder/log" &
agent=$!
sleep "$seconds"
kill -TERM "$agent" 2>/dev/null || :
status=0
wait "$agent" || status=$?
agent=
if [ "$status" -ne 0 ]; then
    cat "$folder/log" >&2
    fail "the agent ended with status $status"
fi

# The start ends with the first sleep after the first turn, which opens its files; the end begins where the signal is
# read, which is all that the agent uses `read` for. Fields: process, time, call.
cat >"$folder/judge" <<'JUDGE'
function must_be_zero(count, what) {
    printf "%-6s %4d  %s\n", count ? "FAILED" : "ok", count, what
    failures += count > 0
}

# What has been done since the agent last woke.
function end_turn(    file, passes) {
    idle += !work
    readings += has_read
    for (file in read_now) {
        # A mount may hide one that is listed before it: these lines are read in two passes.
        passes = file ~ /^self\/mountinfo/ ? 2 : 1
        twice += read_now[file] > passes
    }
    split("", read_now)
    work = has_read = 0
}

{ now = $2 }
started && $3 ~ /^read\(/ {
    wakeups--
    exit
}
$3 !~ /^[a-z]/ { next }
{ call = $3; sub(/\(.*/, "", call) }

call == "openat" && $NF ~ /^[0-9]+$/ {
    split($0, part, "\"")
    name[$NF] = part[2]
    # Sensors vanish with their devices, and are looked for in each turn.
    opened += started && part[2] !~ /^class\/(thermal|hwmon)$/
    has_turned += part[2] == "loadavg"
}

call ~ /^ppoll/ && (started || has_turned) {
    if (!started) {
        started = $2
        agent = $1
    } else if ($1 == agent && awake)
        end_turn()
    awake = 1
    wakeups++
}

!started { next }
{ calls[call]++ }
call ~ /^ppoll|^clock_gettime/ { next }
{ work++ }
call ~ /^(mmap2?|munmap|mremap|mprotect|madvise|brk)$/ { memory++ }
# What a turn asks the kernel for, and nothing else.
call !~ /^(pread64|sendmsg|writev|ioctl|openat|close|getdents64|readlinkat|statx?|newfstatat|fstatat64|statfs(64)?|adjtimex|clock_adjtime(64)?|uname|getrusage|socket)$/ {
    others++
}
call == "pread64" {
    split($3, part, /[(,]/)
    file = name[part[2]]
    reads[file]++
    # A long file is read in pieces, each from where the last one ended.
    match($0, /, [0-9]+\) += /)
    read_now[file substr($0, RSTART, RLENGTH)]++
    has_read = 1
    turns[file] += last_turn[file] != wakeups
    last_turn[file] = wakeups
}

END {
    sort = "sort -k 1nr -k 2"
    for (call in calls)
        printf "%6d  %s\n", calls[call], call | sort
    close(sort)
    printf "\n%d wake-ups in %.0f s, %d of them to read:\n", wakeups, now - started, readings
    for (file in reads) {
        printf "%6d  %s\n", reads[file], file | sort
        if (turns[file] > most)
            most = turns[file]
    }
    close(sort)
    print ""
    must_be_zero(idle, "wake-ups in which nothing was due")
    must_be_zero(memory, "calls for memory after the start")
    must_be_zero(others, "calls that are not of a turn")
    must_be_zero(opened, "files opened after the start")
    must_be_zero(twice, "times a piece of a file was read twice in one wake-up")
    must_be_zero(readings - most, "wake-ups to read that the files do not share")
    must_be_zero(!readings, "runs without a single turn")
    exit failures > 0
}
JUDGE
echo 'System calls after the start:'
awk -f "$folder/judge" "$folder/trace" || fail 'the agent does what it must not, see FAILED above'
