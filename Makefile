# Weft: what there is to do. `make` alone lists it.
# Every target installs what it needs (tests/setup.sh), starts no service and leaves nothing behind.

SHELL := /bin/sh
export PATH := $(PATH):$(HOME)/.cargo/bin
TARGET := $(or $(CARGO_TARGET_DIR),$(CURDIR)/target)
# Seconds for each fuzz target in `make fuzz`.
FUZZ_SECONDS ?= 20

# The labs assert milliseconds; what else the machine does shall not be measured.
FIRST := nice -n -15

.PHONY: help build demo demo-sites test lint fuzz figures bench bench-growth counts counts-accept clean setup setup-build setup-counts

help:
	@echo 'make build       release binaries: weftd and weft'
	@echo 'make demo        two leaves, a reflector, hosts; a host moves under ping (root)'
	@echo 'make demo-sites  two sites, gateways, a core, two tenants; a host moves across sites (root)'
	@echo 'make test        all tests: unit, property, wire, kernel labs, interop with FRR and GoBGP (root)'
	@echo 'make lint        formatting, clippy with warnings denied, licences'
	@echo 'make fuzz        each fuzz target for $(FUZZ_SECONDS) s (FUZZ_SECONDS=N)'
	@echo 'make figures     the figures of the labs, Weft beside FRR (root)'
	@echo 'make counts      instructions of the inner functions against the accepted numbers (valgrind)'
	@echo 'make counts-accept  accepts what is counted now'
	@echo 'make bench       benchmarks, Weft beside FRR and the budget; ROW=name for some, WHO=weft|frr (root)'
	@echo 'make bench-growth  the same work at three sizes, for each route, drawn: doc/growth.svg; ROW=name, WHO=weft|frr (root)'
	@echo 'make clean       removes what was built'

setup-build:
	@tests/setup.sh build

setup-counts:
	@tests/setup.sh counts

setup:
	@tests/setup.sh labs

build: setup-build
	cargo build --release --locked --bin weftd --bin weft

demo: setup
	@echo 'demo: building (release)'
	cargo build --release --locked --bin weftd --bin weft --bin weft-demo
	@WEFT_BIN_DIR='$(TARGET)/release' $(FIRST) '$(TARGET)/release/weft-demo'

demo-sites: setup
	@echo 'demo-sites: building (release)'
	cargo build --release --locked --bin weftd --bin weft --bin weft-demo-sites
	@WEFT_BIN_DIR='$(TARGET)/release' $(FIRST) '$(TARGET)/release/weft-demo-sites'

# The binaries first: the labs run them, and no test build makes them.
test: setup
	@echo 'test: building'
	cargo build --locked --workspace --bins
	@if cargo nextest --version >/dev/null 2>&1; then cargo nextest run --locked --workspace --no-run; \
	else cargo test --locked --workspace --no-run; fi
	@echo 'test: running'
	@export WEFT_BIN_DIR='$(TARGET)/debug'; \
	if cargo nextest --version >/dev/null 2>&1; then $(FIRST) cargo nextest run --locked --workspace --no-fail-fast; \
	else $(FIRST) cargo test --locked --workspace --no-fail-fast -- --test-threads 2; fi

lint: setup-build
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	@if cargo deny --version >/dev/null 2>&1; then cargo deny check licenses bans sources; \
	else echo 'lint: no cargo-deny here; checking licences with tests/tests/licences.rs'; \
	  cargo test --locked -q -p weft-tests --test licences; fi

# Guided by coverage where nightly and cargo-fuzz are; otherwise mutated input, as in `make test`.
fuzz: setup-build
	@if cargo +nightly fuzz --version >/dev/null 2>&1; then \
	  for target in $$(cargo +nightly fuzz list --fuzz-dir tests/fuzz); do \
	    echo "fuzz: $$target, guided by coverage"; \
	    cargo +nightly fuzz run --fuzz-dir tests/fuzz "$$target" -- -max_total_time=$(FUZZ_SECONDS) || exit 1; \
	  done; \
	else echo 'fuzz: no nightly with cargo-fuzz here; mutated input'; \
	  WEFT_FUZZ_SECONDS=$(FUZZ_SECONDS) cargo test --locked --release -p weft-tests --lib fuzz -- --nocapture; fi

figures: setup
	cargo build --release --locked --bin weftd --bin weft --bin weft-figures
	@WEFT_BIN_DIR='$(TARGET)/release' $(FIRST) '$(TARGET)/release/weft-figures'

# Names what got worse by more than 2 %. No timing: the machine may be busy. `cargo bench` times the same cases.
counts: setup-counts
	cargo run --locked -q -p weft-counts

counts-accept: setup-counts
	cargo run --locked -q -p weft-counts -- accept

# Weft is built as people get it who build for speed: the profile bench-release.
bench: setup
	cargo build --profile bench-release --locked --bin weftd --bin weft --bin weft-bench
	@WEFT_BIN_DIR='$(TARGET)/bench-release' $(FIRST) '$(TARGET)/bench-release/weft-bench' --who $(or $(WHO),both) '$(ROW)'

bench-growth: setup
	cargo build --profile bench-release --locked --bin weftd --bin weft --bin weft-bench
	@WEFT_BIN_DIR='$(TARGET)/bench-release' $(FIRST) '$(TARGET)/bench-release/weft-bench' --growth --plot doc --who $(or $(WHO),both) '$(ROW)'

clean:
	cargo clean
