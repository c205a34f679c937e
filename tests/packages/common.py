"""What the tests of packages share."""

import io
import json
import os
import signal
import socket
import subprocess
import tarfile
import time
import traceback

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
AGENT = os.path.join(ROOT, "target/static/x86_64/mini-monitor")
# Seconds until something that does not happen is a failure.
PATIENCE = 30


def run(command, **options):
    return subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=100, check=False, **options)


def members(data):
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
        return {m.name: (m, archive.extractfile(m).read() if m.isfile() else b"") for m in archive}


class Receiver:
    """A receiver of lines on a loopback port."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(PATIENCE)
        self.address = f"127.0.0.1:{self.listener.getsockname()[1]}"
        self.connection = self.file = None

    def line(self, accepts):
        """The first line that is accepted, of this connection or a later one."""
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            if not self.file:
                self.connection, _ = self.listener.accept()
                self.connection.settimeout(PATIENCE)
                self.file = self.connection.makefile("rb")
            text = self.file.readline()
            if not text:
                self.file = None
            elif accepts(json.loads(text)):
                return json.loads(text)
        raise AssertionError("no such line")

    def close(self):
        for one in (self.file, self.connection, self.listener):
            if one:
                one.close()


def wait_for(condition):
    for _ in range(PATIENCE * 20):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen")


def run_tests(tests):
    """Runs functions whose names begin with test_; returns the exit status."""
    signal.alarm(600)
    failed = 0
    for test in tests:
        name = test.__name__.removeprefix("test_").replace("_", " ")
        try:
            test()
            print(f"ok      {name}", flush=True)
        except Exception:
            failed += 1
            print(f"FAILED  {name}\n{traceback.format_exc()}", flush=True)
    return 1 if failed else 0
