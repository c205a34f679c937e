#!/usr/bin/env python3
"""Lets many agents send to one VictoriaMetrics over HTTP: it has all their series; and after it was killed and started
again, soon or late, at most a tenth of the agents connect within any 100 ms.

usage: tests/receivers/load.py AGENT [COUNT=500]

What is counted are the connections that VictoriaMetrics accepts after a start, each at the moment at which the
kernel hands it over: `strace` logs the calls of accept4. (Attempts before the start are refused by the kernel.) The
bound is about how the agents spread in time, and not about the speed of the machine.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.parse
from collections import defaultdict

# Nothing is left beside the sources.
sys.dont_write_bytecode = True

import databases
from databases import LINE_MARK, request, sample_of, wait_for

# Seconds without the database: the agents' delays are short after the first ones, and have grown after the others.
DOWN = [3, 20]
WINDOW = 0.1
# The share of agents that may connect within a window.
SHARE = 10
# Families that each machine has.
FAMILIES = "cpu,load,mem,agent"
ACCEPTED = re.compile(r"(\d+\.\d+) accept4\(.* = \d+$")
RESUMED = re.compile(r"(\d+\.\d+) <\.\.\. accept4 resumed>.* = \d+$")


def series_made(log):
    """The series of an agent's log, without the endpoint."""
    with open(log) as file:
        lines = [line.split(LINE_MARK, 1)[1] for line in file if LINE_MARK in line and line.endswith("\n")]
    return {series_of(sample_of(line)[0]) for line in lines}


def series_of(labels):
    return frozenset(item for item in labels.items() if item[0] != "endpoint")


def series_stored(base):
    """The series of each endpoint."""
    query = urllib.parse.urlencode({"match[]": '{endpoint=~"host.*"}'})
    found = defaultdict(set)
    for labels in json.loads(request(f"{base}/api/v1/series?{query}"))["data"]:
        found[labels["endpoint"]].add(series_of(labels))
    return found


def accepts(path):
    """The moments of accepted connections, in seconds."""
    with open(path) as file:
        found = [ACCEPTED.search(line) or RESUMED.search(line) for line in file]
    return sorted(float(match.group(1)) for match in found if match)


def most_in_a_window(moments):
    most = first = 0
    for last, moment in enumerate(moments):
        while moment - moments[first] > WINDOW:
            first += 1
        most = max(most, last - first + 1)
    return most


def kill(process):
    """Kills the database, also below strace, which would leave it alone."""
    pid = process.pid
    if process.args[0] == "strace":
        with open(f"/proc/{pid}/task/{pid}/children") as file:
            pid = int(file.read().split()[0])
    os.kill(pid, signal.SIGKILL)
    process.wait()


def restart(database, count, down):
    """What is wrong after the database was away for some seconds."""
    kill(database.process)
    time.sleep(down)
    trace = os.path.join(database.folder, f"trace-{down}")
    strace = ["strace", "-f", "--seccomp-bpf", "-ttt", "-e", "trace=accept4", "-e", "signal=none", "-o", trace]
    # Nothing but the agents connects before they all have.
    database.is_ready = lambda: os.path.exists(trace)
    database.start(under=strace)
    wait_for("the agents' connections", lambda: len(accepts(trace)) >= count, patience=120)
    moments = accepts(trace)[:count]
    most = most_in_a_window(moments)
    seconds = moments[-1] - moments[0]
    text = f"{down} s away: {count} connections within {seconds:.1f} s, at most {most} in {1000 * WINDOW:.0f} ms"
    print(f"load: {text}", flush=True)
    return [] if most <= count / SHARE else [text]


def check(agent, count, database, agents):
    """What is wrong."""
    database.start()
    log = os.path.join(database.folder, "agent.log")
    for number in range(count):
        command = [agent, "-trans", f"{database.base}/write", "-endpoint", f"host{number}", "-metrics", FAMILIES]
        # One of them shows what each has.
        target = open(log, "w") if number == 0 else subprocess.DEVNULL
        agents.append(subprocess.Popen(command + ["-debug"] * (number == 0), stderr=target))
    # So that each family has been collected twice: a share of CPU time needs two readings.
    time.sleep(25)
    made = series_made(log)

    def is_complete():
        found = series_stored(database.base)
        return len(found) == count and all(series == made for series in found.values())

    wait_for(f"{len(made)} series of each agent", is_complete)
    print(f"load: {count} agents, {len(made)} series of each", flush=True)
    wrong = [text for down in DOWN for text in restart(database, count, down)]
    if any(one.poll() is not None for one in agents):
        wrong.append("an agent has ended")
    return wrong


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    if not shutil.which("strace"):
        raise SystemExit("load: needs strace")
    agent = os.path.abspath(sys.argv[1])
    count = int(sys.argv[2]) if len(sys.argv) > 2 else 500
    database = databases.VictoriaMetrics()
    agents = []
    try:
        wrong = check(agent, count, database, agents)
    finally:
        for one in agents:
            one.kill()
        for one in agents:
            one.wait()
        if database.process and database.process.poll() is None:
            kill(database.process)
        database.end()
    for text in wrong:
        print(f"FAILED load: {text}")
    raise SystemExit(1 if wrong else 0)


main()
