#!/usr/bin/env python3
"""The RPM.

usage: tests/packages/rpm.py --lint    builds it for x86_64 and aarch64, twice to the same bytes, and reads what is in it
       tests/packages/rpm.py           and, as root, installs it with rpm over this machine's files, under a real systemd:
                                       lines at a receiver, an upgrade while the receiver is away, a removal
"""

import glob
import os
import pwd
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from container import CONFIG, INTERVAL, ROOT, Receiver, check_no_gap, configure, is_active, property_of, run, run_package_test, wait

STATE = "/var/lib/mini-monitor"
FILES = [
    "-rw-r-----    1 root     mini-mon /etc/mini-monitor.json",
    "-rwxr-xr-x    1 root     root /usr/bin/mini-monitor",
    "-rw-r--r--    1 root     root /usr/lib/systemd/system/mini-monitor.service",
    "-rw-r--r--    1 root     root /usr/lib/sysusers.d/mini-monitor.conf",
    "drwxr-xr-x    2 root     root /usr/share/doc/mini-monitor",
    "-rw-r--r--    1 root     root /usr/share/doc/mini-monitor/CHANGELOG.md",
    "-rw-r--r--    1 root     root /usr/share/doc/mini-monitor/reference.json",
    "drwxr-xr-x    2 root     root /usr/share/licenses/mini-monitor",
    "-rw-r--r--    1 root     root /usr/share/licenses/mini-monitor/LICENSE",
    "-rw-r--r--    1 root     root /usr/share/licenses/mini-monitor/third-party.txt",
    "-rw-r--r--    1 root     root /usr/share/man/man5/mini-monitor.json.5.gz",
    "-rw-r--r--    1 root     root /usr/share/man/man8/mini-monitor.8.gz",
    "drwx------    2 mini-mon mini-mon /var/lib/mini-monitor",
]


def build(target, revision="1", root=ROOT):
    run(os.path.join(root, "contrib/rpm/rpm"), target, env={**os.environ, "REVISION": revision})
    (package,) = glob.glob(os.path.join(ROOT, f"target/rpm/mini-monitor-*-{revision}.{target}.rpm"))
    return package


def lint():
    for target in ["x86_64", "aarch64"]:
        package = build(target)
        with open(package, "rb") as file:
            before = file.read()
        # A new file in place of the old one, in a second of its own, from a folder with another name.
        time.sleep(1.1)
        with tempfile.TemporaryDirectory() as folder:
            os.symlink(ROOT, f"{folder}/with blanks in it")
            build(target, root=f"{folder}/with blanks in it")
        with open(package, "rb") as file:
            if before != file.read():
                sys.exit(f"rpm: two builds for {target} differ")
        query = lambda *what: run("rpm", "-qp", "--nosignature", *what, package)
        if query("--qf", "%{ARCH} %{LICENSE} %{SOURCERPM}").split()[0] != target:
            sys.exit(f"rpm: {query('-i')}")
        # Size and date stand between owner and path.
        listed = [line.split() for line in query("-lv").splitlines()]
        listed = [" ".join(words[:4] + words[-1:]) for words in listed]
        if listed != [" ".join(line.split()) for line in FILES]:
            sys.exit("rpm: other files:\n" + "\n".join(listed))
        if query("--configfiles").split() != [CONFIG]:
            sys.exit("rpm: the configuration is not marked")
        for name in ["PREIN", "POSTIN", "PREUN", "POSTUN"]:
            script = query("--qf", f"%{{{name}}}\n")
            subprocess.run(["shellcheck", "-s", "sh", "-"], input=script, text=True, check=True)
        print(f"rpm: {os.path.basename(package)}: {os.path.getsize(package)} bytes, twice the same")


def rpm(*arguments):
    # Debian's rpm refuses to install; the dependencies are not in its database.
    run("rpm", "--force-debian", "--nodeps", "--nosignature", *arguments, stderr=subprocess.STDOUT)


def main_inside():
    receiver = Receiver()
    old, new = sorted(glob.glob("/packages/*.rpm"))
    rpm("-i", old)
    if status := subprocess.run(["rpm", "-V", "--nodeps", "mini-monitor"], stdout=subprocess.PIPE, text=True).stdout:
        sys.exit(f"rpm: rpm -V prints {status}")
    run("systemctl", "enable", "--now", "mini-monitor", stderr=subprocess.STDOUT)
    wait("lines", lambda: receiver.stamps("mem.total"))
    print("rpm -i, systemctl enable --now: lines arrive")

    configure(tag="changed")
    run("systemctl", "reload", "mini-monitor")
    wait("the new tag", lambda: receiver.has("mem.total", "changed"))
    receiver.close()
    stamps = receiver.stamps("mem.total")
    wait("a turn without a receiver", lambda: time.time() > stamps[-1] + INTERVAL + 1)
    pid = property_of("MainPID")
    rpm("-U", new)
    if property_of("MainPID") in ["0", pid] or not is_active():
        sys.exit("rpm: the old one runs after the upgrade")
    if property_of("UnitFileState") != "enabled" or not os.path.exists(f"{STATE}/spool"):
        sys.exit("rpm: the upgrade disabled the service, or took lines away")
    receiver.open()
    last = stamps[-1] + 3 * INTERVAL
    stamps = wait("lines after the upgrade", lambda: (s := receiver.stamps("mem.total", "changed"))[-1] >= last and s)
    if not receiver.has("mem.total", "changed"):
        sys.exit("rpm: the upgrade replaced a changed configuration")
    print(f"upgrade without a receiver: {check_no_gap(stamps)}")

    rpm("-e", "mini-monitor")
    left = [path for path in [STATE, CONFIG, "/usr/bin/mini-monitor"] if os.path.exists(path)]
    if is_active() or left or property_of("UnitFileState"):
        sys.exit(f"rpm: a removal leaves {left}, or the service")
    if not os.path.exists(CONFIG + ".rpmsave"):
        sys.exit("rpm: a changed configuration is gone")
    pwd.getpwnam("mini-monitor")
    print("a removal leaves the user, and a changed configuration")
    print("passed")


if __name__ == "__main__":
    run_package_test("rpm.py", lint, lambda revision: build("x86_64", revision), main_inside)
