#!/usr/bin/env -S python3 -B
"""What the field's agents cost beside ours, and ours beside what a collector cannot cost less than.

usage: tests/peers/run.py [binary [seconds]]
Status 1: ours costs more than 1.5 times the floor; 2: something that this needs is not here.

All agents run at once, each collecting every 5 s in the foreground with the configuration beside this
file, and each is measured for as many seconds as given, in rounds of 10 s (two turns). On a small machine
that does other things as well, a minute of one agent and then a minute of the next would compare the
minutes: single minutes of the very same program differ by a quarter. In windows that are the same for all,
whatever disturbs disturbs all; they sleep for almost the whole of it, and so leave each other the
processors. In each round they start anew, each at a phase of its own that is drawn anew, so that nobody
always finds the caches as the same other one has left them. Of ours and of the floor three run. The
columns of time are medians over the rounds, and what ours is to the floor is the median over each pair of
them in each round.

- on-CPU time: the first field of /proc/PID/task/*/schedstat of all processes and threads, so without the
  time of this program, which asks those that have to be asked and takes what the others send
- wake-ups: voluntary_ctxt_switches of the same
- system calls: a round of its own under strace -c -f, which would disturb the time
- disk: the files that are mapped to run code from, which are ldd's and the plugins
- Rss, USS: /proc/PID/smaps_rollup after some 20 s, summed over an agent's processes; of zabbix-agent, whose
  processes share pages, the first is too much and the second too little
- times ours: on-CPU time a value, in that of ours with the same families
- values: lines (ours), values in packets (collectd, gmond), items, variables and samples that are answered

The floor reads the files that ours keeps open, asks for the room of /, and writes as many bytes to a
socket of the same kind.
"""

import copy
import os
import pathlib
import shlex
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time

import agents
import proc

WINDOW = 2 * agents.PERIOD
# Two turns, and a start.
WARM_UP = 2 * agents.PERIOD + 1
AT_MOST = 1.5
# So many of ours and of the floor run at once, for more to take the median of: what they do is over in less
# than a millisecond, and a round of one of them may differ from the next by a third.
COPIES = 3
COLUMNS = "{:16}{:>8}{:>9}{:>10}{:>8}{:>8}{:>10}{:>10}{:>11}{:>11}{:>9}"


class Row:
    """One agent's figures."""

    def __init__(self, agent):
        self.agent = agent
        self.nanos = []
        self.values = self.wakeups = 0
        self.resident = self.private = self.disk = 0
        self.calls_per_value = self.calls_per_turn = None
        self.trouble = None

    def add(self, usage, values):
        self.nanos.append(usage[0])
        self.wakeups += usage[1]
        self.values += values

    def joined(self, others):
        """A row of this one and other copies of the same."""
        row = copy.copy(self)
        for other in others:
            row.nanos = row.nanos + other.nanos
            row.wakeups += other.wakeups
            row.values += other.values
            row.trouble = row.trouble or other.trouble
        return row

    def weigh(self):
        pid = self.agent.process.pid
        self.resident, self.private = proc.memory(pid)
        self.disk = proc.disk(pid)

    def turns(self):
        return len(self.nanos) * WINDOW / agents.PERIOD

    def micros_per_turn(self):
        return statistics.median(self.nanos) / 1000 / (WINDOW / agents.PERIOD)

    def micros_per_value(self):
        return self.micros_per_turn() / (self.values / self.turns())

    def line(self, ours):
        has_values = self.values and not isinstance(self.agent, agents.Floor)
        calls = self.calls_per_value
        return COLUMNS.format(
            self.agent.name,
            f"{self.values / self.turns():.0f}" if has_values else "-",
            f"{self.values / self.turns() / agents.PERIOD:.1f}" if has_values else "-",
            f"{self.disk / 1000:.0f}",
            self.resident,
            self.private,
            f"{self.micros_per_turn():.0f}",
            f"{self.micros_per_value():.2f}" if has_values else "-",
            f"{calls:.2f}" if has_values and calls is not None else "-",
            f"{self.wakeups / self.turns() / agents.PERIOD:.2f}",
            f"{self.micros_per_value() / ours.micros_per_value():.2f}" if has_values else "-",
        )


class Group:
    """Those that collect the same families: the floor, ours, and the peers that are here."""

    def __init__(self, families, peers, folder):
        def rows(kinds):
            return [Row(kind(tempfile.mkdtemp(dir=folder), families)) for kind in kinds]

        self.families = families
        self.floors = rows([agents.Floor] * COPIES)
        self.ours = rows([agents.Ours] * COPIES)
        self.peers = rows(peers)
        self.all = self.floors + self.ours + self.peers

    def ratios(self):
        """Ours to the floor, of each pair of copies in each round."""
        pairs = zip(self.ours, self.floors)
        return sorted(one / other for ours, floor in pairs for one, other in zip(ours.nanos, floor.nanos))

    def lines(self):
        """The floor, ours and each peer, or why one has no figures."""
        floor, ours = (first.joined(others) for first, *others in (self.floors, self.ours))
        for row in [floor, ours, *self.peers]:
            trouble = row.trouble or ours.trouble
            yield f"{row.agent.name:16}{trouble}" if trouble else row.line(ours)


def fail(text, status=2):
    print(f"bench-peers: {text}", file=sys.stderr)
    sys.exit(status)


def build_floor(folder):
    program = f"{folder}/floor"
    source = str(agents.HERE / "floor.c")
    # The smaller C library, where it is.
    compiler = shlex.split(os.environ.get("CC", "")) or [shutil.which("musl-gcc") or "cc"]
    try:
        subprocess.run([*compiler, "-std=gnu11", "-O2", "-static", "-s", "-o", program, source], check=True)
    except (OSError, subprocess.CalledProcessError):
        fail("this needs a C compiler that links static programs (CC=)")
    return program


def line_up(folder):
    """The groups, and the peers that are not here."""
    groups, absent = [], []
    for families, peers in agents.PEERS.items():
        present = [peer for peer in peers if agents.find(peer.program)]
        absent += [peer for peer in peers if peer not in present]
        for peer in present:
            peer.program = agents.find(peer.program)
        # Without a peer to compare with, the first group says it all.
        if present or not groups:
            groups.append(Group(families, present, folder))
    return groups, absent


def watch_ours(groups):
    """Which files ours keeps open and how much it writes a turn: the floor does the same."""
    for group in groups:
        group.ours[0].agent.start()
    time.sleep(WARM_UP)
    before = [group.ours[0].agent.end.bytes for group in groups]
    time.sleep(WINDOW)
    for group, sent in zip(groups, before):
        ours = group.ours[0]
        files = proc.kept_files(ours.agent.process.pid)
        written = (ours.agent.end.bytes - sent) * agents.PERIOD // WINDOW
        ours.agent.stop()
        if not files or not written:
            ours.trouble = "it sends nothing"
            fail(f"ours does not run, see {ours.agent.folder}/log")
        for floor in group.floors:
            floor.agent.files, floor.agent.bytes = files, written


def start(rows):
    """Those that run now; one that did not once is left alone."""
    rows = [row for row in rows if not row.trouble]
    for row in rows:
        row.agent.start()
    time.sleep(WARM_UP)
    for row in rows:
        row.trouble = row.agent.trouble()
    return [row for row in rows if not row.trouble]


def stop(rows):
    for row in rows:
        row.agent.stop()


def measure(rows, is_last):
    """A round: each agent's time, wake-ups and values."""
    rows = start(rows)
    before = [(proc.Usage(row.agent.process.pid), row.agent.end.values) for row in rows]
    time.sleep(WINDOW)
    for row, (usage, values) in zip(rows, before):
        row.add(proc.Usage(row.agent.process.pid).since(usage), row.agent.end.values - values)
    for row in rows:
        row.trouble = row.agent.trouble()
        if not row.values and not isinstance(row.agent, agents.Floor):
            row.trouble = row.trouble or f"no value came, see {row.agent.folder}/log"
        if is_last and not row.trouble:
            row.weigh()


def count_calls(rows):
    """A round under strace."""
    tracers = []
    for row in start(rows):
        processes = [word for pid in proc.tree(row.agent.process.pid) for word in ("-p", str(pid))]
        summary = f"{row.agent.folder}/calls"
        values = row.agent.end.values
        command = ["strace", "-qq", "-c", "-f", "-o", summary, *processes]
        tracers.append((row, summary, values, subprocess.Popen(command, stderr=subprocess.DEVNULL)))
    time.sleep(WINDOW)
    for row, summary, values, tracer in tracers:
        values = row.agent.end.values - values
        tracer.send_signal(signal.SIGINT)
        tracer.wait()
        lines = pathlib.Path(summary).read_text().splitlines()
        calls = sum(int(line.split()[3]) for line in lines if line.endswith("total"))
        row.calls_per_turn = calls * agents.PERIOD / WINDOW
        if calls and values:
            row.calls_per_value = calls / values


def print_table(groups):
    print(COLUMNS.format("", "values", "values", "disk", "Rss", "USS", "on CPU", "us", "calls", "wake-ups", "times"))
    print(COLUMNS.format("", "a turn", "a second", "kB", "kB", "kB", "us/turn", "a value", "a value", "a second", "ours"))
    for group in groups:
        print(f"\n{group.families}")
        print("\n".join(group.lines()))


def judge(group):
    """Whether ours is near enough to the floor, in words."""
    for row in group.floors + group.ours:
        if row.trouble:
            fail(f"{row.agent.name}: {row.trouble}", 1)
    floor, ours = group.floors[0], group.ours[0]
    ratios = group.ratios()
    ratio = statistics.median(ratios)
    print(
        f"{'ok' if ratio <= AT_MOST else 'FAILED':8}ours / floor {ratio:.2f}, at most {AT_MOST} "
        f"(median of {len(ratios)}, {ratios[0]:.2f} to {ratios[-1]:.2f}): {group.families}"
    )
    if floor.calls_per_turn and ours.calls_per_turn:
        print(
            f"        {len(floor.agent.files)} files, {floor.agent.bytes} bytes a turn; "
            f"system calls a turn: {ours.calls_per_turn:.0f}, the floor {floor.calls_per_turn:.0f}"
        )
    return ratio <= AT_MOST


def versions(peers):
    for peer in peers:
        query = ["dpkg-query", "-W", "-f", "${Package} ${Version}", peer.package]
        known = shutil.which("dpkg-query") and subprocess.run(query, capture_output=True, text=True).stdout
        yield known or peer.program


def main():
    root = agents.HERE.parent.parent
    ours = os.environ.get("AGENT", str(root / "target/release/mini-monitor"))
    agents.Ours.program = sys.argv[1] if len(sys.argv) > 1 else ours
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 60
    if not os.access(agents.Ours.program, os.X_OK):
        fail(f"{agents.Ours.program}: no such program")
    if not os.path.exists("/proc/self/schedstat"):
        fail("this kernel has no /proc/PID/schedstat (CONFIG_SCHED_INFO)")
    for ending in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(ending, lambda *_: sys.exit(1))

    rounds = max(1, seconds // WINDOW)
    folder = tempfile.mkdtemp(prefix="bench-peers.")
    # The peers that become another user read their configuration there.
    os.chmod(folder, 0o755)
    agents.Floor.program = build_floor(folder)
    groups, absent = line_up(folder)
    rows = [row for group in groups for row in group.all]
    if absent:
        packages = " ".join(peer.package for peer in absent)
        print(f"Not here: {packages}. `make bench-peers PEERS_INSTALL=1` installs them first.\n")
    try:
        watch_ours(groups)
        for number in range(rounds):
            measure(rows, number == rounds - 1)
            stop(rows)
        if shutil.which("strace"):
            count_calls(rows)
        else:
            print("There is no strace: system calls are left out.\n")
    finally:
        stop(rows)
        # The logs stay where something went wrong.
        if not any(row.trouble for row in rows):
            shutil.rmtree(folder)

    present = [type(row.agent) for row in rows if row.agent.package]
    print(f"{rounds} rounds of {WINDOW} s, a turn every {agents.PERIOD} s. {', '.join(versions(present))}\n")
    print_table(groups)
    print()
    near = [judge(group) for group in groups]
    sys.exit(0 if all(near) else 1)


if __name__ == "__main__":
    main()
