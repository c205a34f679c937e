"""What is measured: ours, the floor and the peers; how each is started and who is at its other end."""

import os
import pathlib
import random
import shutil
import socket
import subprocess

import proc
import wire

HERE = pathlib.Path(__file__).parent
PERIOD = 5
ALL = "cpu,load,mem,net,disk,diskio"
LEFT_OUT = ("loop", "ram", "zram", "fd", "sr")


class Agent:
    """A program in the foreground, and `end`, which counts its values."""

    package = None

    def __init__(self, folder, families=ALL):
        self.folder = folder
        self.families = families
        self.process = self.end = None

    def run(self, command, **more):
        with open(f"{self.folder}/log", "a") as log:
            more = {"stdin": subprocess.DEVNULL, "stdout": log, "stderr": log} | more
            self.process = subprocess.Popen(command, **more)

    def setting(self, name, port, **more):
        """The path of a configuration of ours, with the port and so on in it."""
        text = (HERE / name).read_text()
        for key, value in {"PORT": port, "FOLDER": self.folder, **more}.items():
            text = text.replace(f"@{key}@", str(value))
        path = pathlib.Path(self.folder, name)
        path.write_text(text)
        return str(path)

    def words(self, name):
        """The first words of a list's lines, one for each interface or disk where it says so."""
        for line in (HERE / name).read_text().splitlines():
            if line and not line.startswith("#"):
                yield from expand(line.split()[0])

    def copy(self):
        """A file of its own: two that run from the same one share pages, which are private to neither then."""
        path = f"{self.folder}/{self.name}"
        if not os.path.exists(path):
            shutil.copy(self.program, path)
        return path

    def phase(self):
        """Anew in each round, so that nobody always comes right after the same other one."""
        return random.uniform(0, PERIOD)

    def trouble(self):
        """Why it cannot be measured, if so."""
        if self.process.poll() is not None:
            return f"it ended with status {self.process.returncode}, see {self.folder}/log"
        return getattr(self.end, "failure", None)

    def stop(self):
        if self.end:
            self.end.close()
        if self.process and self.process.poll() is None:
            pids = proc.tree(self.process.pid)
            self.process.terminate()
            try:
                self.process.wait(3)
            except subprocess.TimeoutExpired:
                for pid in pids:
                    os.kill(pid, 9)
                self.process.wait()
        self.process = self.end = None


def expand(word):
    names = []
    if "@IFACE@" in word:
        names = [name for name in os.listdir("/sys/class/net") if name != "lo" and not name.startswith("veth")]
    elif "@DISK@" in word:
        names = [name for name in os.listdir("/sys/block") if not name.startswith(LEFT_OUT)]
    else:
        yield word
    for name in names:
        yield word.replace("@IFACE@", name).replace("@DISK@", name)


class Ours(Agent):
    name = "ours"
    program = None

    def start(self):
        self.end = wire.Lines()
        # Its phase comes from its name. Families named without a pace are the only ones that run.
        first, *others = self.families.split(",")
        families = [first] + [f"{family}={PERIOD}s" for family in others]
        self.run(
            [self.copy(), "-trans", f"127.0.0.1:{self.end.port}", "-endpoint", f"peers{random.randrange(10**6):06}"]
            + ["-interval", f"{PERIOD}s", "-flush", f"{PERIOD}s"]
            + ["-metrics", ",".join(families), "-only", "disk=/"]
        )


class Floor(Agent):
    name = "floor"
    program = None
    files = ()
    bytes = 0

    def start(self):
        self.end = wire.Lines()
        command = [self.copy(), str(PERIOD), str(int(self.phase() * 1000)), str(self.bytes), *self.files]
        with socket.create_connection(("127.0.0.1", self.end.port)) as connection:
            self.run(command, stdout=connection)


class Collectd(Agent):
    name = package = "collectd"
    package = "collectd-core"
    program = "collectd"

    def start(self):
        self.end = wire.Datagrams(wire.count_collectd)
        self.run([self.program, "-f", "-P", f"{self.folder}/pid", "-C", self.setting("collectd.conf", self.end.port)])


class Zabbix(Agent):
    name = package = "zabbix-agent"
    program = "zabbix_agentd"

    def start(self):
        port = wire.free_port()
        self.run([self.program, "-f", "-c", self.setting("zabbix_agentd.conf", port)])
        items = list(self.words("zabbix.items"))
        self.end = wire.Asked(lambda: wire.zabbix(port, items), PERIOD, self.phase())


class NodeExporter(Agent):
    name = "node_exporter"
    package = program = "prometheus-node-exporter"

    def start(self):
        port = wire.free_port()
        self.run([self.program, *pathlib.Path(self.setting("node_exporter.flags", port)).read_text().split()])
        self.end = wire.Asked(wire.Exporter(port).ask, PERIOD, self.phase())


class Snmpd(Agent):
    name = package = program = "snmpd"

    def start(self):
        port = wire.free_port()
        # What it keeps from one start to the next does not go where the system's own has it.
        os.environ["SNMP_PERSISTENT_DIR"] = self.folder
        self.run([self.program, "-f", "-r", "-Le", "-C", "-c", self.setting("snmpd.conf", port)])
        self.end = wire.Asked(wire.Snmp(port, self.words("snmpd.columns")).ask, PERIOD, self.phase())


class Gmond(Agent):
    name = program = "gmond"
    package = "ganglia-monitor"

    def start(self):
        self.end = wire.Datagrams(wire.count_gmond)
        # It finds its modules by itself only where they were when it was built.
        modules = next((path.parent for path in pathlib.Path("/usr").glob("lib*/**/ganglia/modcpu.so")), "")
        self.run([self.program, "-f", "-c", self.setting("gmond.conf", self.end.port, MODULES=modules)])


# Each group collects the same families; gmond knows nothing of disk traffic.
PEERS = {ALL: [Collectd, Zabbix, NodeExporter, Snmpd], "cpu,load,mem,net,disk": [Gmond]}


def find(program):
    """Where a program is; those of the administrator are not in everybody's path."""
    return shutil.which(program, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
