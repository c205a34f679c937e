#!/usr/bin/env python3
"""Measures what an agent sends in each form, at its defaults or with other flags: lines, bytes, requests.

usage: tests/receivers/bytes.py AGENT [seconds [flag of the agent...]]    600 seconds, after a minute that is not counted

Each form has an agent of its own; all run at once, so that they see the same machine. The receivers take segments of 1448
bytes, as on Ethernet. "payload" is what TCP carries from the agent, heads of requests included. "wire" adds the answers
and 52 bytes of IPv4 and TCP (with time stamps) for each packet in both directions.
"""

import os
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

MSS = 1448
PACKET = 52
MADE = b"~~ sender get metric "
WARM_UP = 60
OUT_IN = 136  # tcpi_segs_out and tcpi_segs_in in struct tcp_info
SECONDS_A_DAY = 86_400

FORMS = {
    "json, TCP": ("", ["-format=json"]),
    "influx, TCP": ("", ["-format=influx"]),
    "json": ("/json", ["-format=json"]),
    "json, -gzip": ("/json", ["-format=json", "-gzip"]),
    "influx": ("/write", []),
    "influx, -gzip": ("/write", ["-gzip"]),
    "otlp": ("/v1/metrics", []),
    "otlp, -gzip": ("/v1/metrics", ["-gzip"]),
    "prometheus": ("/api/v1/write", []),
}


class Receiver(threading.Thread):
    """Counts what one agent sends, and answers its requests."""

    def __init__(self, is_http):
        super().__init__(daemon=True)
        self.listener = socket.socket()
        self.listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG, MSS)
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen()
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.is_http = is_http
        self.connection = None
        self.payload = self.answered = self.requests = self.past_packets = 0

    def run(self):
        while True:
            connection = self.connection = self.listener.accept()[0]
            try:
                self.serve(connection)
            except OSError:
                pass
            self.past_packets += packets(connection)
            self.connection = None

    def serve(self, connection):
        text = b""
        while data := connection.recv(65536):
            self.payload += len(data)
            text = text + data if self.is_http else b""
            while request := re.match(rb"(?s).*?\r\ncontent-length: (\d+).*?\r\n\r\n", text, re.I):
                whole = request.end() + int(request[1])
                if len(text) < whole:
                    break
                text = text[whole:]
                answer = b"HTTP/1.1 204 No Content\r\nDate: Thu, 01 Jan 2026 00:00:00 GMT\r\n\r\n"
                connection.sendall(answer)
                self.answered += len(answer)
                self.requests += 1

    def counts(self):
        connection = self.connection
        count = self.past_packets + (packets(connection) if connection else 0)
        return self.payload, self.payload + self.answered + PACKET * count, self.requests


def packets(connection):
    info = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 256)
    return sum(int.from_bytes(info[at : at + 4], sys.byteorder) for at in (OUT_IN, OUT_IN + 4))


class Agent:
    """An agent that sends in one form, and logs its lines to a file, in which they are counted."""

    def __init__(self, program, number, path, flags):
        self.receiver = Receiver(bool(path))
        self.receiver.start()
        trans = f"http://{self.receiver.address}{path}" if path else self.receiver.address
        command = [program, "-trans", trans, "-endpoint", f"router-{number:02}", "-debug", *flags]
        self.log = tempfile.NamedTemporaryFile()
        with open(self.log.name, "wb") as log:
            self.process = subprocess.Popen(command, stderr=log)
        self.lines, self.rest = 0, b""

    def count_lines(self):
        whole, _, self.rest = (self.rest + self.log.read()).rpartition(b"\n")
        self.lines += whole.count(MADE)
        return self.lines

    def counts(self):
        return (self.count_lines(), *self.receiver.counts())


def main():
    if len(sys.argv) < 2:
        raise SystemExit(__doc__)
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 600
    program = os.path.abspath(sys.argv[1])
    forms = [(path, flags + sys.argv[3:]) for path, flags in FORMS.values()]
    agents = [Agent(program, number, *form) for number, form in enumerate(forms)]
    try:
        time.sleep(WARM_UP)
        before = [agent.counts() for agent in agents]
        time.sleep(seconds)
        after = [agent.counts() for agent in agents]
    finally:
        for agent in agents:
            agent.process.terminate()
        ended = [agent.process.wait() for agent in agents]
    print("form              lines/s payload/line wire/line requests/min payload MB/day wire MB/day")
    for name, old, new in zip(FORMS, before, after):
        lines, payload, wire, requests = (late - early for early, late in zip(old, new))
        if not lines or not payload:
            raise SystemExit(f"bytes: {name}: nothing came")
        a_day = SECONDS_A_DAY / seconds / 1e6
        print(
            f"{name:14} {lines / seconds:10.1f} {payload / lines:12.1f} {wire / lines:9.1f} {requests * 60 / seconds:12.1f}"
            f" {payload * a_day:14.1f} {wire * a_day:11.1f}"
        )
    if any(ended):
        raise SystemExit(f"bytes: agents ended with status {ended}")


main()
