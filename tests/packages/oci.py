#!/usr/bin/env python3
"""Reads the container image with skopeo, and starts it with crun: its lines arrive at a loopback receiver.

usage: tests/packages/oci.py    as root

The agent is target/static/x86_64/mini-monitor; the other processors have the same file here.
"""

import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile

sys.dont_write_bytecode = True

from common import AGENT, PATIENCE, ROOT, Receiver, run, run_tests

LAYOUT = os.path.join(ROOT, "target/oci")


def build_image(*targets):
    result = run([f"{ROOT}/contrib/oci/image", *targets])
    assert result.returncode == 0, result.stdout
    return result.stdout.decode().split(": ")[0].rpartition(":")[2]


def skopeo(*words):
    result = subprocess.run(["skopeo", *words], stdout=subprocess.PIPE, timeout=100, check=True)
    return json.loads(result.stdout) if result.stdout else None


def tree():
    """The names and bytes of the layout's files."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(LAYOUT) for name in names]
    contents = {}
    for path in paths:
        with open(path, "rb") as file:
            contents[path] = file.read()
    return contents


def test_skopeo_reads_the_image_of_each_processor():
    targets = ["x86_64"]
    targets += [name for name in ("mips", "aarch64", "armv7") if os.path.exists(AGENT.replace("x86_64", name))]
    version = build_image(*targets)
    files = tree()
    build_image(*targets)
    assert tree() == files, "other bytes at the second time"
    for path, contents in files.items():
        if "/blobs/" in path:
            assert os.path.basename(path) == hashlib.sha256(contents).hexdigest()
            assert not contents.startswith(b"\x1f\x8b") or contents[4:8] == bytes(4), "a time in the compressed file"
    raw = skopeo("inspect", "--raw", f"oci:{LAYOUT}:{version}")
    names = {"x86_64": "amd64", "mips": "mips", "aarch64": "arm64", "armv7": "arm"}
    assert [item["platform"]["architecture"] for item in raw["manifests"]] == [names[name] for name in targets], raw
    for target in targets:
        variant = ["--override-variant", "v7"] if target == "armv7" else []
        words = ["--override-arch", names[target], *variant, "inspect", "--config", f"oci:{LAYOUT}:{version}"]
        config = skopeo(*words)
        assert config["architecture"] == names[target], config
        assert config["config"]["User"] == "65534:65534" and config["config"]["Entrypoint"] == [
            "/mini-monitor",
            "-proc",
            "/host/proc",
            "-sys",
            "/host/sys",
            "-root",
            "/host",
        ], config
    # skopeo copies an image only if digests, sizes and types are right.
    with tempfile.TemporaryDirectory(prefix="oci-") as folder:
        skopeo("copy", "--quiet", "--all", f"oci:{LAYOUT}:{version}", f"dir:{folder}/copy")
    assert run([f"{ROOT}/contrib/oci/image", "powerpc"]).returncode == 1


def test_crun_starts_the_image_without_privileges():
    version = build_image("x86_64")
    receiver = Receiver()
    with tempfile.TemporaryDirectory(prefix="oci-") as folder, contextlib.closing(receiver):
        skopeo("copy", "--quiet", f"oci:{LAYOUT}:{version}", f"dir:{folder}/image")
        config = skopeo("inspect", "--config", f"oci:{LAYOUT}:{version}")["config"]
        manifest = skopeo("inspect", "--raw", f"dir:{folder}/image")
        with open(f"{folder}/image/{manifest['layers'][0]['digest'].partition(':')[2]}", "rb") as file:
            data = file.read()
        with tarfile.open(fileobj=io.BytesIO(data), mode="r:gz") as archive:
            members = {(m.name, oct(m.mode), m.uid, m.gid) for m in archive}
            archive.extractall(f"{folder}/rootfs")
        licences = {(name, "0o644", 0, 0) for name in ("LICENSE", "third-party.txt")}
        assert members == {*licences, ("mini-monitor", "0o755", 0, 0)}, members
        os.chmod(folder, 0o755)
        os.chmod(f"{folder}/rootfs", 0o755)
        subprocess.run(["crun", "spec"], cwd=folder, check=True)
        with open(f"{folder}/config.json", encoding="utf-8") as file:
            spec = json.load(file)
        flags = ["-trans", receiver.address, "-interval", "1s", "-flush", "1s", "-tag", "from=container", "-buffer", "64K"]
        uid, gid = (int(word) for word in config["User"].split(":"))
        spec["process"].update(args=config["Entrypoint"] + flags, terminal=False, capabilities={})
        spec["process"]["user"] = {"uid": uid, "gid": gid}
        mount = {"source": "/", "destination": "/host", "type": "bind", "options": ["rbind", "rslave", "ro"]}
        spec["mounts"].append(mount)
        # The container has the host's network, to reach the receiver.
        spaces = spec["linux"]["namespaces"]
        spec["linux"]["namespaces"] = [item for item in spaces if item["type"] not in ("network", "cgroup")]
        spec["mounts"] = [mount for mount in spec["mounts"] if mount["type"] not in ("cgroup", "sysfs")]
        spec["linux"].pop("resources", None)
        with open(f"{folder}/config.json", "w", encoding="utf-8") as file:
            json.dump(spec, file)
        # crun refuses a machine that has control groups of both versions: it sees those of the second one only.
        script = "umount -l -R /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup || mount -t tmpfs none /sys/fs/cgroup"
        crun = ["crun", "--root", f"{folder}/state", "--cgroup-manager", "disabled", "run", "--bundle", folder, "test"]
        words = ["unshare", "--mount", "sh", "-c", script + '; exec "$@"', "sh", *crun]
        process = subprocess.Popen(words, stderr=subprocess.PIPE)
        try:
            line = receiver.line(lambda line: line["metric"] == "mem.total" and "from=container" in line["tag"])
            with open("/proc/meminfo", encoding="utf-8") as file:
                assert line["value"] == int(file.readline().split()[1]) * 1024, line
            with open(f"{folder}/state/test/status", encoding="utf-8") as file:
                pid = json.load(file)["pid"]
            with open(f"/proc/{pid}/status", encoding="utf-8") as file:
                status = file.read()
            assert f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}\n" in status and "CapEff:\t0000000000000000\n" in status, status
            process.terminate()
            assert process.wait(PATIENCE) == 0
        except Exception:
            process.terminate()
            print(process.communicate(timeout=PATIENCE)[1].decode(errors="replace"))
            raise


if __name__ == "__main__":
    if os.geteuid() != 0:
        sys.exit("oci.py: a container needs root")
    if not os.path.exists(AGENT):
        sys.exit(f"oci.py: there is no {AGENT}: make static TARGET=x86_64")
    sys.exit(run_tests([test for name, test in globals().items() if name.startswith("test_")]))
