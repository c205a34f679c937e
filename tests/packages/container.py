"""A container with a real systemd (systemd-nspawn), in which a test runs, and what such tests share."""

import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PATIENCE = 60
# Inside of the container: this folder, and what is kept.
FOLDER = "/usr/lib/mini-monitor-test"
RESULT = "/result"
CONFIG = "/etc/mini-monitor.json"
# Longer than RestartSec and a turn, so that a restart right after a turn is in time for the next one.
INTERVAL = 12

TEST_UNIT = f"""[Unit]
SuccessAction=poweroff-force
FailureAction=poweroff-force
[Service]
Type=oneshot
ExecStart=/usr/bin/python3 {FOLDER}/TEST --inside
StandardOutput=file:{RESULT}/output
StandardError=inherit
TimeoutStartSec=300
"""


def run(*command, **options):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, universal_newlines=True, **options).stdout


def unshare(*arguments):
    """Starts this program again in a mount namespace of its own, unless it is there: what it mounts is gone with it."""
    if os.geteuid():
        sys.exit("a container needs root")
    if "MINI_MONITOR_TEST" not in os.environ:
        os.environ["MINI_MONITOR_TEST"] = "1"
        os.execvp("unshare", ["unshare", "-m", sys.executable, os.path.abspath(sys.argv[0]), *arguments])


def boot(test, prepare, lower="/"):
    """Boots a container over an overlay of `lower`, which `prepare(root)` has changed, and runs the program `test` of this
    folder there with --inside. Prints its output, and fails unless that ends in `passed`."""
    with tempfile.TemporaryDirectory() as folder:
        path = lambda name: os.path.join(folder, name)
        root, result = path("root"), path("result")
        for name in ["overlay", "root", "result"]:
            os.mkdir(path(name))
        # nspawn leaves a folder there.
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        run("mount", "-t", "tmpfs", "tmpfs", path("overlay"))
        for name in ["upper", "work"]:
            os.mkdir(path(f"overlay/{name}"))
        options = f"lowerdir={lower},upperdir={path('overlay/upper')},workdir={path('overlay/work')}"
        run("mount", "-t", "overlay", "overlay", "-o", options, root)
        try:
            prepare(root)
            shutil.copytree(os.path.join(ROOT, "tests/packages"), root + FOLDER)
            units = root + "/etc/systemd/system"
            os.makedirs(units, exist_ok=True)
            with open(os.path.join(units, "test.service"), "w") as file:
                file.write(TEST_UNIT.replace("TEST", test))
            with open(os.path.join(units, "test.target"), "w") as file:
                file.write("[Unit]\nRequires=sysinit.target\nAfter=sysinit.target\nWants=test.service\n")
            os.makedirs(root + RESULT, exist_ok=True)
            # Homes and a second disk: a sandbox that hides them would be noticed.
            mounts = [f"--tmpfs={name}" for name in ["/home", "/srv"] if os.path.isdir(root + name)]
            nspawn = ["systemd-nspawn", "-D", root, "--boot", "--register=no", "--keep-unit", "--private-network", "--quiet"]
            nspawn += [f"--bind={result}:{RESULT}", "--system-call-filter=adjtimex clock_adjtime", "-M", "mini-monitor-test"]
            with open(path("console"), "w+") as console:
                command = ["timeout", "-k", "5", "330", *nspawn, *mounts, "systemd.unit=test.target"]
                subprocess.run(command, stdin=subprocess.DEVNULL, stdout=console, stderr=console)
                console.seek(0)
                console = console.read()
            try:
                with open(os.path.join(result, "output")) as file:
                    printed = file.read()
            except OSError:
                sys.exit(f"the container did not start:\n{console[-3000:]}")
        finally:
            for name in ["root", "overlay"]:
                run("umount", "-l", path(name))
    print(printed, end="")
    if not printed.endswith("passed\n"):
        sys.exit(1)


class Receiver:
    """Takes lines at port 6000; several may follow each other."""

    def __init__(self):
        self.lines = []
        self.open()

    def open(self):
        self.server = socket.create_server(("127.0.0.1", 6000))
        self.connections = []
        threading.Thread(target=self.accept, args=(self.server,), daemon=True).start()

    def accept(self, server):
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            self.connections.append(connection)
            threading.Thread(target=self.read, args=(connection,), daemon=True).start()

    def read(self, connection):
        try:
            with connection.makefile() as file:
                for line in file:
                    self.lines.append(json.loads(line))
        except (OSError, ValueError):
            pass

    def close(self):
        # Woken by that, the accept ends.
        self.server.shutdown(socket.SHUT_RDWR)
        self.server.close()
        for connection in self.connections:
            connection.shutdown(socket.SHUT_RDWR)

    def has(self, metric, tag):
        return any(line["metric"] == metric and tag in line["tag"] for line in list(self.lines))

    def stamps(self, metric, tag="linux"):
        lines = [line for line in list(self.lines) if line["metric"] == metric and tag in line["tag"]]
        return sorted({line["timestamp"] for line in lines})


def wait(what, condition):
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        if found := condition():
            return found
        time.sleep(0.05)
    print(run("journalctl", "--no-pager", "-b", "-u", "mini-monitor", "-n", "40"))
    sys.exit(f"waited in vain for {what}")


def property_of(name):
    return run("systemctl", "show", "-P", name, "mini-monitor").strip()


def is_active():
    return property_of("ActiveState") == "active"


def run_package_test(test, lint, build, inside, lower=lambda: "/"):
    """Runs `lint()`, and, unless the argument is --lint, `inside()` in a container over the folder `lower()`, in whose
    /packages `build(revision)` has put two revisions."""
    if sys.argv[1:] == ["--inside"]:
        inside()
        return
    if "MINI_MONITOR_TEST" not in os.environ:
        lint()
    if sys.argv[1:] == ["--lint"]:
        return
    unshare()

    def prepare(root):
        os.mkdir(f"{root}/packages")
        for revision in ["1", "2"]:
            shutil.copy(build(revision), f"{root}/packages/")
        os.remove(build("2"))

    boot(test, prepare, lower())


def configure(**settings):
    with open(CONFIG, "w") as file:
        settings = {"interval": INTERVAL, "flush": "1s", "endpoint": "test", "process": "systemd*,python3", **settings}
        json.dump(settings, file)
    shutil.chown(CONFIG, "root", "mini-monitor")
    os.chmod(CONFIG, 0o640)


def check_no_gap(stamps):
    """The stamps are those since a reload, which moves the turns by its new tag: the first turn after it may be as late as
    INTERVAL. A start collects at once, so that some turns are closer."""
    distances = [after - before for before, after in zip(stamps, stamps[1:])]
    if max(distances) > INTERVAL:
        sys.exit(f"a gap: {distances}")
    return f"no gap in {len(stamps)} turns, {distances} s apart"
