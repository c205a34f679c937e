# mini-monitor. `make help` lists the targets.

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=
# SYSTEMD=1 installs the service, too.
SYSTEMD ?=
MAN = $(DESTDIR)$(PREFIX)/share/man/man
FILE = $(DESTDIR)/etc/mini-monitor.json
# systemd reads neither file in any other folder of programs, such as /opt.
SYSTEM = $(DESTDIR)$(if $(filter /usr /usr/,$(PREFIX)),/usr,/usr/local)/lib
UNIT = $(SYSTEM)/systemd/system/mini-monitor.service
USERS = $(SYSTEM)/sysusers.d/mini-monitor.conf
# A blank, as sed has to write it into a unit.
blank := $() $()
UNIT_PREFIX = $(subst $(blank),\\x20,$(PREFIX))
AGENT = target/release/mini-monitor
BENCH = --manifest-path tests/bench/Cargo.toml
FUZZ = --manifest-path tests/fuzz/Cargo.toml
MUTATIONS ?= 100000
BREAKS ?= 1000
SEEDS ?= 100
SECONDS ?= 60
COUNT ?= 500
# PEERS_INSTALL=1 installs the peers first.
PEERS_INSTALL ?=
# The agent with lines that are numbered is built apart. `make chaos AGENT=path` takes another one of that kind.
NUMBERED = --locked --features numbered --target-dir target/numbered
CHAOS = $(CARGO) test --release $(NUMBERED) --test chaos
SIM = $(CARGO) test $(NUMBERED) --test sim days::
# A short run of both, in one build.
SHORT = SEEDS=40 $(CARGO) test --no-fail-fast $(NUMBERED) --test chaos --test sim

# The tests that drive a binary from outside, and those that a release build passes again. Most of them wait.
OUTSIDE = --test integration
SMOKE = loopback:: values:: flags:: once:: reload::
THREADS = RUST_TEST_THREADS=8
TARGETS = $(shell contrib/static/row)
BUILT = $(foreach target,$(TARGETS),$(if $(wildcard target/static/$(target)/mini-monitor),$(target)))
# Those that qemu runs here, both orders of bytes and both widths among them.
CROSS = mips mipsel arm aarch64 riscv64gc powerpc
# Those of the container image.
IMAGE = x86_64 i686 aarch64 armv7 riscv64gc

.PHONY: all run test test-debug test-release test-numbered check lint fuzz chaos sim bench bench-peers toolchain static cross-test receivers load dashboard first-page docs dist deb rpm packages-lint manual oci apk ipk packages-test twice size cost instructions install uninstall clean help

all: ## build the release binary, target/release/mini-monitor
	$(CARGO) build --release --locked

run: all ## build, then print the samples on this terminal until Ctrl-C
	$(AGENT) -trans - -format text

test: ## run every test, over loopback, to the end; some on the release build, too
	$(MAKE) --keep-going test-debug test-release test-numbered

test-debug: ## all tests but the long ones, on the debug build
	$(THREADS) $(CARGO) test --locked --no-fail-fast

test-release: all ## some of the tests from outside, on the release build
	AGENT=$(CURDIR)/$(AGENT) $(THREADS) $(CARGO) test --locked $(OUTSIDE) -- $(SMOKE)

test-numbered: ## a short run of `make chaos` and `make sim`
	env -u AGENT $(SHORT) -- --nocapture --skip scripted::

check: ## formatting and lints, then every test
	$(MAKE) --keep-going lint test

lint: ## formatting and lints (warnings are errors), those of fuzzing and benchmarks, too
	$(CARGO) fmt --check
	$(CARGO) fmt --check $(BENCH)
	$(CARGO) fmt --check $(FUZZ)
	$(CARGO) clippy --locked -- -D warnings
	$(CARGO) clippy --locked --tests -- -D warnings
	$(CARGO) clippy $(NUMBERED) --tests -- -D warnings
	$(CARGO) clippy --locked $(BENCH) --benches --target-dir target/bench -- -D warnings
	$(CARGO) clippy --locked $(FUZZ) --tests --target-dir target/fuzz -- -D warnings

fuzz: ## every prefix and MUTATIONS=100000 mutations of every captured file and other input through its parser, as many of a spool
	MUTATIONS=$(MUTATIONS) $(CARGO) test --locked $(FUZZ) --target-dir target/fuzz -- --nocapture
	MUTATIONS=$(MUTATIONS) $(CARGO) test --locked --lib ring::tests::salvaged

chaos: ## BREAKS=1000 deaths of receivers and agents, and links that fail: no line is lost
	BREAKS=$(BREAKS) $(CHAOS) -- --nocapture

sim: ## SEEDS=100 days on a simulated platform, or the one of SEED=: nothing is lost that is not counted
	SEEDS=$(SEEDS) $(SIM) -- --nocapture

bench: ## lines a second of the JSON writer beside serde_json's and miniserde's
	$(CARGO) bench --locked $(BENCH) --target-dir target/bench

bench-peers: all ## what collectd, zabbix-agent, node_exporter, snmpd and gmond cost beside ours, SECONDS=60 each
	[ -z "$(PEERS_INSTALL)" ] || tests/peers/install.sh
	tests/peers/run.py $(AGENT) $(SECONDS)

toolchain: ## install on Debian what static binaries are built with: Rust's core library, zig
	contrib/static/toolchain install

static: ## a static binary, target/static/TARGET/mini-monitor, for TARGET=mips and so on
	contrib/static/build $(TARGET)

cross-test: ## the tests from outside, of the static binaries for CROSS='mips arm ...' under qemu
	contrib/static/build $(CROSS)
	$(THREADS) tests/cross.sh '$(OUTSIDE)' $(CROSS)

receivers: ## the static agent to VictoriaMetrics, InfluxDB, Prometheus, ClickHouse and OTLP, which are stopped, killed, and asked for every sample; to rsyslog and syslog-ng
	contrib/static/build x86_64
	tests/receivers/run.py -down 60 target/static/x86_64/mini-monitor
	tests/receivers/syslog.py target/static/x86_64/mini-monitor

load: ## COUNT=500 static agents to one VictoriaMetrics, which is killed: how they come back (needs strace)
	contrib/static/build x86_64
	tests/receivers/load.py target/static/x86_64/mini-monitor $(COUNT)

dashboard: ## each panel of the dashboard, asked of VictoriaMetrics and Prometheus
	contrib/static/build x86_64
	tests/receivers/dashboard.py target/static/x86_64/mini-monitor

first-page: ## run the five commands of the README's first page as written, in a container: they install Prometheus
	tests/receivers/first_page.py

docs: all ## write the table of docs/metrics.md from `mini-monitor -list`
	tests/metrics-table.sh $(AGENT)

dist: ## the static binaries of all TARGETS, packed into target/dist with notices and bills of materials
	contrib/static/build $(TARGETS)
	contrib/static/dist $(TARGETS)

ipk: ## the package of OpenWrt for a TARGET=, for one ARCH= or all that run it, in target/ipk
	$(if $(TARGET),contrib/static/build $(TARGET))
	contrib/openwrt/ipk '$(TARGET)' $(ARCH)

apk: ## the package of Alpine for a TARGET=, in target/apk
	contrib/static/build $(TARGET)
	contrib/alpine/apk $(TARGET)

oci: ## a container image for several processors, target/oci, in the layout of OCI
	contrib/static/build $(IMAGE)
	contrib/oci/image $(IMAGE)

twice: ## build the static binaries of all TARGETS in two new folders: the same bytes
	contrib/static/twice $(TARGETS)

deb: ## pack the static binaries of TARGETS that are built for Debian, into target/deb (needs dpkg)
	contrib/debian/deb $(BUILT)

rpm: ## pack the static binaries of x86_64 and aarch64 that are built as RPMs, into target/rpm (needs rpmbuild)
	contrib/rpm/rpm $(filter x86_64 aarch64,$(BUILT))

packages-lint: ## faults of manual pages, service, packages and archive, in a minute (needs mandoc, systemd, lintian, rpm, shellcheck)
	tests/packages/manual.sh
	tests/packages/systemd.py --score
	tests/packages/deb.py --lint
	tests/packages/rpm.py --lint
	tests/packages/dist.py

packages-test: packages-lint ## as root: install the packages, start what they start, and read its lines at a receiver (needs systemd-container, debootstrap, rpm)
	contrib/static/build x86_64
	tests/packages/openwrt.py
	tests/packages/alpine.py
	tests/packages/oci.py
	tests/packages/systemd.py
	tests/packages/deb.py
	tests/packages/rpm.py

size: all ## bytes of the binaries of all TARGETS, their memory after a minute; fails above what is allowed
	contrib/static/build $(TARGETS)
	tests/size.sh $(SECONDS) host $(TARGETS)

cost: all ## system calls of one minute (needs strace); fails on one too many
	tests/cost.sh $(AGENT)

instructions: all ## instructions of a turn and of a line (needs valgrind); fails above the ceilings; the static x86_64 binary if it is built
	tests/instructions.py

manual: all ## write the options of `mini-monitor -h` into the manual pages of docs/man
	docs/man/update $(AGENT)

install: ## install what is built into $(DESTDIR)$(PREFIX), the sample configuration if there is none; SYSTEMD=1: a service
	@[ -x '$(AGENT)' ] || { echo 'make install: there is no $(AGENT): make it first, or AGENT=path' >&2; exit 1; }
	install -D -m 755 '$(AGENT)' '$(DESTDIR)$(PREFIX)/bin/mini-monitor'
	install -D -m 644 docs/man/mini-monitor.8 '$(MAN)8/mini-monitor.8'
	install -D -m 644 docs/man/mini-monitor.json.5 '$(MAN)5/mini-monitor.json.5'
	[ -e '$(FILE)' ] || install -D -m 644 contrib/mini-monitor.json '$(FILE)'
ifneq ($(SYSTEMD),)
	install -D -m 644 contrib/systemd/mini-monitor.conf '$(USERS)'
	install -d '$(SYSTEM)/systemd/system'
	sed 's|/usr/bin/|$(UNIT_PREFIX)/bin/|' contrib/systemd/mini-monitor.service >'$(UNIT)'
	chmod 644 '$(UNIT)'
	@echo 'Start it: systemd-sysusers && systemctl daemon-reload && systemctl enable --now mini-monitor'
endif

uninstall: ## stop the service and take away what install put there; a changed configuration stays
	[ -n '$(DESTDIR)' ] || [ ! -d /run/systemd/system ] || [ ! -e '$(UNIT)' ] || systemctl disable --now mini-monitor
	rm -f '$(DESTDIR)$(PREFIX)/bin/mini-monitor' '$(MAN)8/mini-monitor.8' '$(MAN)5/mini-monitor.json.5'
	rm -f '$(UNIT)' '$(USERS)'
	rmdir '$(SYSTEM)/systemd/system' '$(SYSTEM)/systemd' '$(SYSTEM)/sysusers.d' '$(MAN)5' '$(MAN)8' 2>/dev/null || :
	! cmp -s contrib/mini-monitor.json '$(FILE)' || rm '$(FILE)'

clean: ## take away all that was built, and the zig of make toolchain
	$(CARGO) clean

help: ## print this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
