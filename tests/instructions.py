#!/usr/bin/env python3
"""Counts the instructions and system calls of a turn and of a line with callgrind.

usage: tests/instructions.py [binary]    the static x86_64 binary if there is one, else the release binary

The agent reads a captured machine (tests/fixtures/vm-6.18) whose processors and disks are made to work, and sends to
a receiver on this machine: the fast families and the flush every second, the others at their own intervals. Two runs
of different length are subtracted, which leaves out the start and the end. JSON lines go over TCP, the other formats over
HTTP. Status 1: more instructions than allowed (TURN_MAX, FORMATS); 2: there is no valgrind.
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
import zlib
from dataclasses import dataclass

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
MACHINE = os.path.join(ROOT, "tests/fixtures/vm-6.18")
# The file systems are those of the machine that runs this.
FLAGS = ["-interval", "1s", "-flush", "1s", "-metrics", "disk=off", "-endpoint", "machine85", "-leases", "/none"]
# Turns of the two runs. The slowest family of the difference has an interval of 30 seconds.
TURNS = (3, 33)
# Seconds after which a run has failed.
TIMEOUT = 120
# The most instructions a turn, with JSON lines.
TURN_MAX = 190_000


@dataclass
class Format:
    """A format, and how its lines are counted."""

    name: str
    # A path of HTTP, or an empty text for TCP.
    path: str
    flags: list
    # A text that is in a metric with one sample a turn, and in no other.
    every_turn: bytes
    # Counts the samples of a body.
    lines: callable
    # The most instructions a line.
    line_max: int


def json_lines(body):
    return body.count(b"\n")


def influx_lines(body):
    """The fields of all lines: after the first blank without a backslash."""
    return sum(re.search(rb"(?<!\\) .*", line)[0].count(b"=") for line in body.splitlines())


def otlp_lines(body):
    """The records of a protobuf message whose only field has the number 1."""
    count = at = 0
    while at < len(body):
        length, at = varint(body, at + 1)
        at, count = at + length, count + 1
    return count


def prometheus_lines(body):
    """The records in a snappy block of one literal with two bytes of length."""
    return otlp_lines(body[varint(body, 0)[1] + 3 :])


def varint(body, at):
    value = shift = 0
    while body[at] & 0x80:
        value, shift, at = value | (body[at] & 0x7F) << shift, shift + 7, at + 1
    return value | body[at] << shift, at + 1


FORMATS = [
    Format("json", "", [], b'"metric":"cpu.load1"', json_lines, 2_150),
    Format("influx", "/write", [], b"load1=", influx_lines, 8_800),
    Format("influx -gzip", "/write", ["-gzip"], b"load1=", influx_lines, 13_700),
    Format("otlp", "/v1/metrics", [], b"cpu.load1", otlp_lines, 16_700),
    Format("prometheus", "/api/v1/write", [], b"cpu_load1", prometheus_lines, 17_700),
]


class Receiver(threading.Thread):
    """Counts lines and turns; `is_done` is set after the given number of turns."""

    def __init__(self, format, turns_needed):
        super().__init__(daemon=True)
        self.format = format
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.turns_needed = turns_needed
        self.lines = self.turns = 0
        self.is_done = threading.Event()

    def run(self):
        connection = self.listener.accept()[0]
        text = b""
        while data := connection.recv(65536):
            text += data
            if not self.format.path:
                # A receiver of lines gets parts of them.
                whole, end, text = text.rpartition(b"\n")
                self.count(whole + end)
                continue
            while request := re.match(rb"(?s).*?\r\ncontent-length: (\d+).*?\r\n\r\n", text, re.I):
                body = text[request.end() :][: int(request[1])]
                if len(body) < int(request[1]):
                    break
                text = text[request.end() + len(body) :]
                # With 31 zlib expects gzip.
                self.count(zlib.decompress(body, 31) if "-gzip" in self.format.flags else body)
                connection.sendall(b"HTTP/1.1 204 No Content\r\n\r\n")

    def count(self, body):
        self.lines += self.format.lines(body)
        self.turns += body.count(self.format.every_turn)
        if self.turns >= self.turns_needed:
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
    """The agent under callgrind."""

    def __init__(self, binary, machine, format, turns):
        self.receiver = Receiver(format, turns)
        self.receiver.start()
        self.counts = f"{machine}/callgrind.{format.name}.{turns}"
        address = f"http://{self.receiver.address}{format.path}" if format.path else self.receiver.address
        command = ["valgrind", "--tool=callgrind", "--collect-systime=msec", f"--callgrind-out-file={self.counts}"]
        command += [binary, "-trans", address, "-proc", f"{machine}/proc", "-sys", f"{machine}/sys", *format.flags]
        self.agent = subprocess.Popen(command + FLAGS, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)

    def finish(self):
        """Instructions, system calls, lines, turns."""
        is_done = self.receiver.is_done.wait(TIMEOUT)
        self.agent.send_signal(signal.SIGTERM)
        _, log = self.agent.communicate()
        if not is_done or self.agent.returncode:
            sys.exit(f"instructions: the agent ended with status {self.agent.returncode}\n{log}")
        self.receiver.join()
        with open(self.counts) as file:
            totals = re.search(r"^totals: (\d+) (\d+)", file.read(), re.M)
        return int(totals[1]), int(totals[2]), self.receiver.lines, self.receiver.turns


def report(what, instructions, count, most):
    """Prints the instructions of one; whether they are allowed."""
    is_above = instructions > most * count
    print(f"{'FAILED' if is_above else 'ok':6} {instructions / count:9,.0f} instructions a {what} (at most {most:,})")
    return not is_above


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
        # The short ones end first.
        runs = [Run(binary, machine.root, format, turns) for turns in TURNS for format in FORMATS]
        counts = [run.finish() for run in runs]
        machine.stop()
    is_allowed = True
    for format, short, long in zip(FORMATS, counts, counts[len(FORMATS) :]):
        instructions, calls, lines, turns = (after - before for before, after in zip(short, long))
        if format is FORMATS[0]:
            print(f"{binary}: {lines / turns:.1f} lines and {calls / turns:.1f} system calls a turn")
            is_allowed &= report("turn", instructions, turns, TURN_MAX)
        is_allowed &= report(f"line as {format.name}", instructions, lines, format.line_max)
    return int(not is_allowed)


if __name__ == "__main__":
    sys.exit(main())
