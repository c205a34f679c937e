#!/usr/bin/env python3
"""The package for Debian.

usage: tests/packages/deb.py --lint    builds it for amd64, twice to the same bytes, and has lintian look at it
       tests/packages/deb.py           and, as root, installs it in a new Debian (debootstrap, kept in target/packages)
                                       under a real systemd: lines at a receiver, an upgrade while the receiver is away,
                                       removal, and a purge that leaves nothing
"""

import glob
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time

sys.dont_write_bytecode = True

from container import CONFIG, INTERVAL, ROOT, Receiver, check_no_gap, configure, is_active, property_of, run, run_package_test, wait

DEBIAN = os.path.join(ROOT, "target/packages/bookworm")
MIRROR = os.environ.get("MIRROR", "http://deb.debian.org/debian")
# What dpkg, systemd and the test itself write.
OTHERS = re.compile(
    r"/(proc|sys|dev|run|tmp|result|var/log|var/cache|var/tmp)/.*|/var/lib/dpkg/.*|/var/lib/systemd/(?!deb-systemd-helper).*"
    r"|/etc/(passwd|group|shadow|gshadow|subuid|subgid)-|/etc/.*\.lock|/etc/(machine-id|resolv.conf|\.updated)|/var/\.updated"
    r"|.*/__pycache__/.*"
)
UNSENT = "/var/lib/mini-monitor/spool"


def build(revision, root=ROOT):
    environment = {**os.environ, "REVISION": revision}
    run(os.path.join(root, "contrib/debian/deb"), "x86_64", env=environment)
    (package,) = glob.glob(os.path.join(ROOT, f"target/deb/mini-monitor_*-{revision}_amd64.deb"))
    return package


def lint():
    package = build("1")
    with open(package, "rb") as file:
        before = file.read()
    # A new file in place of the old one, in a second of its own, from a folder with another name.
    time.sleep(1.1)
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(ROOT, f"{folder}/with blanks in it")
        build("1", f"{folder}/with blanks in it")
    with open(package, "rb") as file:
        if before != file.read():
            sys.exit("deb: two builds differ")
    # Overrides are explained beside them.
    found = subprocess.run(
        ["lintian", "--allow-root", "--fail-on=error,warning", package], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    if found.returncode or found.stdout.strip():
        sys.exit(f"deb: lintian:\n{found.stdout}")
    print(f"deb: {os.path.getsize(package)} bytes, twice the same; lintian finds nothing")


def snapshot():
    """Every file with its contents' size and permissions, and the users."""
    found = {}
    for folder, folders, files in os.walk("/"):
        for name in folders + files:
            path = os.path.join(folder, name)
            if OTHERS.fullmatch(path) or OTHERS.fullmatch(path + "/"):
                continue
            status = os.lstat(path)
            found[path] = (status.st_mode, 0 if os.path.isdir(path) else status.st_size)
        folders[:] = [name for name in folders if not OTHERS.fullmatch(os.path.join(folder, name) + "/")]
    for name in ["passwd", "group"]:
        with open(f"/etc/{name}") as file:
            found[name] = sorted(file)
    return found


def dpkg(*arguments):
    run("dpkg", *arguments, stderr=subprocess.STDOUT, env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"})


def main_inside():
    before = snapshot()
    receiver = Receiver()
    old, new = sorted(glob.glob("/packages/*.deb"))
    dpkg("-i", old)
    wait("lines", lambda: receiver.stamps("mem.total"))
    status = os.stat(CONFIG)
    if status.st_mode & 0o777 != 0o640 or status.st_uid or not status.st_gid:
        sys.exit(f"deb: {CONFIG} has {status}")
    if run("systemctl", "is-enabled", "mini-monitor").strip() != "enabled":
        sys.exit("deb: not enabled")
    print("dpkg -i: lines arrive, the service is enabled")

    # As an administrator would, who lets a second group read it.
    configure(tag="changed")
    os.chmod(CONFIG, 0o600)
    shutil.chown(CONFIG, "mini-monitor", "mini-monitor")
    run("systemctl", "reload", "mini-monitor")
    wait("the new tag", lambda: receiver.has("mem.total", "changed"))
    receiver.close()
    stamps = receiver.stamps("mem.total")
    wait("a turn without a receiver", lambda: time.time() > stamps[-1] + INTERVAL + 1)
    pid = property_of("MainPID")
    dpkg("-i", new)
    if property_of("MainPID") in ["0", pid] or not is_active():
        sys.exit("deb: the old one runs after the upgrade")
    if os.readlink(f"/proc/{property_of('MainPID')}/exe") != "/usr/bin/mini-monitor":
        sys.exit("deb: another binary runs")
    status = os.stat(CONFIG)
    if status.st_mode & 0o777 != 0o600 or not status.st_uid:
        sys.exit("deb: the upgrade changed the configuration's permissions")
    receiver.open()
    last = stamps[-1] + 3 * INTERVAL
    stamps = wait("lines after the upgrade", lambda: (s := receiver.stamps("mem.total", "changed"))[-1] >= last and s)
    print(f"upgrade without a receiver: {check_no_gap(stamps)}")

    run("systemctl", "disable", "--now", "mini-monitor", stderr=subprocess.STDOUT)
    dpkg("-i", new)
    if is_active() or property_of("UnitFileState") != "disabled":
        sys.exit("deb: an upgrade started a service that was stopped and disabled")
    run("systemctl", "enable", "--now", "mini-monitor", stderr=subprocess.STDOUT)

    dpkg("-r", "mini-monitor")
    if is_active() or not os.path.exists(CONFIG) or not os.path.exists(UNSENT):
        sys.exit("deb: removal leaves the service, or takes configuration or lines away")
    dpkg("-i", new)
    wait("the service after removal and installation", is_active)
    print("a disabled service stays so; removal keeps configuration and lines")

    dpkg("--purge", "mini-monitor")
    after = snapshot()
    differences = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
    if differences or is_active():
        sys.exit(f"deb: a purge leaves {differences}")
    print("purge leaves nothing")
    print("passed")


def debian():
    """A folder with a new Debian."""
    if not os.path.exists(DEBIAN):
        new = DEBIAN + ".new"
        shutil.rmtree(new, ignore_errors=True)
        os.makedirs(new)
        # python3 runs this test there.
        run("debootstrap", "--variant=minbase", "--include=systemd-sysv,dbus,python3", "bookworm", new, MIRROR)
        os.rename(new, DEBIAN)
    return DEBIAN


if __name__ == "__main__":
    run_package_test("deb.py", lint, build, main_inside, debian)
