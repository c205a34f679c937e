"""The other end of what is measured: it takes what is sent, or asks, and counts the values."""

import http.client
import itertools
import random
import socket
import struct
import threading
import time


def free_port():
    """A TCP port of the loopback where nobody listens; zabbix-agent takes none above 32767."""
    while True:
        try:
            with socket.create_server(("127.0.0.1", random.randrange(20000, 32768))) as probe:
                return probe.getsockname()[1]
        except OSError:
            pass


def in_background(work, *arguments):
    threading.Thread(target=work, args=arguments, daemon=True).start()


class Lines:
    """Listens on TCP and counts lines."""

    def __init__(self):
        self.values = self.bytes = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        in_background(self.accept)

    def accept(self):
        while True:
            try:
                connection = self.listener.accept()[0]
            except OSError:
                return
            in_background(self.receive, connection)

    def receive(self, connection):
        with connection:
            try:
                while data := connection.recv(1 << 18):
                    self.bytes += len(data)
                    self.values += data.count(b"\n")
            except ConnectionError:
                pass

    def close(self):
        # A thread that sleeps in accept is not woken by close alone.
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class Datagrams:
    """Listens on UDP; `count` tells how many values a datagram has."""

    def __init__(self, count):
        self.values = 0
        self.count = count
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("127.0.0.1", 0))
        self.port = self.socket.getsockname()[1]
        in_background(self.receive)

    def receive(self):
        while data := self.socket.recv(1 << 16):
            self.values += self.count(data)

    def close(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
            last.sendto(b"", ("127.0.0.1", self.port))


class Asked:
    """Asks at each `period` seconds on the monotonic clock and `phase`; `ask` gives a number of values."""

    def __init__(self, ask, period, phase):
        self.values = 0
        self.failure = None
        self.ends = threading.Event()
        in_background(self.run, ask, period, phase)

    def run(self, ask, period, phase):
        while not self.ends.wait(period - (time.monotonic() - phase) % period):
            try:
                self.values += ask()
                self.failure = None
            except (OSError, http.client.HTTPException, ValueError, IndexError, struct.error) as failure:
                self.failure = failure

    def close(self):
        self.ends.set()


def count_collectd(packet):
    """Values in a packet of collectd's binary protocol: parts of type, length and content."""
    values = 0
    while len(packet) >= 6:
        kind, length = struct.unpack_from("!HH", packet)
        if length < 4:
            break
        if kind == 6:
            values += struct.unpack_from("!H", packet, 4)[0]
        packet = packet[length:]
    return values


def count_gmond(packet):
    """A packet of gmond has one value, or tells about one (128), or asks (136)."""
    return int(struct.unpack_from("!I", packet)[0] not in (128, 136))


def zabbix(port, items):
    """Asks a zabbix-agent for each item on a connection of its own."""
    values = 0
    for item in items:
        with socket.create_connection(("127.0.0.1", port), timeout=3) as connection:
            connection.sendall(b"ZBXD\1" + struct.pack("<Q", len(item)) + item.encode())
            answer = b""
            while data := connection.recv(65536):
                answer += data
        values += len(answer) > 13 and not answer[13:].startswith(b"ZBX_")
    return values


class Exporter:
    """Scrapes on a connection that is kept, not compressed."""

    def __init__(self, port):
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=3)

    def ask(self):
        try:
            self.connection.request("GET", "/metrics")
            lines = self.connection.getresponse().read().splitlines()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            raise
        # How long its collectors took says nothing of the machine.
        return sum(line.startswith(b"node_") and not line.startswith(b"node_scrape_") for line in lines)


def tlv(kind, content):
    """A value in the basic encoding rules."""
    length = len(content)
    head = bytes([length]) if length < 128 else struct.pack("!BH", 0x82, length)
    return bytes([kind]) + head + content


def split_tlv(data):
    """The kind, the content, and what follows."""
    kind, length, start = data[0], data[1], 2
    if length & 0x80:
        start += length & 0x7F
        length = int.from_bytes(data[2:start], "big")
    return kind, data[start : start + length], data[start + length :]


def children(data):
    while data:
        kind, content, data = split_tlv(data)
        yield kind, content


def encode_oid(text):
    numbers = [int(number) for number in text.split(".")]
    content = bytearray([numbers[0] * 40 + numbers[1]])
    for number in numbers[2:]:
        digits = [number & 0x7F]
        while number := number >> 7:
            digits.append(number & 0x7F | 0x80)
        content += bytes(reversed(digits))
    return bytes(content)


class Snmp:
    """Walks the columns once, and from then on gets each value by its name, 32 in a packet."""

    GET, NEXT = 0xA0, 0xA1
    # Integer, Counter32, Gauge32, TimeTicks, Counter64.
    NUMBERS = (0x02, 0x41, 0x42, 0x43, 0x46)

    def __init__(self, port, columns):
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.settimeout(1)
        self.socket.connect(("127.0.0.1", port))
        self.columns = [encode_oid(column) for column in columns]
        self.ids = itertools.count(1)
        self.names = []

    def exchange(self, command, names):
        """The pairs of name and kind that it answers."""
        number = struct.pack("!I", next(self.ids))
        pairs = b"".join(tlv(0x30, tlv(0x06, name) + tlv(0x05, b"")) for name in names)
        zero = tlv(0x02, b"\0")
        request = tlv(command, tlv(0x02, number) + zero + zero + tlv(0x30, pairs))
        self.socket.send(tlv(0x30, tlv(0x02, b"\1") + tlv(0x04, b"public") + request))
        while True:
            message = list(children(split_tlv(self.socket.recv(65536))[1]))
            answer = list(children(message[2][1]))
            # The answer to what has timed out may come late.
            if answer[0][1].rjust(4, b"\0") == number:
                break
        for _, pair in children(answer[3][1]):
            (_, name), (kind, _) = children(pair)
            yield name, kind

    def walk(self, column):
        name = column
        while True:
            name, kind = next(self.exchange(self.NEXT, [name]))
            if not name.startswith(column) or kind == 0x82:
                return
            if kind in self.NUMBERS:
                yield name

    def ask(self):
        if not self.names:
            self.names = [name for column in self.columns for name in self.walk(column)]
        values = 0
        for start in range(0, len(self.names), 32):
            pairs = self.exchange(self.GET, self.names[start : start + 32])
            values += sum(kind in self.NUMBERS for _, kind in pairs)
        return values
