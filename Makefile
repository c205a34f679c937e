# mini-monitor. `make help` lists the targets.

CARGO ?= cargo
PREFIX ?= /usr/local
DESTDIR ?=
AGENT = target/release/mini-monitor
BENCH = --manifest-path tests/bench/Cargo.toml
FUZZ = --manifest-path tests/fuzz/Cargo.toml
MUTATIONS ?= 100000
BREAKS ?= 1000
SEEDS ?= 100
SECONDS ?= 60
# PEERS_INSTALL=1 installs the peers first.
PEERS_INSTALL ?=
# The agent with lines that are numbered is built apart. `make chaos AGENT=path` takes another one of that kind.
NUMBERED = --locked --features numbered --target-dir target/numbered
CHAOS = $(CARGO) test --release $(NUMBERED) --test chaos
SIM = $(CARGO) test $(NUMBERED) --test day
# A short run of both, in one build.
SHORT = SEEDS=40 $(CARGO) test --no-fail-fast $(NUMBERED) --test chaos --test day

# The tests that drive a binary from outside, and those that a release build passes again. Most of them wait.
OUTSIDE = --test integration
SMOKE = loopback:: values:: flags:: once:: reload::
THREADS = RUST_TEST_THREADS=8
TARGETS = $(shell contrib/static/row)
# Those that qemu runs here, both orders of bytes and both widths among them.
CROSS = mips mipsel arm aarch64 riscv64gc powerpc

.PHONY: all run test test-debug test-release test-numbered check lint fuzz chaos sim bench bench-peers toolchain static cross-test dist twice size cost instructions install uninstall clean help

all: ## build the release binary, target/release/mini-monitor
	$(CARGO) build --release --locked

run: all ## build, then print the lines on this terminal until Ctrl-C
	$(AGENT) -trans -

test: ## run every test, over loopback, to the end; some on the release build, too
	$(MAKE) --keep-going test-debug test-release test-numbered

test-debug: ## all tests but the long ones, on the debug build
	$(THREADS) $(CARGO) test --locked --no-fail-fast

test-release: all ## some of the tests from outside, on the release build
	AGENT=$(CURDIR)/$(AGENT) $(THREADS) $(CARGO) test --locked $(OUTSIDE) -- $(SMOKE)

test-numbered: ## a short run of `make chaos` and `make sim`
	env -u AGENT $(SHORT) -- --nocapture

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

sim: ## SEEDS=100 days in a simulated world, or the one of SEED=: nothing is lost that is not counted
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

dist: ## the static binaries of all TARGETS, packed into target/dist
	contrib/static/build $(TARGETS)
	contrib/static/dist $(TARGETS)

twice: ## build the static binaries of all TARGETS in two new folders: the same bytes
	contrib/static/twice $(TARGETS)

size: all ## bytes of the binaries of all TARGETS, their memory after a minute; fails above what is allowed
	contrib/static/build $(TARGETS)
	tests/size.sh $(SECONDS) host $(TARGETS)

cost: all ## system calls of one minute (needs strace); fails on one too many
	tests/cost.sh $(AGENT)

instructions: all ## instructions of a turn and of a line (needs valgrind); fails above the ceilings; the static x86_64 binary if it is built
	tests/instructions.py

install: all ## install into $(DESTDIR)$(PREFIX)/bin
	install -d $(DESTDIR)$(PREFIX)/bin
	install -m 755 $(AGENT) $(DESTDIR)$(PREFIX)/bin/mini-monitor

uninstall: ## take away what install put there
	rm -f $(DESTDIR)$(PREFIX)/bin/mini-monitor

clean: ## take away all that was built, and the zig of make toolchain
	$(CARGO) clean

help: ## print this
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/\1\t\2/p' $(MAKEFILE_LIST) | expand -t 14
