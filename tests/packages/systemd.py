#!/usr/bin/env python3
"""The service under systemd.

usage: tests/packages/systemd.py --score     the score of the sandbox only, in a second
       tests/packages/systemd.py [agent]     and, as root, the service under a real systemd, booted by systemd-nspawn over
                                             an overlay of this machine that leaves nothing here

In the container `make install SYSTEMD=1` has put the agent. A receiver there gets the lines of the service. Every series
that the agent has outside of the sandbox it has inside, with the same value where it does not change. A reload, and
kill -9 while the receiver is away, lose no sample.
"""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from container import CONFIG, INTERVAL, RESULT, ROOT, Receiver, boot, check_no_gap, configure, property_of, run, unshare, wait

UNIT = "contrib/systemd/mini-monitor.service"
# Ten times the score.
THRESHOLD = 20
# Gauges that do not change within seconds, and those that change little. A counter is not lower at a later time.
STATIC = re.compile(
    r"(mem|swap|disk)\.total|disk\.(inodes\.total|readonly)|cpu\.count|net\.(up|speed)|temp\..*|kernel\.(files|pids)\.max"
    r"|conntrack\.max|wifi\.quality\.max|clock\.synced|process\.count|arp\.entries|dhcp\.leases"
)
NEARLY_STATIC = re.compile(r"mem\.(used|available|cached)|disk\.free|proc\.total|system\.uptime|process\.rss")
# At least these have to be among the series.
EXPECTED = {"cpu.usage", "mem.total", "net.in.bytes", "disk.total", "disk.readonly", "proc.total", "process.count"}


def score():
    with tempfile.TemporaryDirectory() as folder:
        # The program need not be installed here.
        with open(os.path.join(ROOT, UNIT)) as file:
            text = file.read()
        path = os.path.join(folder, os.path.basename(UNIT))
        with open(path, "w") as file:
            file.write(re.sub(r"ExecStart=\S+", "ExecStart=/bin/true", text))
        faults = subprocess.run(["systemd-analyze", "verify", "--man=no", path], stderr=subprocess.PIPE, text=True)
        if faults.returncode or "mini-monitor" in faults.stderr:
            sys.exit(f"systemd: {faults.stderr}")
        table = ["systemd-analyze", "security", "--offline=true", "--no-pager", f"--threshold={THRESHOLD}", path]
        found = subprocess.run(table, stdout=subprocess.PIPE, text=True)
        print(found.stdout.strip().splitlines()[-1])
        if found.returncode:
            sys.exit(f"systemd: the sandbox scores above {THRESHOLD / 10}")


def series(text):
    lines = map(json.loads, text.splitlines())
    return {(line["metric"], *line["tag"]): line["value"] for line in lines}


def once(sandbox):
    """What -once prints: in the unit's sandbox, or in a service without any."""
    name = "once-inside" if sandbox else "once-outside"
    with open("/usr/lib/systemd/system/mini-monitor.service") as file:
        unit = file.read() if sandbox else "[Service]\nExecStart=\nRestart=on-failure\nType=exec\n"
    unit = re.sub(r"ExecStart=.*", "ExecStart=/usr/bin/mini-monitor -once -trans -", unit)
    unit = unit.replace("Restart=on-failure", "Restart=no").replace("Type=exec", "Type=oneshot")
    unit = unit.replace("[Service]", f"[Service]\nStandardOutput=file:{RESULT}/{name}\nStandardError=journal")
    with open(f"/run/systemd/system/{name}.service", "w") as file:
        file.write(unit)
    run("systemctl", "daemon-reload")
    run("systemctl", "start", name)
    with open(f"{RESULT}/{name}") as file:
        return series(file.read())


def compare():
    outside, inside = once(False), once(True)
    missing, more = outside.keys() - inside.keys(), inside.keys() - outside.keys()
    if missing or more:
        sys.exit(f"systemd: the sandbox takes away {sorted(missing)}, adds {sorted(more)}")
    kinds = {words[0]: words[2] for words in map(str.split, run("/usr/bin/mini-monitor", "-list").splitlines())}
    compared = 0
    for key, before in outside.items():
        after = inside[key]
        if STATIC.fullmatch(key[0]):
            is_right = after == before
        elif NEARLY_STATIC.fullmatch(key[0]):
            is_right = abs(after - before) <= before / 5
        elif kinds[key[0]] == "counter" and not key[0].startswith("agent."):
            is_right = after >= before
        else:
            continue
        compared += 1
        if not is_right:
            sys.exit(f"systemd: {key} is {before} outside and {after} in the sandbox")
    if lost := EXPECTED - {key[0] for key in outside}:
        sys.exit(f"systemd: no {sorted(lost)} at all")
    families = len({key[0].split(".")[0] for key in outside})
    print(f"{len(outside)} series of {families} families inside and outside, {compared} of them compared by value")


def main_inside():
    # An interface other than lo.
    run("ip", "link", "add", "eth0", "type", "veth", "peer", "eth1")
    run("ip", "link", "set", "eth0", "up")
    configure(only="disk=/,/home,/srv,/tmp,/run,/var/*")
    compare()

    receiver = Receiver()
    run("systemctl", "enable", "--now", "mini-monitor")
    wait("lines", lambda: receiver.stamps("mem.total"))
    pid = property_of("MainPID")
    with open(f"/proc/{pid}/status") as file:
        status = dict(line.split(":\t") for line in file.read().splitlines() if ":\t" in line)
    for name in ["CapPrm", "CapEff", "CapBnd", "CapAmb"]:
        if int(status[name], 16):
            sys.exit(f"systemd: {name} is {status[name]}")
    if status["Uid"].split()[0] == "0":
        sys.exit("systemd: the agent runs as root")
    print("lines arrive from a process without capabilities")

    configure(tag="reloaded")
    run("systemctl", "reload", "mini-monitor")
    wait("the new tag", lambda: receiver.has("mem.total", "reloaded"))
    if property_of("MainPID") != pid:
        sys.exit("systemd: a reload started another process")
    print("a reload changes the tag of the same process")

    # The receiver goes away, a turn is collected in vain, the agent is killed right after that.
    receiver.close()
    before = receiver.stamps("mem.total")
    wait("a turn without a receiver", lambda: time.time() > before[-1] + INTERVAL + 1)
    os.kill(int(pid), signal.SIGKILL)
    wait("a restart", lambda: property_of("NRestarts") == "1" and property_of("MainPID") not in ["0", pid])
    receiver.open()
    last = before[-1] + 3 * INTERVAL
    stamps = wait("lines after the restart", lambda: (s := receiver.stamps("mem.total", "reloaded"))[-1] >= last and s)
    print(f"kill -9 without a receiver: {check_no_gap(stamps)}")

    run("systemctl", "stop", "mini-monitor")
    if property_of("Result") != "success":
        sys.exit(f"systemd: stopped with {property_of('Result')}")
    print("passed")


def main():
    arguments = sys.argv[1:]
    if arguments == ["--inside"]:
        main_inside()
        return
    if "MINI_MONITOR_TEST" not in os.environ:
        score()
    if arguments == ["--score"]:
        return
    agent = os.path.abspath(arguments[0] if arguments else os.path.join(ROOT, "target/static/x86_64/mini-monitor"))
    unshare(agent)

    def prepare(root):
        # Units of this machine are not needed; nor is its own configuration.
        shutil.rmtree(f"{root}/etc/systemd/system", ignore_errors=True)
        if os.path.exists(root + CONFIG):
            os.remove(root + CONFIG)
        run("make", "-C", ROOT, "install", "SYSTEMD=1", "PREFIX=/usr", f"DESTDIR={root}", f"AGENT={agent}")
        run("systemd-sysusers", f"--root={root}")

    boot("systemd.py", prepare)


if __name__ == "__main__":
    main()
