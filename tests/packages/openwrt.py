#!/usr/bin/env python3
"""Installs the ipk into a root directory of busybox, runs its init script there, and starts what it asks procd for.

usage: tests/packages/openwrt.py [--fast] [BUSYBOX]    as root

The functions of OpenWrt that the scripts call are stand-ins (tests/packages/openwrt); the part of procd is played here. The
agent is target/static/x86_64/mini-monitor. Without --fast the init script runs in Debian's busybox for MIPS, too, under
qemu-mipsel-static. Needs busybox-static, shellcheck, GNU tar and make.
"""

import contextlib
import io
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True

from common import AGENT, PATIENCE, ROOT, Receiver, members, run, run_tests, wait_for

FEED = os.path.join(ROOT, "contrib/openwrt")
STAND_INS = os.path.join(ROOT, "tests/packages/openwrt")
BUSYBOX = next((word for word in sys.argv[1:] if not word.startswith("-")), "/bin/busybox")
CACHE = os.path.join(ROOT, "target/openwrt")
INIT = "/etc/init.d/mini-monitor"
# Keys of the agent's configuration file that are no options here: for tests, and in `metrics`, `only` and `ignore`.
LEFT_OUT = {"//", "proc", "sys", "root", "families", "custom"}
# Options of the package itself.
OWN = {"enabled", "user", "network"}

HOSTILE = [
    "plain",
    "two words",
    " blanks at both ends ",
    "two  blanks",
    'a "quoted" word',
    "it's",
    "back\\slash and \\n and \\u0041",
    "ends with a backslash\\",
    "$(touch /tmp/owned) `touch /tmp/owned` ${HOME} $HOME $1",
    "; touch /tmp/owned & | > < ( ) { } [ ] * ? ~ # !",
    "%s %d %% %n",
    "-n",
    "-e x",
    "two\nlines",
    "\nlines around\n\n",
    "a\ttab",
    "".join(chr(code) for code in range(1, 32)),
    "\x7f",
    "Zürich, 東京, 😀",
    "\u2028\ufeff",
    "0x10",
    "1e3",
    "007",
    "null",
    '","trans":["evil:1"],"//":"',
    "x" * 3000,
]


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def uci(*sections):
    """A file of UCI, as `uci export` prints it, of sections: a type, a name and options, each a text or a list."""
    text = "package 'mini-monitor'\n"
    for kind, name, options in sections:
        text += f"\nconfig {kind}" + (f" {quoted(name)}" if name else "") + "\n"
        for key, value in options.items():
            values = [("list", item) for item in value] if isinstance(value, list) else [("option", value)]
            text += "".join(f"\t{word} {key} {quoted(item)}\n" for word, item in values)
    return text


def main_section(**options):
    return ("mini-monitor", "main", options)


def build_ipk(arch="x86_64"):
    result = run([f"{FEED}/ipk", "x86_64", arch])
    assert result.returncode == 0, result.stdout
    path = result.stdout.decode().split(":")[0]
    with open(path, "rb") as file:
        return os.path.basename(path), file.read()


class Router:
    """A root directory with busybox, the stand-ins, and what the ipk installs."""

    def __init__(self, folder):
        self.root = folder
        self.shell = []
        for name in ("bin", "dev", "etc/rc.d", "lib/functions", "proc", "sys", "tmp/run", "usr/lib/opkg/info"):
            os.makedirs(f"{folder}/{name}")
        os.symlink("tmp", f"{folder}/var")
        shutil.copy(BUSYBOX, f"{folder}/bin/busybox")
        for name in run([BUSYBOX, "--list"]).stdout.decode().split():
            if name != "busybox":
                os.symlink("busybox", f"{folder}/bin/{name}")
        os.mknod(f"{folder}/dev/null", 0o20666, os.makedev(1, 3))
        shutil.copy(f"{STAND_INS}/functions.sh", f"{folder}/lib/functions.sh")
        shutil.copy(f"{STAND_INS}/procd.sh", f"{folder}/lib/functions/procd.sh")
        shutil.copy(f"{STAND_INS}/rc.common", f"{folder}/etc/rc.common")
        self.write("/etc/passwd", "root:x:0:0:root:/root:/bin/ash\nnobody:x:65534:65534::/:/bin/false\ntoor:x:0:0::/:/bin/ash\n")
        self.write("/etc/group", "root:x:0:\nnogroup:x:65534:\n")
        os.chmod(f"{folder}/tmp", 0o1777)

    def write(self, path, text):
        with open(self.root + path, "w", encoding="utf-8", errors="surrogateescape", newline="") as file:
            file.write(text)

    def read(self, path):
        with open(self.root + path, encoding="utf-8", errors="surrogateescape", newline="") as file:
            return file.read()

    def exists(self, path):
        return os.path.lexists(self.root + path)

    def execute(self, *command):
        return run(["chroot", self.root, "/bin/env", "-i", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", *command])

    def install(self, data):
        """Does what opkg does with a package, and runs its script."""
        parts = members(data)
        files = members(parts["./data.tar.gz"][1])
        with tarfile.open(fileobj=io.BytesIO(parts["./data.tar.gz"][1])) as archive:
            archive.extractall(self.root)
        listed = [name[1:] for name, (member, _) in files.items() if member.isfile()]
        self.write("/usr/lib/opkg/info/mini-monitor.list", "".join(f"{name}\n" for name in listed))
        for name, (member, content) in members(parts["./control.tar.gz"][1]).items():
            if member.isfile():
                path = f"/usr/lib/opkg/info/mini-monitor.{name[2:]}"
                self.write(path, content.decode())
                os.chmod(self.root + path, member.mode)
        return self.execute("/usr/lib/opkg/info/mini-monitor.postinst", "configure")

    def service(self, action):
        """Runs a command of the init script; returns its output and the calls of procd's functions."""
        with contextlib.suppress(FileNotFoundError):
            os.remove(f"{self.root}/tmp/procd.calls")
        command = [*self.shell, "/etc/rc.common", INIT, action] if self.shell else [INIT, action]
        result = self.execute(*command)
        return result, self.calls()

    def calls(self):
        if not self.exists("/tmp/procd.calls"):
            return []
        words = self.read("/tmp/procd.calls").split("\0")[:-1]
        calls = []
        while words:
            count = int(words[0])
            calls.append(words[1 : count + 1])
            words = words[count + 1 :]
        return calls

    def start(self, *sections):
        """Starts the service with that configuration; returns the calls and the agent's configuration."""
        self.write("/etc/config/mini-monitor", uci(*sections))
        result, calls = self.service("start")
        assert result.returncode == 0 and not result.stdout, result
        return calls, json.loads(self.read("/var/etc/mini-monitor.json"))

    def log(self):
        text = self.read("/tmp/log") if self.exists("/tmp/log") else ""
        self.write("/tmp/log", "")
        return text

    def check(self):
        """Runs the check of the agent on its configuration file."""
        return self.execute("/usr/bin/mini-monitor", "-check", "-config", "/var/etc/mini-monitor.json", "-spool", "none")


@contextlib.contextmanager
def router(installed=True):
    with tempfile.TemporaryDirectory(prefix="openwrt-") as folder:
        machine = Router(folder)
        if installed:
            result = machine.install(IPK)
            assert result.returncode == 0 and not result.stdout, result
            with contextlib.suppress(FileNotFoundError):
                os.remove(f"{folder}/tmp/procd.calls")
        yield machine


def instance(calls):
    """The parameters of the one instance, or None."""
    words = [call[0] for call in calls]
    if "open_instance" not in words:
        return None
    assert words.count("open_instance") == words.count("close_instance") == 1, words
    assert words.index("open_service") < words.index("open_instance") < words.index("close_service"), words
    return {call[1]: call[2:] for call in calls if call[0] == "set_param"}


class Procd:
    """Runs the instance as procd does: another one only if the program, its words, its user or its limits are others."""

    def __init__(self, machine):
        self.machine, self.state, self.process = machine, None, None
        self.errors = tempfile.TemporaryFile()

    def apply(self, calls):
        for call in calls:
            if call[0] == "send_signal" and self.process:
                assert call[1:3] == ["mini-monitor", "*"], call
                self.process.send_signal(int(call[3]))
        parameters = instance(calls)
        if parameters is None:
            self.stop()
            return
        contents = []
        for path in parameters["file"]:
            with open(self.machine.root + path, "rb") as file:
                contents.append(file.read())
        state = (parameters["command"], contents, parameters["user"], parameters["group"], parameters["limits"])
        if state != self.state:
            self.stop()
            self.state = state
            self.process = self.spawn(parameters)

    def spawn(self, parameters):
        users = dict(line.split(":")[:3:2] for line in self.machine.read("/etc/passwd").splitlines())
        groups = dict(line.split(":")[:3:2] for line in self.machine.read("/etc/group").splitlines())
        who = f"{users[parameters['user'][0]]}:{groups[parameters['group'][0]]}"
        script = 'root=$1 who=$2; shift 2; mount --bind /proc "$root/proc" && mount --bind /sys "$root/sys" && ' + (
            'exec chroot --groups= --userspec="$who" "$root" "$@"'
        )
        limits = dict(word.split("=") for word in parameters["limits"])

        def limit():
            values = [int(word) for word in limits["nofile"].split()]
            resource.setrlimit(resource.RLIMIT_NOFILE, (values[0], values[-1]))

        return subprocess.Popen(
            ["unshare", "-m", "sh", "-c", script, "sh", self.machine.root, who, *parameters["command"]],
            env={"PATH": os.environ["PATH"]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=self.errors,
            preexec_fn=limit,
        )

    def log(self):
        """Standard error of the agent."""
        self.errors.seek(0)
        return self.errors.read().decode(errors="replace")

    def stop(self):
        if self.process:
            self.process.terminate()
            self.process.wait(PATIENCE)
        self.process = self.state = None


# --- what is tested ---


def test_package_has_the_right_files_modes_and_fields():
    name, data = build_ipk()
    assert data == build_ipk()[1], "other bytes at the second time"
    version = re.search(r'^version = "(.*)"', open(f"{ROOT}/Cargo.toml", encoding="utf-8").read(), re.M)[1]
    assert name == f"mini-monitor_{version}-r1_x86_64.ipk", name
    parts = members(data)
    assert list(parts) == ["./debian-binary", "./data.tar.gz", "./control.tar.gz"], list(parts)
    assert parts["./debian-binary"][1] == b"2.0\n"
    files, control = members(parts["./data.tar.gz"][1]), members(parts["./control.tar.gz"][1])
    for table in (parts, files, control):
        for member, _ in table.values():
            assert (member.uid, member.gid) == (0, 0), member
    modes = {name: oct(member.mode) for name, (member, _) in files.items()}
    assert modes == {
        ".": "0o755",
        "./etc": "0o755",
        "./etc/config": "0o755",
        "./etc/config/mini-monitor": "0o600",
        "./etc/init.d": "0o755",
        "./etc/init.d/mini-monitor": "0o755",
        "./usr": "0o755",
        "./usr/bin": "0o755",
        "./usr/bin/mini-monitor": "0o755",
    }, modes
    with open(AGENT, "rb") as file:
        assert files["./usr/bin/mini-monitor"][1] == file.read()
    modes = {name: oct(member.mode) for name, (member, _) in control.items() if member.isfile()}
    assert modes == {"./control": "0o644", "./conffiles": "0o644", "./postinst": "0o755", "./prerm": "0o755"}, modes
    assert control["./conffiles"][1] == b"/etc/config/mini-monitor\n"
    text = control["./control"][1].decode()
    fields = dict(re.findall(r"^([A-Z][A-Za-z-]*): (.+(?:\n .+)*)$", text, re.M))
    size = sum(member.size for member, _ in files.values())
    times = {str(member.mtime) for table in (parts, files, control) for member, _ in table.values()}
    assert times == {fields["SourceDateEpoch"]} and data[4:8] == bytes(4), times
    expected = {"Package": "mini-monitor", "Version": f"{version}-r1", "Architecture": "x86_64", "License": "MIT"}
    expected.update({"Require-User": "mini-monitor:mini-monitor", "Installed-Size": str(size)})
    for key, value in expected.items():
        assert fields.get(key) == value, (key, fields.get(key))
    assert {"Description", "Maintainer", "Section"} <= set(fields) and "Depends" not in fields, fields
    assert all(re.match(r"[A-Z][A-Za-z-]*: .|  ?\S", line) for line in text.splitlines()), text
    for script in ("./postinst", "./prerm"):
        result = run(["shellcheck", "-s", "dash", "-e", "SC1090", "-"], input=control[script][1])
        assert result.returncode == 0, result.stdout.decode()


def test_toolchain_of_root_leaves_the_folder_to_the_user():
    """sudo make toolchain, and then make ipk without it."""
    with tempfile.TemporaryDirectory(prefix="toolchain-") as folder:
        shutil.copytree(f"{ROOT}/contrib/static", f"{folder}/contrib/static")
        os.mkdir(f"{folder}/bin")
        # Rust is there, and pip installs a file.
        for name, script in {"dpkg": "", "python3": 'for word; do case $word in */zig) mkdir -p "$word/ziglang"; esac; done\n'}.items():
            with open(f"{folder}/bin/{name}", "w", encoding="utf-8") as file:
                file.write(f"#!/bin/sh\n{script}")
            os.chmod(f"{folder}/bin/{name}", 0o755)
        for path in (folder, *(os.path.join(top, name) for top, folders, files in os.walk(folder) for name in folders + files)):
            os.chown(path, 1234, 1234)
        result = run([f"{folder}/contrib/static/toolchain", "install"], env={**os.environ, "PATH": f"{folder}/bin:{os.environ['PATH']}"})
        assert result.returncode == 0, result.stdout
        for path in ("target", "target/zig", "target/zig/ziglang"):
            assert os.stat(f"{folder}/{path}").st_uid == 1234, path


def test_each_architecture_has_a_binary_and_each_binary_an_architecture():
    with open(f"{FEED}/architectures", encoding="utf-8") as file:
        rows = [line.split() for line in file if line.strip() and not line.startswith("#")]
    targets = run([f"{ROOT}/contrib/static/row"]).stdout.decode().split()
    assert sorted({target for _, target in rows}) == sorted(targets), rows
    assert len({arch for arch, _ in rows}) == len(rows)
    for words in (["mips", "x86_64"], ["x86_64", "x86"], []):
        result = run([f"{FEED}/ipk", *words])
        assert result.returncode == 1 and b"contrib/openwrt/architectures" in result.stdout, result


def test_scripts_are_clean_and_the_init_script_has_no_code_outside_functions():
    scripts = [f"{FEED}/files/mini-monitor.init", *(os.path.join(STAND_INS, name) for name in os.listdir(STAND_INS))]
    result = run(["shellcheck", "-s", "dash", *scripts])
    assert result.returncode == 0, result.stdout.decode()
    result = run(["shellcheck", f"{FEED}/ipk"])
    assert result.returncode == 0, result.stdout.decode()
    with open(scripts[0], encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert lines[0] == "#!/bin/sh /etc/rc.common"
    outside = [line for line in lines if line and not line.startswith(("\t", "#", "}"))]
    allowed = re.compile(r'[A-Za-z_]+=("[^$`"]*"|[\w/.-]*)$|[a-z_]+\(\) \{$')
    assert all(allowed.match(line) for line in outside), [line for line in outside if not allowed.match(line)]
    assert "START=95" in lines and "USE_PROCD=1" in lines


def sample():
    """The sample configuration with its examples."""
    with open(f"{FEED}/files/mini-monitor.config", encoding="utf-8") as file:
        text = file.read()
    return re.sub(r"^(\t?)#(?=config |\t?(?:option|list) )", r"\1", text, flags=re.M)


def test_sample_documents_every_option_and_the_agent_accepts_it():
    with open(f"{ROOT}/contrib/reference.json", encoding="utf-8") as file:
        pairs = json.load(file, object_pairs_hook=list)
    # A name of UCI has no dash.
    keys = {key.replace("-", "_") for key, _ in pairs if key not in LEFT_OUT}
    custom = {key for item in dict(pairs)["custom"] for key, _ in item}
    sections = re.split(r"^config ", sample(), flags=re.M)[1:]
    options = {part.split()[0]: set(re.findall(r"^\t(?:option|list) (\w+) '", part, re.M)) for part in sections}
    assert options["mini-monitor"] == keys | OWN, options["mini-monitor"] ^ (keys | OWN)
    assert options["metric"] | options["script"] == custom | {"line"}, options
    with router() as machine:
        # As it is installed: the defaults of the agent.
        result, _ = machine.service("start")
        assert result.returncode == 0, result
        document = json.loads(machine.read("/var/etc/mini-monitor.json"))
        document.pop("//")
        assert document == {"trans": ["127.0.0.1:6000"], "spool": "/tmp/run/mini-monitor/spool"}, document
        assert machine.check().returncode == 0
        # With all examples, but for what excludes each other: line and key, via and several addresses.
        text = re.sub(r"^\toption line .*\n|^\toption via .*\n", "", sample(), flags=re.M)
        machine.write("/etc/config/mini-monitor", text)
        result, _ = machine.service("start")
        document = json.loads(machine.read("/var/etc/mini-monitor.json"))
        # The service has the user, and not the agent.
        in_file = {key.replace("_", "-") for key in keys} - {"user", "via"} | {"custom", "//"}
        assert set(document) == in_file, set(document) ^ in_file
        assert {key for item in document["custom"] for key in item} == custom - {"line"}, document
        result = machine.check()
        assert result.returncode == 0, result.stdout.decode()
        assert machine.log() == ""


def test_documentation_names_what_there_is():
    with open(f"{ROOT}/docs/openwrt.md", encoding="utf-8") as file:
        text = file.read()
    known = set(re.findall(r"^\t(option|list) (\w+) ", sample(), re.M))
    named = re.findall(r"(option|list) (\w+) '", text)
    named += [("list", name) for name in re.findall(r"add_list mini-monitor\.main\.(\w+)=", text)]
    assert len(named) > 8
    for kind, name in named:
        assert (kind, name) in known, (kind, name)
    with open(f"{FEED}/files/mini-monitor.init", encoding="utf-8") as file:
        script = file.read()
    for path in ("/var/etc/mini-monitor.json", "/tmp/run/mini-monitor"):
        assert path in text and f"={path}\n" in script, path
    with router() as machine:
        blocks = re.findall(r"^    (config .*\n(?:(?:    .*)?\n)*)", text, re.M)
        machine.write("/etc/config/mini-monitor", re.sub("^    ", "", "".join(blocks), flags=re.M))
        result, _ = machine.service("start")
        assert result.returncode == 0 and machine.check().returncode == 0, machine.check()
        assert len(json.loads(machine.read("/var/etc/mini-monitor.json"))["custom"]) == 2
        assert machine.log() == ""


def test_hostile_values_arrive_exactly():
    with router() as machine:
        for value in [*HOSTILE, "not UTF-8: \udcff\udc80 end"]:
            sections = [
                main_section(trans=[value, "a:1", value], endpoint=value, tag=[value], only=value, spool=value, listen=value),
                ("metric", "", {"metric": value, "file": value, "key": value, "tag": [value, "b"], "line": "x" + value}),
                ("script", "named", {"exec": value, "user": value}),
            ]
            machine.write("/etc/config/mini-monitor", uci(*sections))
            result, calls = machine.service("start")
            assert result.returncode == 0 and not result.stdout, result
            assert instance(calls)["command"] == ["/usr/bin/mini-monitor", "-config", "/var/etc/mini-monitor.json"]
            document = json.loads(machine.read("/var/etc/mini-monitor.json"))
            document.pop("//")
            assert document == {
                "trans": [value, "a:1", value],
                "endpoint": value,
                "tag": [value],
                "only": [value],
                "spool": value,
                "listen": value,
                "custom": [
                    {"metric": value, "file": value, "key": value, "tag": [value, "b"], "line": "x" + value},
                    {"exec": value, "user": value},
                ],
            }, (value, document)
            assert not machine.exists("/tmp/owned"), value
        assert machine.log() == ""


def test_the_agent_accepts_what_it_accepts_on_its_command_line():
    accepted = 0
    with router() as machine:
        for value in HOSTILE:
            machine.start(main_section(endpoint=value, tag=[value], header=["X: " + value], trans=["http://127.0.0.1:9/write"]))
            flags = ["-endpoint", value, "-tag", value, "-header", "X: " + value, "-trans", "http://127.0.0.1:9/write"]
            direct = machine.execute("/usr/bin/mini-monitor", "-check", *flags)
            through = machine.check()
            assert (direct.returncode == 0) == (through.returncode == 0), (value, direct, through)
            accepted += direct.returncode == 0
    assert accepted > len(HOSTILE) // 2, accepted


def test_commands_reach_the_shell_as_they_are():
    with router() as machine:
        machine.start(
            main_section(trans="-", endpoint="r", metrics="agent=off", spool="none"),
            ("script", "", {"exec": "printf 'a.b %d x=%s\\n' 7 \"$(echo it\\'s)\" # '\"", "interval": "1s"}),
        )
        result = machine.execute("/usr/bin/mini-monitor", "-once", "-config", "/var/etc/mini-monitor.json")
        lines = [json.loads(line) for line in result.stdout.decode().splitlines() if line.startswith("{")]
        found = [line for line in lines if line["metric"] == "a.b"]
        assert found and found[0]["value"] == 7 and "x=it's" in found[0]["tag"], result.stdout.decode()


def test_kinds_of_values():
    with router() as machine:
        for text, value in [("1", True), ("on", True), ("yes", True), ("0", False), ("off", False), ("maybe", "maybe")]:
            assert machine.start(main_section(gzip=text))[1]["gzip"] == value, text
        assert "gzip" not in machine.start(main_section(gzip=""))[1]
        numbers = [("3", 3), ("-3", -3), ("0", 0), ("007", "007"), ("1.5", "1.5"), ("-", "-"), ("2x", "2x"), ("--1", "--1")]
        for text, value in numbers:
            section = ("metric", "", {"metric": "a", "file": "/f", "scale": text})
            assert machine.start(main_section(), section)[1]["custom"][0]["scale"] == value, text
        assert machine.start(main_section(trans="a:1"))[1]["trans"] == ["a:1"]
        # The agent's error names the key of a value that it does not accept.
        machine.start(main_section(gzip="maybe"))
        assert b"gzip" in machine.check().stdout
        # Without the section, or with another section before it.
        assert set(machine.start()[1]) == {"//", "spool"}
        assert machine.start(("metric", "", {"metric": "a", "file": "/f"}), main_section(tag=["x"]))[1]["tag"] == ["x"]


def test_unknown_options_and_sections_are_logged():
    with router() as machine:
        machine.start(main_section(intervall="1s"), ("metrik", "", {"x": "1"}), ("metric", "", {"exec": "x"}))
        log = machine.log()
        for part in ("option intervall of mini-monitor", "section metrik", "option exec of metric"):
            assert part in log, log
        machine.start(main_section(interval="1s"))
        assert machine.log() == ""


def test_instance_has_its_user_limits_and_triggers():
    with router() as machine:
        calls, _ = machine.start(main_section(network=["wan", "wan_6", "lan; reboot"], trans="a:1"))
        parameters = instance(calls)
        assert parameters["respawn"] == ["60", "5", "0"], parameters
        assert parameters["user"] == ["mini-monitor"] and parameters["group"] == ["mini-monitor"], parameters
        assert parameters["file"] == ["/usr/bin/mini-monitor"] and parameters["stderr"] == ["1"], parameters
        assert parameters["limits"] == ["nofile=1024 4096", "core=0"], parameters
        assert "reload_signal" not in parameters and "pidfile" not in parameters, parameters
        assert [call[1:] for call in calls if call[0] == "reload_trigger"] == [["mini-monitor"]]
        assert [call[1:] for call in calls if call[0] == "interface_trigger"] == [["wan"], ["wan_6"]], calls
        assert "lan; reboot" in machine.log()
        calls, _ = machine.start(main_section())
        assert not [call for call in calls if call[0] == "interface_trigger"]
        # Disabled: nothing runs, but a change of the configuration is noticed.
        calls, _ = machine.start(main_section(enabled="0"))
        assert instance(calls) is None
        assert ["reload_trigger", "mini-monitor"] in calls and ["close_service"] in calls


def test_the_user_is_created_and_never_root_by_mistake():
    with router() as machine:
        for name in ("passwd", "group"):
            lines = machine.read(f"/etc/{name}").splitlines(True)
            machine.write(f"/etc/{name}", "".join(line for line in lines if not line.startswith("mini-monitor:")))
        # The file may have passwords in it: at no time can others read it.
        with open(f"{machine.root}/lib/functions.sh", "a", encoding="utf-8") as file:
            file.write('chown() { ls -ln "$2" >>/tmp/modes; busybox chown "$@"; }\n')
        calls, _ = machine.start(main_section())
        assert instance(calls)["user"] == ["mini-monitor"]
        assert re.search(r"^-rw------- .* /var/etc/mini-monitor.json.new$", machine.read("/tmp/modes"), re.M)
        assert re.search(r"^mini-monitor:x:32768:32768:", machine.read("/etc/passwd"), re.M)
        status = os.stat(f"{machine.root}/var/etc/mini-monitor.json")
        assert (status.st_uid, status.st_gid, oct(status.st_mode)) == (0, 32768, "0o100640"), status
        status = os.stat(f"{machine.root}/tmp/run/mini-monitor")
        assert (status.st_uid, status.st_gid) == (32768, 32768), status
        assert instance(machine.start(main_section(user="root"))[0])["user"] == ["root"]
        assert instance(machine.start(main_section(user="nobody"))[0])["group"] == ["nogroup"]
        for name in ("toor", "missing", "$(id)"):
            assert instance(machine.start(main_section(user=name))[0]) is None, name
            assert f"user {name}" in machine.log()
        # The user cannot be added: an overlay that is full, or read-only.
        text = machine.read("/etc/passwd")
        machine.write("/etc/passwd", re.sub("^mini-monitor:.*\n", "", text, flags=re.M))
        with open(f"{machine.root}/lib/functions.sh", "a", encoding="utf-8") as file:
            file.write("user_add() { return 1; }\n")
        assert instance(machine.start(main_section())[0]) is None
        assert "no user mini-monitor" in machine.log()


def test_a_file_that_cannot_be_written_leaves_the_older_one():
    with router() as machine:
        machine.start(main_section(tag=["a"]))
        os.mkdir(f"{machine.root}/var/etc/mini-monitor.json.new")
        machine.write("/etc/config/mini-monitor", uci(main_section(tag=["b"])))
        assert instance(machine.service("start")[1])
        assert json.loads(machine.read("/var/etc/mini-monitor.json"))["tag"] == ["a"]
        assert "cannot write" in machine.log()
        os.remove(f"{machine.root}/var/etc/mini-monitor.json")
        assert instance(machine.service("start")[1]) is None


def test_check_prints_what_is_in_force_and_changes_nothing():
    with router() as machine:
        machine.start(main_section(tag=["a"]))
        machine.write("/etc/config/mini-monitor", uci(main_section(tag=["site=attic"], interval="7s")))
        before = machine.read("/var/etc/mini-monitor.json")
        result, calls = machine.service("check")
        assert result.returncode == 0 and b"site=attic" in result.stdout and b"7s" in result.stdout, result.stdout.decode()
        machine.write("/etc/config/mini-monitor", uci(main_section(interval="soon")))
        result, more = machine.service("check")
        assert result.returncode == 1 and b"interval" in result.stdout and b"soon" in result.stdout, result
        assert not calls + more and machine.read("/var/etc/mini-monitor.json") == before
        assert sorted(os.listdir(f"{machine.root}/var/etc")) == ["mini-monitor.json"]


def test_from_the_package_to_lines_over_reload_upgrade_and_removal():
    receiver = Receiver()
    with router(installed=False) as machine, contextlib.closing(receiver):
        procd = Procd(machine)
        try:
            result = machine.install(IPK)
            assert result.returncode == 0 and not result.stdout, result
            # The package's script has enabled and started the service.
            assert os.readlink(f"{machine.root}/etc/rc.d/S95mini-monitor") == "../init.d/mini-monitor"
            assert machine.exists("/etc/rc.d/K10mini-monitor")
            procd.apply(machine.calls())
            first = procd.process.pid
            options = {"trans": [receiver.address], "interval": "1s", "flush": "1s", "endpoint": 'a "b" $(c)'}
            hostile = ["t=it's \\ 東京\n$(x)"]

            def reload(**more):
                machine.write("/etc/config/mini-monitor", uci(main_section(**options, **more)))
                result, calls = machine.service("reload")
                assert result.returncode == 0, result
                # The signal comes before all else: a new process may not handle it yet.
                assert calls[0][0] == "send_signal" and calls[1][0] == "open_service", calls
                procd.apply(calls)

            # What the agent has opened is the sign that it handles signals.
            wait_for(lambda: machine.exists("/tmp/run/mini-monitor/spool"))
            reload(tag=["first"])
            assert receiver.line(lambda line: "first" in line["tag"])["endpoint"] == 'a "b" $(c)'
            assert procd.process.pid == first
            with open(f"/proc/{first}/status", encoding="utf-8") as file:
                status = file.read()
            uid = re.search(r"^mini-monitor:x:(\d+)", machine.read("/etc/passwd"), re.M)[1]
            assert re.search(rf"^Uid:\t{uid}\t{uid}\t{uid}\t{uid}$", status, re.M) and uid != "0", status
            assert re.search(r"^CapEff:\t0+$", status, re.M), status
            # Another tag: the same process, and the same connection.
            connection = receiver.connection
            result, _ = machine.service("check")
            assert result.returncode == 0 and b"first" in result.stdout, result.stdout.decode()
            reload(tag=hostile)
            receiver.line(lambda line: hostile[0] in line["tag"])
            assert procd.process.pid == first and receiver.connection is connection
            # An invalid value is no reason to stop.
            reload(tag=["ignored"], timeout="soon")
            wait_for(lambda: "mini-monitor.json" in procd.log() and '"soon"' in procd.log())
            receiver.line(lambda line: hostile[0] in line["tag"])
            assert procd.process.poll() is None
            # Another program (the note at its end changes nothing): a start is enough for a restart.
            reload(tag=["third"])
            with open(f"{machine.root}/usr/bin/mini-monitor", "rb") as file:
                program = file.read()
            os.remove(f"{machine.root}/usr/bin/mini-monitor")
            with open(f"{machine.root}/usr/bin/mini-monitor", "wb") as file:
                file.write(program + b"\n")
            os.chmod(f"{machine.root}/usr/bin/mini-monitor", 0o755)
            procd.apply(machine.service("start")[1])
            assert procd.process.pid != first
            second = procd.process.pid
            receiver.line(lambda line: line["metric"] == "agent.start.s")
            procd.apply(machine.service("start")[1])
            assert procd.process.pid == second, "a start without a change is no restart"
            # Disabled by the configuration.
            machine.write("/etc/config/mini-monitor", uci(main_section(enabled="0")))
            procd.apply(machine.service("reload")[1])
            assert procd.process is None
            result = machine.execute("/usr/lib/opkg/info/mini-monitor.prerm", "remove")
            assert result.returncode == 0 and ["kill", "mini-monitor"] in machine.calls(), result
            assert os.listdir(f"{machine.root}/etc/rc.d") == []
        except Exception:
            print(procd.log())
            raise
        finally:
            procd.stop()


def test_package_scripts_do_nothing_in_an_image_builder():
    with router() as machine:
        machine.write("/lib/functions.sh", "")
        for script in ("postinst", "prerm"):
            result = machine.execute(f"/usr/lib/opkg/info/mini-monitor.{script}")
            assert result.returncode == 0 and not result.stdout, result


def test_feed_makefile_defines_the_package():
    """With stand-ins for OpenWrt's files: the variables are set, and the recipes install the files."""
    with tempfile.TemporaryDirectory(prefix="openwrt-") as folder:
        tree = {
            "rules.mk": "PKG_BUILD_DIR=$(TOPDIR)/build\nPKG_INSTALL_DIR=$(TOPDIR)/installed\n"
            "INSTALL_DIR=install -d -m0755\nINSTALL_BIN=install -m0755\nINSTALL_CONF=install -m0600\nSTRIP=false\nRSTRIP=false\n",
            "include/package.mk": "define BuildPackage\n$(eval $(Package/$(1)))\nall:\n"
            "\t@echo title=$(TITLE) section=$(SECTION) user=$(USERID) depends='$(DEPENDS)'\n"
            "\t@echo name=$(PKG_NAME) version=$(PKG_VERSION) source=$(PKG_SOURCE) build=$(PKG_BUILD_DEPENDS)\n"
            "\t@echo conffiles=$(Package/$(1)/conffiles)\n\t$(Build/Prepare)\n\t$(Build/Compile)\n"
            "\t$(call Package/$(1)/install,$(TOPDIR)/root)\nendef\n",
            "feeds/packages/lang/rust/rust-package.mk": "RUST_ARCH_DEPENDS=@(mips||x86_64)\n"
            "Build/Compile=install -D $(firstword $(MAKEFILE_LIST)) $(PKG_INSTALL_DIR)/bin/mini-monitor; echo $(CARGO_RUSTFLAGS)\n",
        }
        for path, text in tree.items():
            os.makedirs(os.path.dirname(f"{folder}/{path}"), exist_ok=True)
            with open(f"{folder}/{path}", "w", encoding="utf-8") as file:
                file.write(text)
        for words, depends, source in (([], "@(mips||x86_64)", True), ([f"MINI_MONITOR_BINARY={AGENT}"], "", False)):
            shutil.rmtree(f"{folder}/root", ignore_errors=True)
            result = run(["make", "-s", "-C", FEED, f"TOPDIR={folder}", f"INCLUDE_DIR={folder}/include", *words])
            text = result.stdout.decode()
            assert result.returncode == 0, text
            assert f"depends={depends}\n" in text and "user=mini-monitor:mini-monitor" in text, text
            assert ("source=mini-monitor-" in text) == source and ("build=rust/host" in text) == source, text
            assert ("--cfg=libc_unstable_musl_v1_2" in text) == source, text
            assert "conffiles=/etc/config/mini-monitor" in text, text
            for path, mode in (("usr/bin/mini-monitor", 0o755), (INIT[1:], 0o755), ("etc/config/mini-monitor", 0o600)):
                assert os.stat(f"{folder}/root/{path}").st_mode & 0o777 == mode, path
        with open(f"{folder}/root/usr/bin/mini-monitor", "rb") as one, open(AGENT, "rb") as other:
            assert one.read() == other.read()
        with open(f"{FEED}/Makefile", encoding="utf-8") as file:
            version = re.search("^PKG_VERSION:=(.*)$", file.read(), re.M)[1]
        with open(f"{ROOT}/Cargo.toml", encoding="utf-8") as file:
            assert f'\nversion = "{version}"\n' in file.read()


def test_the_same_bytes_in_the_shell_of_a_mips_router():
    with router() as machine:
        os.mkdir(f"{machine.root}/mipsel")
        shutil.copy(mips_busybox(), f"{machine.root}/mipsel/busybox")
        shutil.copy(shutil.which("qemu-mipsel-static"), f"{machine.root}/bin/qemu-mipsel-static")
        script = ("script", "", {"exec": HOSTILE[8]})
        sections = [main_section(tag=HOSTILE, endpoint=HOSTILE[16], network=["wan"]), ("metric", "", {"scale": "-3"}), script]
        native = machine.start(*sections)
        text = machine.read("/var/etc/mini-monitor.json")
        os.remove(f"{machine.root}/var/etc/mini-monitor.json")
        machine.shell = ["/bin/qemu-mipsel-static", "/mipsel/busybox", "ash"]
        assert machine.start(*sections) == native
        assert machine.read("/var/etc/mini-monitor.json") == text
        assert native[1]["tag"] == HOSTILE


def mips_busybox():
    """Debian's busybox for MIPS, which is downloaded once."""
    path = f"{CACHE}/unpacked/bin/busybox"
    if not os.path.exists(path):
        for name in ("lists/partial", "cache/archives/partial"):
            os.makedirs(f"{CACHE}/{name}", exist_ok=True)
        for name, text in (("status", ""), ("sources.list", "deb [trusted=yes] http://deb.debian.org/debian bookworm main\n")):
            with open(f"{CACHE}/{name}", "w", encoding="utf-8") as file:
                file.write(text)
        settings = {"Dir::State": CACHE, "Dir::State::lists": f"{CACHE}/lists", "Dir::State::status": f"{CACHE}/status"}
        settings.update({"Dir::Cache": f"{CACHE}/cache", "Dir::Etc::sourcelist": f"{CACHE}/sources.list"})
        settings.update({"Dir::Etc::sourceparts": "/dev/null", "APT::Architecture": "mipsel", "APT::Architectures": "mipsel"})
        apt = ["apt-get", "-q", *(f"-o{key}={value}" for key, value in settings.items())]
        for words in (["update"], ["download", "busybox-static:mipsel"]):
            result = run([*apt, *words], cwd=CACHE)
            assert result.returncode == 0, result.stdout.decode()
        package = next(name for name in os.listdir(CACHE) if name.endswith(".deb"))
        run(["dpkg", "-x", f"{CACHE}/{package}", f"{CACHE}/unpacked"])
        shutil.rmtree(f"{CACHE}/lists")
    return path


def main():
    tests = [test for name, test in globals().items() if name.startswith("test_")]
    if "--fast" in sys.argv:
        tests.remove(test_the_same_bytes_in_the_shell_of_a_mips_router)
    return run_tests(tests)


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("openwrt.py: a root directory of its own needs root")
    if not os.path.exists(AGENT):
        sys.exit(f"openwrt.py: there is no {AGENT}: make static TARGET=x86_64")
    IPK = build_ipk()[1]
    sys.exit(main())
