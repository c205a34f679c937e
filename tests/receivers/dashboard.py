#!/usr/bin/env python3
"""Asks VictoriaMetrics and Prometheus for each panel of the dashboard: a query that fails or finds nothing fails.

usage: tests/receivers/dashboard.py AGENT

Both are fed by agents: one of this machine, and one for each captured machine, with its files as /proc and /sys, so that
there are wireless interfaces, sensors and tracked connections. VictoriaMetrics gets Influx lines, so that its names and
those of Prometheus have to be the same.
"""

import json
import os
import re
import subprocess
import sys
import time
import urllib.error
import urllib.parse
from concurrent.futures import ThreadPoolExecutor

# Nothing is left beside the sources.
sys.dont_write_bytecode = True

import databases
from databases import ROOT, request

DASHBOARD = os.path.join(ROOT, "contrib", "grafana", "mini-monitor.json")
FIXTURES = os.path.join(ROOT, "tests", "fixtures")
MACHINES = ["router-6.12", "distinct"]
ADDRESSES = [
    (databases.VictoriaMetrics, "http://127.0.0.1:{}/write"),
    (databases.Prometheus, "http://127.0.0.1:{}/api/v1/write"),
]
# Seconds until each panel has data.
PATIENCE = 40
# What Grafana puts in the place of its own variables.
BUILT_IN = {"$__rate_interval": "1m", "$__interval": "15s", "$__range": "1h"}


def panels(dashboard):
    """All panels, those of rows as well."""
    for panel in dashboard.get("panels", []):
        yield panel
        yield from panels(panel)


def agents(agent, address, folder):
    """Starts an agent for each machine."""
    common = [agent, "-trans", address, "-interval", "1s", "-flush", "1s"]
    # Families of 30 s and 60 s have to come twice within a minute.
    common += ["-metrics", "system=5s,temp=5s,neighbours=5s,kernel=5s,ip=5s,disk=5s,process=5s,agent=1s,wifi=1s"]
    own = ["-endpoint", "this", "-process", os.path.basename(agent), "-listen", os.path.join(folder, "socket")]
    yield subprocess.Popen([*common, *own], stderr=subprocess.DEVNULL)
    for machine in MACHINES:
        files = os.path.join(FIXTURES, machine)
        flags = ["-endpoint", machine, "-proc", f"{files}/proc", "-sys", f"{files}/sys"]
        flags += ["-leases", f"{files}/dhcp.leases"]
        yield subprocess.Popen([*common, *flags], stderr=subprocess.DEVNULL)


def fill_in(expression, variables):
    """Puts values in the place of variables."""
    for name, value in [*BUILT_IN.items(), *((f"${key}", value) for key, value in variables.items())]:
        expression = expression.replace(name, value)
    return expression


def complaint(base, expression):
    """What is wrong with the answer to a query, if anything is."""
    query = urllib.parse.urlencode({"query": expression})
    try:
        result = json.loads(request(f"{base}/api/v1/query?{query}"))["data"]["result"]
    except urllib.error.HTTPError as error:
        return f"{error.code} {error.read().decode()[:200]}"
    return "" if result else "no series"


def values_of(base, variable):
    """The values of a variable `label_values(metric, label)`."""
    metric, label = variable["query"]["query"].removeprefix("label_values(").removesuffix(")").rsplit(",", 1)
    query = urllib.parse.urlencode({"match[]": metric.strip()})
    series = json.loads(request(f"{base}/api/v1/series?{query}"))["data"]
    return sorted({labels[label.strip()] for labels in series})


def check(agent, kind, address, dashboard):
    """What is wrong."""
    database = kind()
    started = []
    try:
        database.start()
        started = list(agents(agent, address.format(database.port), database.folder))
        variables = [one for one in dashboard["templating"]["list"] if one["type"] == "query"]
        left = [(panel["title"], target["expr"]) for panel in panels(dashboard) for target in panel.get("targets", [])]
        count, wrong = len(left), []
        # A rate needs two samples; the other panels have theirs at once.
        end = time.monotonic() + PATIENCE
        while left and time.monotonic() < end:
            time.sleep(2)
            values = {one["name"]: "|".join(values_of(database.base, one)) for one in variables}
            filled = [(title, expression, fill_in(expression, values)) for title, expression in left]
            answers = [(title, expression, complaint(database.base, text)) for title, expression, text in filled]
            wrong = [f"{kind.__name__}: {title}: {expression}: {text}" for title, expression, text in answers if text]
            left = [(title, expression) for title, expression, text in answers if text]
        print(f"dashboard: {kind.__name__}: {count} queries, {len(wrong)} wrong", flush=True)
        return wrong
    finally:
        for one in started:
            one.kill()
            one.wait()
        database.end()


def kinds(agent):
    """The kind of each metric, by its name in a database."""
    listed = subprocess.run([agent, "-list"], capture_output=True, text=True, check=True).stdout
    return {databases.identifier(line.split()[0]): line.split()[2] for line in listed.splitlines()}


def misused(agent, dashboard):
    """Metrics that the agent lacks, counters without a rate, and rates of gauges."""
    known = kinds(agent)
    for panel in panels(dashboard):
        for target in panel.get("targets", []):
            for function, name in re.findall(r"(?:(rate|increase)\()?\b([a-z0-9_]+)\{", target["expr"]):
                kind = known.get(name)
                if (kind, bool(function)) not in (("counter", True), ("gauge", False)):
                    yield f"{panel['title']}: {name} is {kind or 'no metric'} in {target['expr']}"


def main():
    if len(sys.argv) != 2:
        raise SystemExit(__doc__)
    agent = os.path.abspath(sys.argv[1])
    with open(DASHBOARD) as file:
        dashboard = json.load(file)
    wrong = list(misused(agent, dashboard))
    identifiers = [panel["id"] for panel in panels(dashboard)]
    if len(set(identifiers)) < len(identifiers) or dashboard["schemaVersion"] < 36:
        wrong.append("identifiers or schemaVersion")
    for kind, _ in ADDRESSES:
        databases.unpack(kind.packages)
    with ThreadPoolExecutor() as pool:
        for found in pool.map(lambda one: check(agent, *one, dashboard), ADDRESSES):
            wrong += found
    for text in wrong:
        print(f"FAILED {text}")
    raise SystemExit(1 if wrong else 0)


main()
