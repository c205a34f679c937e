#!/usr/bin/env python3
"""Runs the five commands of the README's first page as they are written, and looks whether its graph has this machine.

usage: tests/receivers/first_page.py [--picture [seconds]]

The commands install Debian's Prometheus and change its options, so this is for a container or a virtual machine. At the
end Prometheus has its old options and, if it did not run before, is stopped. --picture waits until the graph has some
minutes (300 seconds), and has Chromium draw the page into docs/graph.png, which pngquant makes smaller if it is there.
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
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
HEADING = "\n## From nothing to a graph\n"
OPTIONS = "/etc/default/prometheus"
PICTURE = os.path.join(ROOT, "docs/graph.png")
PATIENCE = 60


def first_page():
    """The commands of the first block below the heading, and the URL of the page."""
    with open(os.path.join(ROOT, "README.md")) as file:
        section = file.read().split(HEADING)[1].split("\n## ")[0]
    block = re.search(r"(?:^    .*\n)+", section, re.M)[0]
    return [line.strip() for line in block.splitlines()], re.search(r"http://\S+/graph\?[^\s)>`]+", section)[0]


def ask(base, query):
    query = urllib.parse.urlencode({"query": query})
    with urllib.request.urlopen(f"{base}/api/v1/query?{query}", timeout=10) as answer:
        return json.load(answer)["data"]["result"]


def wait_for(base, query, agent):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end and agent.poll() is None:
        try:
            if found := ask(base, query):
                return found
        except OSError:
            pass
        time.sleep(0.2)
    sys.exit(f"first-page: no answer to {query}")


def is_running(base):
    try:
        return bool(ask(base, "1"))
    except OSError:
        return False


def service(action):
    subprocess.run(["service", "prometheus", action], check=True)


def shell_environment(folder):
    """The environment with a command `sudo`, which root may be without."""
    environment = dict(os.environ)
    if not shutil.which("sudo"):
        sudo = os.path.join(folder, "sudo")
        with open(sudo, "w") as file:
            file.write('#!/bin/sh\nexec "$@"\n')
        os.chmod(sudo, 0o755)
        environment["PATH"] = f"{folder}:{environment['PATH']}"
    return environment


def draw(url, folder):
    flags = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1000,900", "--virtual-time-budget=10000"]
    flags += [f"--user-data-dir={folder}/chromium", f"--screenshot={PICTURE}"]
    subprocess.run(["chromium", *flags, url], check=True, stderr=subprocess.DEVNULL, timeout=120)
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--output", PICTURE, "32", PICTURE], check=True)
    print(f"{PICTURE}: {os.path.getsize(PICTURE)} bytes")


def main():
    picture = sys.argv[1:2] == ["--picture"]
    seconds = int(sys.argv[2]) if len(sys.argv) > 2 else 300
    if os.geteuid():
        sys.exit("first-page: this needs root")
    (*commands, last), url = first_page()
    base = url.split("/classic")[0]
    if len(commands) != 4:
        sys.exit(f"first-page: the README has {len(commands) + 1} commands, not five")
    was_running, options = is_running(base), None
    with tempfile.TemporaryDirectory() as folder:
        environment = shell_environment(folder)
        agent = None
        try:
            for number, command in enumerate(commands):
                print(f"$ {command}", flush=True)
                # apt-get asks whether to go on.
                subprocess.run(command, shell=True, check=True, cwd=ROOT, env=environment, input=b"y\n")
                if not number:
                    # A package starts its service. In most containers this is forbidden.
                    if not is_running(base):
                        service("start")
                    with open(OPTIONS) as file:
                        options = file.read()
            print(f"$ {last}", flush=True)
            begin = int(time.time())
            agent = subprocess.Popen(f"exec {last}", shell=True, cwd=ROOT, env=environment)
            look(base, url, begin, agent)
            if picture:
                time.sleep(seconds)
                draw(url, folder)
        finally:
            if agent:
                agent.send_signal(signal.SIGTERM)
                agent.wait()
            if options is not None:
                with open(OPTIONS, "w") as file:
                    file.write(options)
                service("restart" if was_running else "stop")


def look(base, url, begin, agent):
    """Waits until every expression of the page has this machine."""
    endpoint = socket.gethostname()
    wait_for(base, f'timestamp(cpu_usage{{endpoint="{endpoint}"}}) >= {begin}', agent)
    for expression in urllib.parse.parse_qs(urllib.parse.urlsplit(url).query, strict_parsing=True)["g0.expr"]:
        found = wait_for(base, expression, agent)
        if not any(series["metric"].get("endpoint") == endpoint for series in found):
            sys.exit(f"first-page: {expression} has no {endpoint}")
        print(f"{expression}: " + ", ".join(series["value"][1] for series in found))
    with urllib.request.urlopen(url, timeout=10) as page:
        text = page.read().decode()
    for script in re.findall(r'<script[^>]* src="([^"]+)"', text):
        urllib.request.urlopen(urllib.parse.urljoin(url, script), timeout=10).close()


if __name__ == "__main__":
    main()
