#!/usr/bin/env python3
"""Counts the instructions and system calls of a turn and of a line with callgrind.

usage: tests/instructions.py [binary]    the static x86_64 binary if there is one, else the release binary

The agent reads a captured machine (tests/fixtures/vm-6.18) whose processors and disks are made to work, and sends to
a receiver on this machine: the fast families and the flush every second, the others at their own intervals. Two runs
of different length are subtracted, which leaves out the start and the end. Status 1: more instructions than allowed
(TURN_MAX, LINE_MAX); 2: there is no valgrind.
"""

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MACHINE = os.path.join(ROOT, "tests/fixtures/vm-6.18")
# The file systems are those of the machine that runs this.
FLAGS = ["-interval", "1s", "-flush", "1s", "-metrics", "disk=off", "-endpoint", "machine85", "-leases", "/none"]
# A metric with one sample a turn.
EVERY_TURN = b'"metric":"cpu.load1"'
# Turns of the two runs. The slowest family of the difference has an interval of 30 seconds.
TURNS = (3, 33)
# Seconds after which a run has failed.
TIMEOUT = 120
# The most instructions a turn and a line.
TURN_MAX, LINE_MAX = 190_000, 2_150


class Receiver(threading.Thread):
    """Reads all lines; `is_done` is set after those of the given number of turns."""

    def __init__(self, turns):
        super().__init__(daemon=True)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.turns = turns
        self.text = b""
        self.is_done = threading.Event()

    def run(self):
        connection = self.listener.accept()[0]
        while data := connection.recv(65536):
            self.text += data
            if self.text.count(EVERY_TURN) >= self.turns:
                self.is_done.set()


class Machine(threading.Thread):
    """A copy of the captured machine with advancing counters in `stat` and `diskstats`."""

    def __init__(self, folder):
        super().__init__(daemon=True)
        self.root = os.path.join(folder, "machine")
        shutil.copytree(MACHINE, self.root, symlinks=True)
        self.is_over = threading.Event()

    def run(self):
        folder = os.path.join(self.root, "proc")
        files = [(os.path.join(folder, "stat"), "cpu"), (os.path.join(folder, "diskstats"), "")]
        texts = [open(path).read().split("\n") for path, _ in files]
        ticks = 0
        while not self.is_over.wait(0.1):
            ticks += 1
            for (path, start), lines in zip(files, texts):
                lines = [advance(line, ticks) if line.startswith(start) else line for line in lines]
                # One write to the file that the agent keeps open. All numbers keep their width.
                with open(path, "r+") as file:
                    file.write("\n".join(lines))

    def stop(self):
        self.is_over.set()
        self.join()


def advance(line, ticks):
    """Adds to each counter after the name of a processor or a disk, except to zeros."""
    name, counters = re.match(r"(.*?[a-z]\w*|)(.*)", line).groups()
    return name + re.sub(r"\b[1-9]\d*", lambda number: str(int(number[0]) + 100_000 + ticks), counters)


class Run:
    """The agent under callgrind. Fields after `finish`: instructions, system calls, lines, turns."""

    def __init__(self, binary, machine, turns):
        self.receiver = Receiver(turns)
        self.receiver.start()
        self.counts = f"{machine}/callgrind.{turns}"
        command = ["valgrind", "--tool=callgrind", "--collect-systime=msec", f"--callgrind-out-file={self.counts}"]
        command += [binary, "-trans", self.receiver.address, "-proc", f"{machine}/proc", "-sys", f"{machine}/sys"]
        self.agent = subprocess.Popen(command + FLAGS, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def finish(self):
        is_done = self.receiver.is_done.wait(TIMEOUT)
        self.agent.send_signal(signal.SIGTERM)
        _, log = self.agent.communicate()
        if not is_done or self.agent.returncode:
            sys.exit(f"instructions: the agent ended with status {self.agent.returncode}\n{log}")
        self.receiver.join()
        with open(self.counts) as file:
            totals = re.search(r"^totals: (\d+) (\d+)", file.read(), re.M)
        text = self.receiver.text
        return int(totals[1]), int(totals[2]), text.count(b"\n"), text.count(EVERY_TURN)


def main():
    static = os.path.join(ROOT, "target/static/x86_64/mini-monitor")
    release = os.path.join(ROOT, "target/release/mini-monitor")
    binary = sys.argv[1] if len(sys.argv) > 1 else static if os.path.exists(static) else release
    if not shutil.which("valgrind"):
        print("instructions: this needs valgrind, which is not here", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        machine = Machine(folder)
        machine.start()
        runs = [Run(binary, machine.root, turns) for turns in TURNS]
        short, long = [run.finish() for run in runs]
        machine.stop()
    instructions, calls, lines, turns = (after - before for before, after in zip(short, long))
    print(f"{binary}: {lines / turns:.1f} lines and {calls / turns:.1f} system calls a turn")
    failed = False
    for name, count, most in (("turn", turns, TURN_MAX), ("line", lines, LINE_MAX)):
        is_above = instructions > most * count
        failed |= is_above
        print(f"{'FAILED' if is_above else 'ok':6} {instructions / count:9,.0f} instructions a {name} (at most {most:,})")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
