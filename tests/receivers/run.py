#!/usr/bin/env python3
"""Sends to real receivers, and asks them what they have: each series and second that the agent has made, with its value,
and no more repeats than `-replay` explains.

usage: tests/receivers/run.py [-down SECONDS] AGENT [case...]

The receivers are Debian's victoria-metrics (with vmauth), influxdb, prometheus and clickhouse-server, and PyPI's rotel
with a small store of OTLP bodies. They are unpacked below target/receivers and started in temporary folders on loopback.
Each is stopped for a while (-down, 6 s if left out), killed with data that it has not read, and refuses a series where it
can; one is out of disk, another one is a proxy whose server stops.
"""

import argparse
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import traceback
from collections import defaultdict

# Nothing is left beside the sources.
sys.dont_write_bytecode = True

import databases
from databases import LINE_MARK, sample_of, wait_for

# Seconds for which acknowledged lines are sent again, counted from the receiver's last acknowledgement; the agent keeps
# lines for up to an eighth longer. DELAY is by how much a stamp may be older than the acknowledgement that counts: the
# interval, the flush before it and after it, and the time of a request.
REPLAY = 15 * 9 / 8
DELAY = 4
# Bytes of lines in the buffer when all but the newest ones have been acknowledged.
QUEUED_MAX = 60_000


class Run:
    """An agent that sends to a receiver."""

    def __init__(self, agent, database, name, address, flags):
        self.agent, self.database, self.name = agent, database, name
        address = address.format(port=database.port, raw=getattr(database, "raw", 0))
        self.log = open(os.path.join(database.folder, "agent.log"), "w+")
        self.socket = os.path.join(database.folder, "socket")
        command = [agent, "-trans", address, "-endpoint", name, "-interval", "1s", "-flush", "1s"]
        command += ["-debug", "-tag", "site=a b", "-timeout", "10s", "-buffer", "8M", "-listen", self.socket]
        # So that the buffer's state is in the log each second.
        command += ["-metrics", "agent=1s"]
        self.sender = subprocess.Popen([*command, *flags], stderr=self.log)

    def text(self):
        with open(self.log.name) as file:
            return file.read()

    def lines(self):
        for line in self.text().splitlines():
            if LINE_MARK in line:
                yield sample_of(line.split(LINE_MARK, 1)[1], self.database.name_of)

    def catch_up(self):
        """Waits until the backlog has been sent, by what the agent counts after now."""
        since = time.time()

        def is_done():
            queued = [
                value
                for labels, stamp, value in self.lines()
                if labels["__name__"] in ("agent_queued_bytes", "agent.queued.bytes") and stamp > since
            ]
            return queued and queued[-1] < QUEUED_MAX

        wait_for(f"the end of the backlog of {self.name}", is_done)

    def refuse(self):
        """Sends a line that the receiver refuses, and waits until the agent has dropped it."""
        if self.database.datagram:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as one:
                one.sendto(self.database.datagram, self.socket)
            wait_for(f"the refused line of {self.name}", lambda: "1 lines refused" in self.text())

    def end(self):
        self.sender.send_signal(signal.SIGTERM)
        return self.sender.wait()


def stopped_and_killed(run, down):
    database = run.database
    time.sleep(4)
    run.refuse()
    time.sleep(4)
    database.stop(signal.SIGTERM)
    time.sleep(down)
    database.start()
    run.catch_up()
    # So that no line is repeated at both breaks.
    time.sleep(REPLAY + DELAY)
    database.kill_with_unread_data()
    time.sleep(2)
    database.start()


def out_of_disk(run, down):
    """The receiver reads only for a while, and answers 503."""
    database = run.database
    time.sleep(6)
    database.stop(signal.SIGTERM)
    database.start("-storage.minFreeDiskSpaceBytes=1000000000000000")
    wait_for("an answer of status 503", lambda: "HTTP status 503" in run.text())
    time.sleep(down)
    database.stop(signal.SIGTERM)
    database.start()


def server_stopped(run, down):
    """The receiver is a proxy: its server is killed, and later the proxy."""
    server = run.database.server
    time.sleep(6)
    server.stop(signal.SIGKILL)
    wait_for("the proxy's answer", lambda: "HTTP status 502" in run.text())
    time.sleep(down)
    server.start()
    run.catch_up()
    time.sleep(REPLAY + DELAY)
    run.database.kill_with_unread_data()
    time.sleep(2)
    run.database.start()
    run.database.breaks += server.breaks


VM, INFLUX = databases.VictoriaMetrics, databases.InfluxDB
CLICKHOUSE = "http://127.0.0.1:{port}/?query=INSERT%20INTO%20mm%20FORMAT%20JSONEachRow"
CASES = {
    "victoria-metrics-influx": (VM, "http://127.0.0.1:{port}/write", [], stopped_and_killed),
    "victoria-metrics-gzip": (VM, "http://127.0.0.1:{port}/write", ["-gzip"], stopped_and_killed),
    "victoria-metrics-tcp": (VM, "127.0.0.1:{raw}", ["-format=influx", "-replay=15s"], stopped_and_killed),
    "victoria-metrics-prometheus": (VM, "http://127.0.0.1:{port}/api/v1/write", [], stopped_and_killed),
    "victoria-metrics-out-of-disk": (VM, "http://127.0.0.1:{port}/write", [], out_of_disk),
    "victoria-metrics-vmauth": (databases.Vmauth, "http://agent:a%20b@127.0.0.1:{port}/write", [], server_stopped),
    "influxdb": (INFLUX, "http://127.0.0.1:{port}/write?db=t", [], stopped_and_killed),
    "influxdb-prometheus": (
        databases.InfluxDBPrometheus,
        "http://127.0.0.1:{port}/api/v1/prom/write?db=t",
        [],
        stopped_and_killed,
    ),
    "prometheus": (databases.Prometheus, "http://127.0.0.1:{port}/api/v1/write", [], stopped_and_killed),
    "clickhouse": (databases.ClickHouse, CLICKHOUSE, [], stopped_and_killed),
    "otlp-store": (databases.OtlpStore, "http://127.0.0.1:{port}/v1/metrics", [], stopped_and_killed),
    "otlp-rotel": (databases.Rotel, "http://127.0.0.1:{port}/v1/metrics", ["-gzip"], stopped_and_killed),
}


def check(agent, name, down):
    """What is wrong, or an empty text."""
    kind, address, flags, script = CASES[name]
    database = kind()
    run = None
    try:
        database.start()
        run = Run(agent, database, name, address, flags)
        try:
            script(run, down)
            run.catch_up()
            status = run.end()
            wrong = compare(run)
            if status != 0:
                wrong.append(f"the agent ended with status {status}")
        except (Exception, SystemExit):
            wrong = [traceback.format_exc()]
        if wrong:
            # Without what -debug adds.
            own = [line for line in run.text().splitlines() if not re.search("~~|##|sample |flush: ", line)]
            return "\n".join(wrong[:10] + own[-30:])
        return ""
    finally:
        if run:
            run.sender.kill()
        database.end()


def compare(run):
    """What differs between the lines that the agent has made and those that the receiver has."""
    database = run.database
    made = defaultdict(dict)
    for labels, stamp, value in run.lines():
        made[frozenset(labels.items())][stamp] = value
    found = defaultdict(lambda: defaultdict(list))
    for labels, stamp, value in database.samples(run.name):
        found[frozenset(labels.items())][stamp].append(value)
    wrong = database.wrong(run.agent)
    repeats = probes = 0
    for labels, points in made.items():
        if dict(labels)["__name__"] == database.refused:
            continue
        missing = sorted(set(points) - set(found[labels]))
        if missing:
            wrong.append(f"missing: {sorted(labels)} at {missing}")
        for stamp, values in found[labels].items():
            expected = points.get(stamp)
            if expected is None:
                wrong.append(f"not made: {sorted(labels)} at {stamp}")
            elif any(abs(value - expected) > 1e-9 * abs(expected) for value in values):
                wrong.append(f"other values: {sorted(labels)} at {stamp}: {values} in place of {expected}")
            explained = [end for silent, end in database.breaks if silent - REPLAY - DELAY <= stamp <= end]
            repeats += len(values) - 1
            excess = max(0, len(values) - 1 - len(explained))
            if dict(labels)["__name__"] in ("agent_alive", "agent.alive"):
                # At the start of a search, and before a line is dropped, one of these shows whether the receiver takes
                # others.
                probes += excess
            elif excess:
                wrong.append(f"repeats: {sorted(labels)} has {len(values)} at {stamp}, breaks at {database.breaks}")
    for labels in set(found) - set(made):
        if found[labels] and dict(labels)["__name__"] != database.refused:
            wrong.append(f"not made: {sorted(labels)}")
    if not made:
        wrong.append("no lines")
    if probes > (2 if database.refused else 0):
        wrong.append(f"{probes} repeats of agent.alive for one refused line")
    rejected = max(rejected_counts(found), default=0)
    # One line of the datagram, or all of a series.
    least, most = (0, 0) if not database.refused else (1, 1) if database.datagram else (10, sys.maxsize)
    if not least <= rejected <= most:
        wrong.append(f"agent.lines.rejected is {rejected}")
    count = sum(len(points) for points in made.values())
    text = f"{len(made)} series, {count} samples, {repeats} repeats, {rejected:.0f} rejected, {len(wrong)} wrong"
    # (In one piece, since other cases print as well.)
    sys.stdout.write(f"{run.name}: {text}\n")
    sys.stdout.flush()
    return wrong


def rejected_counts(found):
    for labels, points in found.items():
        if dict(labels)["__name__"] in ("agent_lines_rejected", "agent.lines.rejected"):
            for values in points.values():
                yield from values


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-down", type=float, default=6, help="seconds for which a receiver is stopped")
    parser.add_argument("agent")
    parser.add_argument("case", nargs="*", help=", ".join(CASES))
    options = parser.parse_args()
    agent = os.path.abspath(options.agent)
    names = options.case or list(CASES)
    unknown = set(names) - set(CASES)
    if unknown:
        parser.error(f"unknown: {sorted(unknown)}")
    # Before the threads, which would do it at the same time.
    for kind in {CASES[name][0] for name in names}:
        databases.unpack(kind.packages)
        databases.install(kind.pypi)
    results = {}

    def run(name):
        try:
            results[name] = check(agent, name, options.down)
        except (Exception, SystemExit):
            results[name] = traceback.format_exc()

    threads = [threading.Thread(target=run, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = [name for name in names if results.get(name, "no result")]
    for name in failed:
        print(f"\nFAILED {name}\n{results.get(name)}")
    raise SystemExit(1 if failed else 0)


main()
