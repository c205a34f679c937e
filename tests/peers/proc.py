"""What /proc says of a program that runs: all its processes and threads taken together."""

import os
import pathlib


def tree(root):
    """The process and all that descend from it."""
    children = {}
    for entry in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            # The name may have blanks and parentheses: the fields begin behind the last one.
            parent = int(entry.read_text().rpartition(")")[2].split()[1])
        except (OSError, ValueError):
            continue
        children.setdefault(parent, []).append(int(entry.parent.name))
    found = [root]
    for pid in found:
        found += children.get(pid, [])
    return found


class Usage:
    """Nanoseconds on a processor and voluntary switches (wake-ups) of each thread until now."""

    def __init__(self, root):
        self.threads = {}
        for pid in tree(root):
            for thread in pathlib.Path(f"/proc/{pid}/task").glob("*"):
                try:
                    nanos = int((thread / "schedstat").read_text().split()[0])
                    status = (thread / "status").read_text()
                except OSError:
                    continue
                switches = int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])
                self.threads[thread.name] = (nanos, switches)

    def since(self, before):
        """Both sums of what came since `before`. What ended meanwhile is left out."""
        sums = [0, 0]
        for name, now in self.threads.items():
            then = before.threads.get(name, (0, 0))
            for place in range(2):
                sums[place] += now[place] - then[place]
        return sums


def memory(root):
    """Resident and private kilobytes, each summed over all processes."""
    resident = private = 0
    for pid in tree(root):
        for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            fields = line.split()
            if fields[0] == "Rss:":
                resident += int(fields[1])
            elif fields[0] in ("Private_Clean:", "Private_Dirty:"):
                private += int(fields[1])
    return resident, private


def disk(root):
    """Bytes of all files that it runs code from: the program, ldd's libraries, loaded plugins."""
    files = set()
    for pid in tree(root):
        for line in pathlib.Path(f"/proc/{pid}/maps").read_text().splitlines():
            fields = line.split(maxsplit=5)
            if "x" in fields[1] and len(fields) == 6 and fields[5].startswith("/"):
                files.add(os.path.realpath(fields[5]))
    return sum(os.path.getsize(file) for file in files)


def kept_files(pid):
    """The files of /proc and /sys that it holds open."""
    files = []
    for entry in sorted(pathlib.Path(f"/proc/{pid}/fd").iterdir(), key=lambda entry: int(entry.name)):
        name = os.readlink(entry)
        if name.startswith(("/proc/", "/sys/")) and not os.path.isdir(name):
            files.append(name.replace(f"/proc/{pid}/", "/proc/self/"))
    return files
