#!/usr/bin/env python3
"""Sends JSON lines to rsyslog and syslog-ng with the configurations of docs/receivers.md, and looks for each in their files.

usage: tests/receivers/syslog.py AGENT

Both are Debian's packages, unpacked below target/syslog (installed, they exclude each other).
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.path.join(ROOT, "target", "syslog")
UNPACKED = os.path.join(CACHE, "root")
PACKAGES = ["rsyslog", "syslog-ng-core"]
LIBRARIES = ["libestr0", "libfastjson4", "libivykis0", "libnet1", "libpcre3", "libglib2.0-0", "libjson-c5", "libwrap0", "libcap2"]
# Port and file of the configurations in the documentation.
PORT, FILE = "6000", "/var/log/samples"
MADE = "~~ sender get metric "
SECONDS = 6
PATIENCE = 30


def unpack():
    if not os.path.exists(UNPACKED):
        os.makedirs(CACHE, exist_ok=True)
        subprocess.run(["apt-get", "download", *PACKAGES, *LIBRARIES], cwd=CACHE, check=True, stdout=subprocess.DEVNULL)
        folder = tempfile.mkdtemp(dir=CACHE)
        for name in os.listdir(CACHE):
            if name.endswith(".deb"):
                subprocess.run(["dpkg", "-x", os.path.join(CACHE, name), folder], check=True)
        os.rename(folder, UNPACKED)


def configuration(name):
    """The block after the line of the documentation that begins with the name."""
    with open(os.path.join(ROOT, "docs/receivers.md")) as file:
        text = file.read()
    block = re.search(rf"^\*\*{name}\*\*(?:.+\n)+\n((?:(?:    .*)?\n)+)", text, re.M)[1]
    return re.sub("^    ", "", block, flags=re.M)


def libraries():
    found = [os.path.join(UNPACKED, path) for path in ("usr/lib/syslog-ng", "usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu")]
    return dict(os.environ, LD_LIBRARY_PATH=":".join(found))


def command(name, config, folder):
    if name == "rsyslog":
        modules = f"{UNPACKED}/usr/lib/x86_64-linux-gnu/rsyslog"
        return [f"{UNPACKED}/usr/sbin/rsyslogd", "-n", "-f", config, "-i", f"{folder}/pid", "-M", modules]
    modules = f"--module-path={UNPACKED}/usr/lib/syslog-ng/3.38"
    files = ["-R", f"{folder}/persist", "-p", f"{folder}/pid", "-c", f"{folder}/control"]
    return [f"{UNPACKED}/usr/sbin/syslog-ng", "-F", "-f", config, "--no-caps", modules, *files]


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def sample(timestamp, endpoint, metric, value, tags):
    return int(timestamp), endpoint, metric, float(value), tuple(sorted(tags.items()))


def made(log):
    """The samples of the lines that the agent has logged."""
    for line in log.splitlines():
        if MADE in line:
            line = json.loads(line.split(MADE, 1)[1])
            tags = {"os": line["tag"][0]}
            for tag in line["tag"][1:]:
                key, _, value = tag.partition("=")
                tags.setdefault(key, value or "true")
            yield sample(line["timestamp"], line["endpoint"], line["metric"], line["value"], tags)


def stored(path):
    with open(path) as file:
        for line in file.read().splitlines():
            *columns, tags = line.split("\t")
            yield sample(*columns, json.loads(tags))


def wait_for(what, is_done, daemon):
    end = time.monotonic() + PATIENCE
    while not is_done():
        if time.monotonic() > end or daemon.poll() is not None:
            sys.exit(f"syslog: {what}\n{read(daemon.log)}")
        time.sleep(0.1)


def read(path):
    with open(path, errors="replace") as file:
        return file.read()


def is_listening(port):
    try:
        socket.create_connection(("127.0.0.1", port)).close()
        return True
    except OSError:
        return False


def check(agent, name, folder):
    port, output, config = free_port(), f"{folder}/samples", f"{folder}/config"
    text = configuration(name)
    if PORT not in text or FILE not in text:
        sys.exit(f"syslog: the configuration of {name} has no {PORT} or no {FILE}")
    with open(config, "w") as file:
        file.write(text.replace(PORT, str(port)).replace(FILE, output))
    with open(f"{folder}/log", "w") as log:
        daemon = subprocess.Popen(command(name, config, folder), stdout=log, stderr=log, env=libraries())
    daemon.log = log.name
    try:
        wait_for(f"{name} does not listen", lambda: is_listening(port), daemon)
        flags = ["-format=json-labels", "-interval=1s", "-flush=1s", "-debug", "-endpoint", name]
        flags += ["-tag", 'site=a "b", c\\d=é', "-tag", "lab"]
        # Into a file: a pipe that is full would lose lines.
        with open(f"{folder}/agent.log", "w") as log:
            sender = subprocess.Popen([agent, "-trans", f"127.0.0.1:{port}", *flags], stderr=log)
        time.sleep(SECONDS)
        sender.send_signal(signal.SIGTERM)
        status = sender.wait()
        expected = sorted(made(read(log.name)))
        if status or not expected:
            sys.exit(f"syslog: the agent ended with status {status} and {len(expected)} lines")
        is_complete = lambda: os.path.exists(output) and read(output).count("\n") >= len(expected)
        wait_for(f"{name} has stored too few of {len(expected)} lines", is_complete, daemon)
        found = sorted(stored(output))
        if found != expected:
            differences = [(one, other) for one, other in zip(found, expected) if one != other]
            sys.exit(f"syslog: {name} has {len(found)} lines of {len(expected)}; stored and sent: {differences[:3]}")
        series = {(metric, tags) for _, _, metric, _, tags in found}
        print(f"{name}: {len(found)} lines of {len(series)} series")
    finally:
        daemon.kill()
        daemon.wait()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    agent = os.path.abspath(sys.argv[1])
    unpack()
    for name in ("rsyslog", "syslog-ng"):
        folder = tempfile.mkdtemp(prefix="mini-monitor-")
        try:
            check(agent, name, folder)
        finally:
            shutil.rmtree(folder)


main()
