#!/usr/bin/env python3
"""What make dist packs for x86_64: the same bytes twice, all files, no link to one that is missing, sums and a bill of
materials that are true.

usage: tests/packages/dist.py
"""

import glob
import hashlib
import json
import os
import re
import subprocess
import sys
import tarfile
import tempfile

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TARGET = "x86_64"
OUT = os.path.join(ROOT, "target/dist")
PAGES = [os.path.relpath(page, ROOT) for page in glob.glob(os.path.join(ROOT, "docs/*.md"))]
FILES = """CHANGELOG.md CONTRIBUTING.md LICENSE README.md docs/graph.png grafana/mini-monitor.json man/mini-monitor.8
man/mini-monitor.json.5 mini-monitor mini-monitor.json openrc/mini-monitor openrc/mini-monitor.confd
openwrt/mini-monitor.config openwrt/mini-monitor.init reference.json sbom.cdx.json systemd/mini-monitor.conf
systemd/mini-monitor.service third-party.txt""".split()
# What no crate of cargo's is.
LIBRARIES = {"musl", "compiler_rt"}


def pack(umask):
    subprocess.run([os.path.join(ROOT, "contrib/static/dist"), TARGET], check=True, stdout=subprocess.PIPE, umask=umask)
    found = {}
    for name in os.listdir(OUT):
        with open(os.path.join(OUT, name), "rb") as file:
            found[name] = file.read()
    return found


def sum_of(content):
    return hashlib.sha256(content).hexdigest()


def check(condition, what):
    if not condition:
        sys.exit(f"dist: {what}")


def main():
    packed = pack(0o022)
    check(pack(0o077) == packed, "two archives differ")
    sums = dict(reversed(line.split()) for line in packed.pop("SHA256SUMS").decode().splitlines())
    check(sums == {name: sum_of(content) for name, content in packed.items()}, "SHA256SUMS is wrong")

    (archive,) = glob.glob(os.path.join(OUT, "*.tar.gz"))
    name = os.path.basename(archive).removesuffix(".tar.gz")
    with tarfile.open(archive) as tar, tempfile.TemporaryDirectory() as folder:
        files = [member.name.removeprefix(f"{name}/") for member in tar.getmembers() if member.isfile()]
        check(sorted(files) == sorted(FILES + PAGES), f"the archive has {files}")
        tar.extractall(folder)
        read = lambda file: open(os.path.join(folder, name, file), "rb").read()
        binary, notices = read("mini-monitor"), read("third-party.txt").decode()
        links = 0
        for page in [file for file in files if file.endswith(".md")]:
            for link in re.findall(r"\]\(([^)#]+)", read(page).decode()):
                if "://" not in link:
                    check(os.path.normpath(os.path.join(os.path.dirname(page), link)) in files, f"{page} links to {link}")
                    links += 1
        check(links > 40, f"{links} links only")
        installed = re.findall(r"^    sudo install .* (\S+)$", read("docs/install.md").decode(), re.M)
        check(len(installed) == 4 and set(installed) <= set(files), f"docs/install.md installs {installed}")
        check(read("sbom.cdx.json") == packed[f"{name}.cdx.json"], "two bills of materials")
        version = subprocess.run([os.path.join(folder, name, "mini-monitor"), "-version"], check=True, stdout=subprocess.PIPE)

    bill = json.loads(packed[f"{name}.cdx.json"])
    component = bill["metadata"]["component"]
    check(component["hashes"][0]["content"] == sum_of(binary), "the bill of materials is of another binary")
    check(component["version"] in version.stdout.decode(), "the bill of materials is of another version")
    tools = {tool["name"]: tool["version"] for tool in bill["metadata"]["tools"]["components"]}
    check(set(tools) == {"rustc", "cargo", "zig"}, f"tools: {tools}")

    # What the compiler made for this target.
    built = glob.glob(os.path.join(ROOT, f"target/static/cargo/{TARGET}-*/release/deps/lib*.rlib"))
    crates = {re.match(r"lib(.*)-[0-9a-f]+\.rlib", os.path.basename(path))[1] for path in built} - {"mini_monitor"}
    # A core library that came with rustc is not among these.
    crates |= {"core", "alloc", "compiler_builtins"}
    named = {part["name"] for part in bill["components"]}
    check(named == crates | LIBRARIES, f"the bill of materials has {sorted(named)}, the binary {sorted(crates)}")
    table = notices.split("=====")[0]
    for part in bill["components"]:
        check(re.search(rf"\b{part['name']}\b", table), f"no notice of {part['name']}")
        check(all(part[key] for key in ["version", "licenses"]), f"{part}")
    with open(os.path.join(ROOT, "Cargo.lock")) as file:
        lock = re.findall(r'name = "(.*)"\nversion = "(.*)"\nsource = .*\nchecksum = "(.*)"', file.read())
    for part in bill["components"]:
        if part.get("purl", "").startswith("pkg:cargo/"):
            check((part["name"], part["version"], part["hashes"][0]["content"]) in lock, f"{part} is not in Cargo.lock")
    for text in ["Permission is hereby granted", "Rich Felker", "Zig contributors", "END OF TERMS", "LLVM Exceptions"]:
        check(text in notices, f"the notices lack {text}")
    print(f"dist: the same bytes twice, {len(files)} files, {links} links between them, {len(named)} components, all with notices")


if __name__ == "__main__":
    main()
