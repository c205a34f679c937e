"""The receivers of the tests: programs of Debian's packages and of PyPI, unpacked below target/receivers and started in
temporary folders on loopback."""

import glob
import json
import os
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
CACHE = os.path.join(ROOT, "target", "receivers")
UNPACKED = os.path.join(CACHE, "root")
PROGRAMS = os.path.join(UNPACKED, "usr", "bin")
PYTHON = os.path.join(CACHE, "python")
LIBRARIES = [os.path.join(UNPACKED, folder, "x86_64-linux-gnu") for folder in ("usr/lib", "lib")]
PATIENCE = 60
# What the agent's log has before a line (with -debug).
LINE_MARK = "~~ sender get metric "

# The server, and the libraries that a small Debian lacks.
CLICKHOUSE = """clickhouse-server clickhouse-common libboost-filesystem1.74.0 libboost-program-options1.74.0
    libcapnp-0.9.2 libcctz2 libcpuinfo0 libdouble-conversion3 libfarmhash0 libicu72 libjemalloc2 libltdl7 liblz4-1
    libmariadb3 libmetrohash1 libodbc2 libpcre3 libpococrypto80 libpocodata80 libpocodataodbc80 libpocofoundation80
    libpocojson80 libpocomongodb80 libpoconet80 libpoconetssl80 libpocoutil80 libpocoxml80 librdkafka1 libre2-9""".split()

# A test that is terminated ends what it has started.
signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))


def unpack(packages):
    """Downloads and unpacks those of Debian's packages that are not there yet."""
    new = os.path.join(CACHE, "new")
    missing = [name for name in packages if not glob.glob(f"{CACHE}/{glob.escape(name)}_*.deb")]
    if not missing:
        return
    shutil.rmtree(new, ignore_errors=True)
    os.makedirs(new)
    # Root cannot hand the folder to apt's own user, and apt would warn of that.
    command = ["apt-get", "download", "-o", "APT::Sandbox::User=root", *missing]
    subprocess.run(command, cwd=new, check=True, stdout=subprocess.DEVNULL)
    for name in sorted(os.listdir(new)):
        subprocess.run(["dpkg", "-x", os.path.join(new, name), UNPACKED], check=True)
        os.rename(os.path.join(new, name), os.path.join(CACHE, name))


def install(packages):
    """Installs those of PyPI's packages that are not there yet."""
    missing = [name for name in packages if not glob.glob(f"{PYTHON}/{name.replace('-', '_')}-*")]
    if missing:
        command = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*command, "--root-user-action=ignore", "--target", PYTHON, *missing], check=True)


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def request(url, data=None):
    with urllib.request.urlopen(urllib.request.Request(url, data), timeout=30) as answer:
        return answer.read().decode()


def wait_for(what, ask, patience=PATIENCE):
    end = time.monotonic() + patience
    while True:
        try:
            found = ask()
            if found:
                return found
        except (OSError, urllib.error.URLError):
            pass
        if time.monotonic() > end:
            raise SystemExit(f"receivers: {what} did not come")
        time.sleep(0.1)


def identifier(text):
    """A name in the characters that all databases take."""
    text = "".join(letter if letter.isalnum() and letter.isascii() else "_" for letter in text)
    return f"_{text}" if text[:1].isdigit() else text


def sample_of(line, name_of=identifier):
    """The labels, the second and the value of a JSON line."""
    sample = json.loads(line)
    labels = {"__name__": name_of(sample["metric"]), "endpoint": sample["endpoint"], "os": sample["tag"][0]}
    for tag in sample["tag"][1:]:
        key, _, value = tag.partition("=")
        labels.setdefault(name_of(key), value or "true")
    return labels, sample["timestamp"], float(sample["value"])


class Database:
    """A program with a folder, which can be stopped and started again."""

    packages = []
    pypi = []
    # A path that answers when the program is ready; without one it is ready when it listens.
    health = None
    # How it names a metric or a tag of a JSON line.
    name_of = staticmethod(identifier)
    # The series that it refuses, and a datagram for the agent with a line of it. Without a datagram the series is one of
    # the agent's own.
    refused = None
    datagram = None

    def __init__(self):
        unpack(self.packages)
        install(self.pypi)
        self.folder = tempfile.mkdtemp(prefix="mini-monitor-")
        self.port = free_port()
        self.base = f"http://127.0.0.1:{self.port}"
        self.process = None
        # Since when it read nothing more, and when it ended, for each end.
        self.breaks = []
        self.silent_since = None

    def start(self, *flags, under=()):
        """Starts it with more flags, under another command such as strace."""
        log = open(os.path.join(self.folder, "log"), "a")
        command = [*under, *self.command(), *flags]
        self.process = subprocess.Popen(command, stdout=log, stderr=log, env=self.environment())
        wait_for(f"{command[0]} (its log: {log.name})", self.is_ready)
        self.prepare()

    def is_ready(self):
        if self.health:
            return request(self.base + self.health) is not None
        with socket.create_connection(("127.0.0.1", self.port)):
            return True

    def environment(self):
        return None

    def prepare(self):
        pass

    def stop(self, with_signal):
        silent_since = self.silent_since or time.time()
        self.process.send_signal(with_signal)
        # ClickHouse goes on for some seconds.
        self.process.wait()
        self.breaks.append((silent_since, time.time()))
        self.silent_since = None

    def kill_with_unread_data(self):
        """It reads nothing for two seconds, in which lines arrive."""
        self.silent_since = time.time()
        self.process.send_signal(signal.SIGSTOP)
        time.sleep(2)
        self.stop(signal.SIGKILL)

    def wrong(self, _agent):
        """What is wrong apart from samples."""
        return []

    def end(self):
        if self.process:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder)


class VictoriaMetrics(Database):
    """It accepts every record, so that it refuses no series."""

    packages = ["victoria-metrics"]
    health = "/health"

    def __init__(self):
        super().__init__()
        self.raw = free_port()

    def command(self):
        return [
            f"{PROGRAMS}/victoria-metrics",
            f"-storageDataPath={self.folder}/data",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            f"-influxListenAddr=127.0.0.1:{self.raw}",
        ]

    def samples(self, endpoint):
        request(self.base + "/internal/force_flush")
        query = urllib.parse.urlencode({"match[]": f'{{endpoint="{endpoint}"}}'})
        for line in request(f"{self.base}/api/v1/export?{query}").splitlines():
            series = json.loads(line)
            for value, stamp in zip(series["values"], series["timestamps"]):
                yield series["metric"], stamp / 1000, value


class Vmauth(Database):
    """A proxy, with a VictoriaMetrics as its server."""

    packages = ["victoria-metrics"]

    def __init__(self):
        super().__init__()
        self.server = VictoriaMetrics()

    def command(self):
        config = os.path.join(self.folder, "config.yml")
        with open(config, "w") as file:
            file.write(f'users:\n- username: agent\n  password: "a b"\n  url_prefix: "{self.server.base}"\n')
        return [f"{PROGRAMS}/vmauth", f"-auth.config={config}", f"-httpListenAddr=127.0.0.1:{self.port}"]

    def start(self, *flags):
        if not self.server.process:
            self.server.start()
        super().start(*flags)

    def samples(self, endpoint):
        return self.server.samples(endpoint)

    def end(self):
        self.server.end()
        super().end()


class InfluxDB(Database):
    packages = ["influxdb"]
    health = "/ping"
    refused = "cpu_load5"
    # The field of the series has texts (in the shard of today), so that numbers are refused.
    texts = b'cpu load5="text"\n'

    def command(self):
        config = os.path.join(self.folder, "config")
        with open(config, "w") as file:
            file.write(
                f'reporting-disabled = true\nbind-address = "127.0.0.1:{free_port()}"\n'
                f'[meta]\ndir = "{self.folder}/meta"\n'
                f'[data]\ndir = "{self.folder}/data"\nwal-dir = "{self.folder}/wal"\n'
                f'[http]\nbind-address = "127.0.0.1:{self.port}"\n'
            )
        return [f"{PROGRAMS}/influxd", "-config", config]

    def prepare(self):
        request(self.base + "/query", urllib.parse.urlencode({"q": "CREATE DATABASE t"}).encode())
        request(self.base + "/write?db=t", self.texts)

    def samples(self, endpoint):
        query = f"SELECT * FROM /.*/ WHERE endpoint='{endpoint}' GROUP BY *"
        query = urllib.parse.urlencode({"db": "t", "epoch": "ms", "q": query})
        result = json.loads(request(f"{self.base}/query?{query}"))["results"][0]
        for series in result.get("series", []):
            for row in series["values"]:
                for column, value in list(zip(series["columns"], row))[1:]:
                    if value is not None:
                        # Remote write has the whole name as measurement.
                        name = series["name"] if column == "value" else f"{series['name']}_{column}"
                        labels = {key: text for key, text in series["tags"].items() if text}
                        labels["__name__"] = name
                        yield labels, row[0] / 1000, value


class InfluxDBPrometheus(InfluxDB):
    """InfluxDB as a receiver of remote write."""

    texts = b'cpu_load5 value="text"\n'


def remote_write(name, labels, stamp):
    """A request of Prometheus remote write with one sample: protobuf in a block of snappy that is one literal."""

    def field(number, content):
        return bytes([number << 3 | 2, len(content)]) + content

    pairs = sorted({"__name__": name, **labels}.items())
    series = b"".join(field(1, field(1, key.encode()) + field(2, text.encode())) for key, text in pairs)
    milliseconds, varint = round(stamp * 1000), b""
    while milliseconds > 127:
        varint += bytes([milliseconds & 127 | 128])
        milliseconds >>= 7
    sample = b"\x09" + struct.pack("<d", 1) + b"\x10" + varint + bytes([milliseconds])
    body = field(1, series + field(2, sample))
    assert len(body) < 128
    return bytes([len(body), 0xF0, len(body) - 1]) + body


class Prometheus(Database):
    """It has a sample of one series that is ahead of the clock, so that it refuses those of now, and with each the whole
    batch."""

    packages = ["prometheus"]
    health = "/-/ready"
    refused = "refused"
    datagram = b"refused 1\n"

    def command(self):
        config = os.path.join(self.folder, "config.yml")
        with open(config, "w") as file:
            file.write("global: {}\n")
        return [
            f"{PROGRAMS}/prometheus",
            f"--config.file={config}",
            f"--storage.tsdb.path={self.folder}/data",
            "--web.enable-remote-write-receiver",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]

    def prepare(self):
        labels = {"endpoint": "prometheus", "os": "linux", "site": "a b"}
        # Not ahead by an hour, which would make it refuse all other samples.
        request(self.base + "/api/v1/write", remote_write(self.refused, labels, time.time() + 900))

    def samples(self, endpoint):
        query = urllib.parse.urlencode({"query": f'{{endpoint="{endpoint}"}}[1h]'})
        for series in json.loads(request(f"{self.base}/api/v1/query?{query}"))["data"]["result"]:
            for stamp, value in series["values"]:
                yield series["metric"], stamp, float(value)


class ClickHouse(Database):
    """It refuses a number with more digits than the column has, and the whole batch with it."""

    packages = CLICKHOUSE
    health = "/ping"
    refused = "huge"
    datagram = b"huge 1000000000000000000\n"

    def command(self):
        config = os.path.join(self.folder, "config.xml")
        with open(config, "w") as file:
            file.write(
                f"<yandex><logger><level>warning</level><console>1</console></logger>\n"
                f"<http_port>{self.port}</http_port><listen_host>127.0.0.1</listen_host>\n"
                f"<path>{self.folder}/data/</path><tmp_path>{self.folder}/tmp/</tmp_path>\n"
                f"<mark_cache_size>100000000</mark_cache_size><users_config>{config}</users_config>\n"
                f"<users><default><password></password><networks><ip>127.0.0.1</ip></networks>\n"
                f"<profile>default</profile><quota>default</quota></default></users>\n"
                f"<profiles><default/></profiles><quotas><default/></quotas></yandex>\n"
            )
        return [os.path.join(UNPACKED, "usr/sbin/clickhouse-server"), f"--config-file={config}"]

    def environment(self):
        return {**os.environ, "LD_LIBRARY_PATH": ":".join(LIBRARIES)}

    def query(self, text):
        return request(self.base + "/", text.encode())

    def prepare(self):
        self.query(
            "CREATE TABLE IF NOT EXISTS mm (metric String, endpoint String, tag Array(String), value Decimal(18, 4), "
            "timestamp DateTime) ENGINE = MergeTree PARTITION BY tuple() ORDER BY (metric, endpoint, tag, timestamp)"
        )

    def samples(self, endpoint):
        # (Of a DateTime the number alone is the same in every time zone.)
        rows = self.query(
            "SELECT metric, endpoint, tag, value, toUnixTimestamp(timestamp) AS second "
            f"FROM mm WHERE endpoint = '{endpoint}' FORMAT JSONEachRow"
        )
        for line in rows.splitlines():
            row = json.loads(line)
            row["timestamp"] = row["second"]
            yield sample_of(json.dumps(row))


class OtlpStore(Database):
    """`otlp_store.py`, which keeps the bodies: they are decoded here by the official definitions of protobuf."""

    pypi = ["opentelemetry-proto"]
    name_of = staticmethod(str)
    refused = "refused"
    datagram = b"refused 1\n"

    def __init__(self):
        super().__init__()
        # The kinds and units that each metric had, and the starts of each counter.
        self.shapes = {}
        self.starts = {}

    def bodies_folder(self):
        return os.path.join(self.folder, "bodies")

    def command(self):
        program = os.path.join(os.path.dirname(os.path.abspath(__file__)), "otlp_store.py")
        return [sys.executable, program, str(self.port), self.bodies_folder()]

    def environment(self):
        return {**os.environ, "PYTHONPATH": PYTHON}

    def samples(self, endpoint):
        sys.path.append(PYTHON)
        from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest

        for name in sorted(os.listdir(self.bodies_folder())):
            if not name.isdigit():
                continue
            with open(os.path.join(self.bodies_folder(), name), "rb") as file:
                body = ExportMetricsServiceRequest.FromString(file.read())
            for resource in body.resource_metrics:
                for metric in (metric for scope in resource.scope_metrics for metric in scope.metrics):
                    yield from self.points(metric, endpoint)

    def points(self, metric, endpoint):
        kind = metric.WhichOneof("data")
        data = getattr(metric, kind)
        # 2 is AGGREGATION_TEMPORALITY_CUMULATIVE.
        if kind == "sum" and data.is_monotonic and data.aggregation_temporality == 2:
            kind = "counter"
        self.shapes.setdefault(metric.name, set()).add((kind, metric.unit))
        for point in data.data_points:
            labels = {attribute.key: attribute.value.string_value for attribute in point.attributes}
            if labels["endpoint"] == endpoint:
                labels["__name__"] = metric.name
                self.starts.setdefault(metric.name, set()).add(point.start_time_unix_nano // 10**9)
                number = point.as_int if point.WhichOneof("value") == "as_int" else point.as_double
                yield labels, point.time_unix_nano / 10**9, number

    def wrong(self, agent):
        """Where kind, unit or start differ from the agent's list of metrics."""
        units = {"-": "", "percent": "%", "bytes": "By", "bits": "bit", "celsius": "Cel", "dBm": "", "rpm": ""}
        listed = {}
        for line in subprocess.run([agent, "-list"], capture_output=True, text=True, check=True).stdout.splitlines():
            name, unit, kind = line.split()[:3]
            listed[name] = (kind, units.get(unit, unit))
        with open("/proc/stat") as file:
            boot = int(next(line.split()[1] for line in file if line.startswith("btime ")))
        wrong = []
        for name, shapes in self.shapes.items():
            if shapes != {listed.get(name, ("gauge", ""))}:
                wrong.append(f"{name}: {shapes} in place of {listed.get(name)}")
            starts = self.starts.get(name, set())
            if listed.get(name, ("gauge",))[0] == "gauge":
                if starts != {0}:
                    wrong.append(f"{name}: a gauge with start {starts}")
            elif name.startswith("agent."):
                if len(starts) != 1 or not 0 <= time.time() - min(starts) < 600:
                    wrong.append(f"{name}: start {starts}")
            # (Both are rounded.)
            elif not all(abs(start - boot) <= 2 for start in starts):
                wrong.append(f"{name}: start {starts}, and the machine's is {boot}")
        return wrong


class Rotel(Database):
    """A collector of OTLP, which passes on all to an `OtlpStore`. It refuses no series."""

    pypi = ["rotel", "opentelemetry-proto"]
    name_of = staticmethod(str)

    def __init__(self):
        super().__init__()
        self.store = OtlpStore()
        self.grpc = free_port()

    def command(self):
        return [
            os.path.join(PYTHON, "rotel", "rotel-agent"),
            "start",
            f"--otlp-http-endpoint=127.0.0.1:{self.port}",
            f"--otlp-grpc-endpoint=127.0.0.1:{self.grpc}",
            "--exporter=otlp",
            "--otlp-exporter-protocol=http",
            f"--otlp-exporter-endpoint={self.store.base}",
            "--otlp-exporter-compression=none",
        ]

    def start(self, *flags):
        if not self.store.process:
            self.store.start()
        super().start(*flags)

    def samples(self, endpoint):
        # It collects what it gets for some seconds, and passes that on when it ends.
        self.process.terminate()
        self.process.wait()
        return self.store.samples(endpoint)

    def wrong(self, agent):
        return self.store.wrong(agent)

    def end(self):
        self.store.end()
        super().end()
