#!/usr/bin/env python3
"""Installs the apk into a root directory of busybox, and runs its service there under Debian's OpenRC.

usage: tests/packages/alpine.py    as root

The agent is target/static/x86_64/mini-monitor. OpenRC is downloaded and unpacked below target/openrc; it is not installed.
Alpine's own tools are not here: the archive is read by the documentation of its format.
"""

import contextlib
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True

from common import AGENT, PATIENCE, ROOT, Receiver, run, run_tests, wait_for

BUSYBOX = "/bin/busybox"
CACHE = os.path.join(ROOT, "target/openrc")
PACKAGES = ["openrc", "libeinfo1", "librc1"]
STATES = "starting started stopping inactive wasinactive failed hotplugged daemons options exclusive scheduled tmp"


def build_apk():
    result = run([f"{ROOT}/contrib/alpine/apk", "x86_64"])
    assert result.returncode == 0, result.stdout
    with open(os.path.join(ROOT, result.stdout.decode().split(":")[0]), "rb") as file:
        return file.read()


def parts(data):
    """The compressed parts of an apk."""
    found = []
    while data:
        # The end of a member is where another one begins.
        ends = [match.start() for match in re.finditer(b"\x1f\x8b\x08", data)][1:] + [len(data)]
        for end in ends:
            with contextlib.suppress(EOFError, OSError):
                gzip.decompress(data[:end])
                found.append(data[:end])
                data = data[end:]
                break
    return found


def members(part):
    """The members of a part, which need not have the end of an archive."""
    with tarfile.open(fileobj=io.BytesIO(gzip.decompress(part) + bytes(1024))) as archive:
        return {m.name: (m, archive.extractfile(m).read() if m.isfile() else None) for m in archive}


def unpacked_openrc():
    path = f"{CACHE}/root"
    if not os.path.exists(path):
        os.makedirs(CACHE, exist_ok=True)
        result = run(["apt-get", "-q", "download", *PACKAGES], cwd=CACHE)
        assert result.returncode == 0, result.stdout.decode()
        folder = tempfile.mkdtemp(dir=CACHE)
        for name in os.listdir(CACHE):
            if name.endswith(".deb"):
                subprocess.run(["dpkg", "-x", f"{CACHE}/{name}", folder], check=True)
        os.rename(folder, path)
    return path


def make_root(folder):
    """A root directory with busybox and OpenRC in place of Alpine."""
    for name in ("bin", "dev", "etc/runlevels/default", "proc", "run", "sys", "tmp", "var/log", "var/lib", "lib64", "usr/bin"):
        os.makedirs(f"{folder}/{name}")
    os.chmod(folder, 0o755)
    os.symlink("../run", f"{folder}/var/run")
    shutil.copy(BUSYBOX, f"{folder}/bin/busybox")
    for name in run([BUSYBOX, "--list"]).stdout.decode().split():
        if name != "busybox":
            os.symlink("busybox", f"{folder}/bin/{name}")
    openrc = unpacked_openrc()
    subprocess.run(["cp", "-a", *(f"{openrc}/{name}" for name in ("etc", "lib", "sbin")), folder], check=True)
    environment = dict(os.environ, LD_LIBRARY_PATH=f"{openrc}/lib/x86_64-linux-gnu")
    programs = [f"{openrc}/sbin/supervise-daemon", f"{openrc}/sbin/openrc-run", f"{openrc}/sbin/rc-update"]
    for path in set(re.findall(r"(/\S+) \(0x", run(["ldd", *programs], env=environment).stdout.decode())):
        target = f"{folder}/lib64" if "ld-linux" in path else f"{folder}/lib/x86_64-linux-gnu"
        if not path.startswith(openrc):
            shutil.copy(path, target)
    # Debian's OpenRC asks PAM before it changes the user; Alpine has none.
    os.makedirs(f"{folder}/lib/x86_64-linux-gnu/security")
    shutil.copy("/lib/x86_64-linux-gnu/security/pam_permit.so", f"{folder}/lib/x86_64-linux-gnu/security")
    os.makedirs(f"{folder}/etc/pam.d")
    for state in STATES.split():
        os.makedirs(f"{folder}/run/openrc/{state}")
    os.mknod(f"{folder}/dev/null", 0o20666, os.makedev(1, 3))
    files = {
        "run/openrc/softlevel": "default\n",
        "etc/insserv.conf": "",
        "etc/pam.d/other": "".join(f"{kind} required pam_permit.so\n" for kind in ("auth", "account", "password", "session")),
        "etc/passwd": "root:x:0:0::/:/bin/sh\n",
        "etc/group": "root:x:0:\n",
        "etc/shadow": "root:*:::::::\n",
        # The commands of the test, one a line, in the name space that the service lives in.
        "shell.sh": 'while read -r line; do eval "$line" >/tmp/out 2>&1; echo $? >/tmp/status; mv /tmp/status /tmp/done; done\n',
        # A service that Debian's package has under another name.
        "etc/init.d/localmount": "#!/sbin/openrc-run\nstart() { :; }\n",
        # What Alpine has and Debian's busybox has not. The name is the last word.
        "bin/getent": '#!/bin/sh\ngrep "^$2:" "/etc/$1"\n',
        "bin/addgroup": '#!/bin/sh\n[ "$*" = "-S mini-monitor" ] && echo "mini-monitor:x:101:" >>/etc/group\n',
        "bin/adduser": "#!/bin/sh\nfor name; do :; done\n"
        'case "$*" in "-S -D -H -h /var/lib/mini-monitor -s /sbin/nologin -G mini-monitor "*) ;; *) exit 1 ;; esac\n'
        'echo "$name:x:100:101:$name:/var/lib/mini-monitor:/sbin/nologin" >>/etc/passwd\n',
    }
    for name, text in files.items():
        with open(f"{folder}/{name}", "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(f"{folder}/{name}", 0o755 if text.startswith("#!") else 0o644)


class Machine:
    """A root directory with the service, and a shell in name spaces of processes and mounts."""

    def __init__(self, folder):
        self.root = folder
        make_root(folder)
        script = 'mount -t proc proc "$1/proc" && mount --bind /sys "$1/sys" && exec chroot "$1" /bin/env -i PATH=/bin:/sbin sh shell.sh'
        self.shell = subprocess.Popen(
            ["unshare", "--mount", "--pid", "--fork", "--kill-child", "sh", "-c", script, "sh", folder], stdin=subprocess.PIPE
        )

    def execute(self, command):
        """Runs a command; returns its status and output."""
        self.shell.stdin.write(command.encode() + b"\n")
        self.shell.stdin.flush()
        wait_for(lambda: os.path.exists(f"{self.root}/tmp/done"))
        status = int(self.read("tmp/done"))
        os.remove(f"{self.root}/tmp/done")
        return status, self.read("tmp/out")

    def succeed(self, command):
        status, output = self.execute(command)
        assert status == 0, (command, status, output)
        return output

    def read(self, path):
        with open(f"{self.root}/{path}", encoding="utf-8") as file:
            return file.read()

    def install(self, apk):
        """Does what apk does: the script before, the files with their owners, which are found by name."""
        control, data = (members(part) for part in parts(apk))
        for name, (_, text) in control.items():
            if name != ".PKGINFO":
                with open(f"{self.root}/{name[1:]}", "wb") as file:
                    file.write(text)
                os.chmod(f"{self.root}/{name[1:]}", 0o755)
        self.succeed("/pre-install 0.1.0-r0")
        groups = dict(line.split(":")[:3:2] for line in self.read("etc/group").splitlines())
        for name, (member, contents) in data.items():
            path = f"{self.root}/{name}"
            if contents is None:
                os.makedirs(path, exist_ok=True)
            else:
                with open(path, "wb") as file:
                    file.write(contents)
                os.chmod(path, member.mode)
                os.chown(path, 0, int(groups[member.gname]))

    def agent(self):
        """The number of the agent's process in its name space, or None."""
        found = self.execute("ps -o pid,args | grep '[0-9] /usr/bin/mini-monitor -config'")[1].split()
        return int(found[0]) if found else None

    def close(self):
        self.execute("rc-service mini-monitor stop")
        self.shell.stdin.close()
        self.shell.wait(PATIENCE)


def test_package_has_the_form_files_and_fields_of_its_format():
    apk = build_apk()
    assert apk == build_apk(), "other bytes at the second time"
    control, data = parts(apk)
    assert control[4:8] == data[4:8] == bytes(4), "a time in the compressed file"
    # The first part goes on in the second: it must not end the archive.
    assert not gzip.decompress(control).endswith(bytes(1024)) and gzip.decompress(data).endswith(bytes(1024))
    scripts = members(control)
    assert list(scripts)[0] == ".PKGINFO"
    assert set(scripts) == {".PKGINFO", ".pre-install", ".pre-upgrade", ".post-upgrade", ".pre-deinstall"}
    fields = dict(line.split(" = ") for line in scripts.pop(".PKGINFO")[1].decode().splitlines())
    with open(f"{ROOT}/Cargo.toml", encoding="utf-8") as file:
        version = re.search('^version = "(.*)"', file.read(), re.M)[1]
    assert fields["pkgname"] == "mini-monitor" and fields["pkgver"] == f"{version}-r0" and fields["arch"] == "x86_64", fields
    assert fields["datahash"] == hashlib.sha256(data).hexdigest() and fields["license"] == "MIT", fields
    files = members(data)
    assert int(fields["size"]) == sum(member.size for member, _ in files.values())
    modes = {name: (oct(member.mode), member.uname, member.gname) for name, (member, text) in files.items() if text is not None}
    assert modes == {
        "etc/conf.d/mini-monitor": ("0o644", "root", "root"),
        "etc/init.d/mini-monitor": ("0o755", "root", "root"),
        "etc/mini-monitor.json": ("0o640", "root", "mini-monitor"),
        "usr/bin/mini-monitor": ("0o755", "root", "root"),
        "usr/share/licenses/mini-monitor/LICENSE": ("0o644", "root", "root"),
        "usr/share/licenses/mini-monitor/third-party.txt": ("0o644", "root", "root"),
    }, modes
    for member, contents in files.values():
        if contents is not None:
            assert member.pax_headers["APK-TOOLS.checksum.SHA1"] == hashlib.sha1(contents).hexdigest(), member
    with open(AGENT, "rb") as file:
        assert files["usr/bin/mini-monitor"][1] == file.read()
    for name, (member, text) in scripts.items():
        assert oct(member.mode) == "0o755", member
        result = run(["shellcheck", "-s", "sh", "-"], input=text)
        assert result.returncode == 0, (name, result.stdout.decode())
    result = run(["shellcheck", f"{ROOT}/contrib/openrc/mini-monitor"])
    assert result.returncode == 0, result.stdout.decode()
    assert run([f"{ROOT}/contrib/alpine/apk", "mips"]).returncode == 1


def test_service_runs_reloads_and_outlives_a_crash():
    receiver = Receiver()
    with tempfile.TemporaryDirectory(prefix="alpine-") as folder, contextlib.closing(receiver):
        machine = Machine(folder)
        try:
            machine.install(build_apk())
            machine.succeed("rc-update add mini-monitor default")
            configuration = {"trans": receiver.address, "interval": "1s", "flush": "1s"}

            def configure(tag):
                with open(f"{folder}/etc/mini-monitor.json", "w", encoding="utf-8") as file:
                    json.dump({**configuration, "tag": tag}, file)

            configure("first")
            machine.succeed("rc-service mini-monitor start")
            receiver.line(lambda line: "first" in line["tag"])
            first = machine.agent()
            status = machine.succeed(f"cat /proc/{first}/status")
            user = re.search("^mini-monitor:[^:]*:([0-9]+):([0-9]+)", machine.read("etc/passwd"), re.M)
            assert user[1] != "0" and re.search(rf"^Uid:\t{user[1]}\t{user[1]}\t", status, re.M), status
            assert re.search(rf"^Gid:\t{user[2]}\t{user[2]}\t", status, re.M), status
            assert os.stat(f"{folder}/var/lib/mini-monitor/spool").st_uid == int(user[1])
            configure("second")
            machine.succeed("rc-service mini-monitor reload")
            receiver.line(lambda line: "second" in line["tag"])
            assert machine.agent() == first
            # Killed: the supervisor starts another one, which goes on from the spool.
            machine.succeed(f"kill -{signal.SIGKILL} {first}")
            wait_for(lambda: machine.agent() not in (None, first))
            receiver.line(lambda line: line["metric"] == "agent.alive")
            assert "recovered" in machine.read("var/log/mini-monitor.log")
            supervisor = machine.succeed("ps -o args | grep '[s]upervise-daemon mini-monitor'")
            assert "--respawn-delay 5 --respawn-max 0" in supervisor, supervisor
            # An upgrade restarts the service, and a removal ends it.
            second = machine.agent()
            machine.succeed("/post-upgrade 0.1.0-r0")
            wait_for(lambda: machine.agent() not in (None, second))
            machine.succeed("/pre-deinstall 0.1.0-r0")
            assert machine.agent() is None and os.listdir(f"{folder}/etc/runlevels/default") == []
        except Exception:
            print(machine.execute("ps; ls -ln /etc/mini-monitor.json /var/lib/mini-monitor; cat /var/log/mini-monitor.log")[1])
            raise
        finally:
            machine.close()


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("alpine.py: a root directory of its own needs root")
    if not os.path.exists(AGENT):
        sys.exit(f"alpine.py: there is no {AGENT}: make static TARGET=x86_64")
    sys.exit(run_tests([test for name, test in globals().items() if name.startswith("test_")]))
