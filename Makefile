# The commands of this project. Each sets up what it needs; everything they produce lives in one cache folder outside
# the clone.

CACHE := $(or $(XDG_CACHE_HOME),$(HOME)/.cache)/mcp-oauth-core
export CARGO_TARGET_DIR ?= $(CACHE)/target

# Not `?=`: some shells export a HOST of their own.
HOST = rust
SPEC = 2026-07-28
SPECS := 2025-03-26 2025-11-25 2026-07-28

# In CI the lock file has to be the committed one.
LOCKED := $(if $(CI),--locked)

CARGO_DENY_VERSION := 0.20.2
CARGO_DENY := $(CACHE)/tools/cargo-deny-$(CARGO_DENY_VERSION)/bin/cargo-deny

.PHONY: help
help: ## Print this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "make %-13s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: demo
demo: ## Sign in to a protected server on this machine and show each step
	cargo run -q $(LOCKED) -p mcp-oauth-host --bin mcp-oauth -- demo

.PHONY: test
test: test-rust requirements test-wasm $(SPECS:%=conformance-%) ## Run every test: Rust, documentation, wasm build, conformance

# Every store, also those in databases.
STORES := sqlite postgres redis aes-gcm store-contract
WITH_STORES := --workspace --features "$(STORES:%=mcp-oauth-host/%)"
WITH_SERVERS := tools/with python3 -- tests/services/with postgres redis --

.PHONY: test-rust
test-rust:
	cargo test $(LOCKED) $(WITH_STORES) -- --skip postgres:: --skip redis::
	$(WITH_SERVERS) cargo test $(LOCKED) $(WITH_STORES) --test databases -- postgres:: redis::

.PHONY: test-wasm
test-wasm:
	tools/wasm-build

.PHONY: transcripts
transcripts: ## Replay the transcripts: HOST=rust, c, go, python or swift
	tests/transcripts/replay $(HOST)

.PHONY: requirements
requirements: ## Print what covers each requirement; fail if nothing does
	tools/with python3 -- tools/requirements
	tools/with python3 -- tools/mutations --stale

.PHONY: mutations
mutations: ## Break each rule on purpose and see a test fail: RULE=PRM-04 or part of a file's path for some
	tools/with python3 git -- tools/mutations $(RULE)

.PHONY: conformance
conformance: ## Run the official suite: HOST=rust SPEC=2026-07-28, 2025-11-25 or 2025-03-26, SCENARIO=auth/... for some
	tools/with python3 npm -- tests/conformance/run --host $(HOST) --spec $(SPEC) $(SCENARIO)

.PHONY: $(SPECS:%=conformance-%)
$(SPECS:%=conformance-%): conformance-%:
	tools/with python3 npm -- tests/conformance/run --host $(HOST) --spec $*

WITH_C := tools/with cc=gcc c++=g++ pkg-config json-c.pc=libjson-c-dev libcurl.pc=libcurl4-openssl-dev libcrypto.pc=libssl-dev curl nm=binutils valgrind --

.PHONY: c
c: check-c test-c ## Build the C library, check and test it; `make -C bindings/c install` installs it

.PHONY: test-c
test: test-c
test-c:
	$(WITH_C) $(MAKE) -s -C bindings/c test

.PHONY: check-c
check: check-c
check-c:
	cargo clippy $(LOCKED) -p mcp-oauth-ffi --features c,seeded --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc $(LOCKED) -p mcp-oauth-ffi --features c --no-deps
	tools/with clang-format -- $(MAKE) -s -C bindings/c check

WITH_GO := tools/with go=golang pkg-config -- bindings/go/with-library

.PHONY: go
go: check-go test-go ## Build the Go package and the library in it, check and test it

.PHONY: test-go
test: test-go
test-go: $(SPECS:%=conformance-go-%)
	$(WITH_GO) go test -count=1 -race ./...
	$(WITH_GO) go test -count=1 -asan ./machine
	$(WITH_SERVERS) $(WITH_GO) ./each-module go test -count=1 -race ./...
	tests/transcripts/replay go

.PHONY: $(SPECS:%=conformance-go-%)
$(SPECS:%=conformance-go-%): conformance-go-%:
	tools/with go=golang pkg-config python3 npm -- tests/conformance/run --host go --spec $*

.PHONY: check-go
check: check-go
check-go:
	$(WITH_GO) --seeded ./check

.PHONY: bench-go
bench: bench-go
bench-go:
	$(WITH_GO) ./bench

.PHONY: python
python: check-python test-python ## Build the Python wheel, check it, test it beside both major versions of the MCP SDK

.PHONY: test-python
test: test-python
test-python: $(SPECS:%=conformance-python-%)
	bindings/python/test
	tests/transcripts/replay python

.PHONY: $(SPECS:%=conformance-python-%)
$(SPECS:%=conformance-python-%): conformance-python-%:
	tools/with python3 npm -- tests/conformance/run --host python --spec $*

.PHONY: check-python
check: check-python
check-python:
	cargo clippy $(LOCKED) -p mcp-oauth-ffi --features uniffi,seeded --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc $(LOCKED) -p mcp-oauth-ffi --features uniffi --no-deps
	bindings/python/check

.PHONY: bench-python
bench: bench-python
bench-python:
	bindings/python/bench/run

.PHONY: swift
swift: check-swift test-swift ## Build the Swift package and the library in it, check and test it

.PHONY: test-swift
test: test-swift
test-swift: $(SPECS:%=conformance-swift-%)
	tools/swift --outside bindings/swift/develop test --skip SoakTests
	tools/swift --outside bindings/swift/develop test --filter SoakTests
	tools/swift --outside bindings/swift/develop test --sanitize=thread --filter MCPOAuthTests --skip SoakTests
# With leaks: not those of XCTest, which loses memory in a run without tests, nor of FoundationNetworking, with each request.
	tools/swift --outside bindings/swift/develop test --sanitize=address --disable-xctest --skip 'SoakTests|URLSessionTests'
	ASAN_OPTIONS=detect_leaks=0 tools/swift --outside bindings/swift/develop test --sanitize=address --disable-xctest \
		--filter URLSessionTests

.PHONY: $(SPECS:%=conformance-swift-%)
$(SPECS:%=conformance-swift-%): conformance-swift-%:
	tools/swift --outside tools/with python3 npm -- tests/conformance/run --host swift --spec $*

.PHONY: bench-swift
bench: bench-swift
bench-swift:
	@tools/swift --outside bindings/swift/develop run --quiet -c release bench

.PHONY: check-swift
check: check-swift
check-swift:
	tools/swift bindings/swift/check

WITH_GATEWAY := tools/with go=golang pkg-config python3 -- tests/services/with postgres -- tests/gateway/run

.PHONY: gateway
gateway: ## Kill replicas of a gateway while users sign in through it: HOSTS=go python
	$(WITH_GATEWAY) $(filter go python,$(HOSTS))

.PHONY: test-gateway
test: test-gateway
test-gateway:
	$(WITH_GO) go -C ../../examples/gateway/go test -count=1 ./...
	$(WITH_GATEWAY) --users 16 --calls 2 --chosen 1

.PHONY: bench
bench: ## Measure what the core costs, beside the bare primitives and beside rmcp
	@command -v valgrind >/dev/null || [ "$$(id -u)" != 0 ] || apt-get install -qq -y valgrind || true
	cargo build -q $(LOCKED) --release -p mcp-oauth-host --bin mcp-oauth
	cargo bench -q $(LOCKED) -p mcp-oauth-bench -- $(CARGO_TARGET_DIR)/release/mcp-oauth
	tools/with cc=gcc -- $(MAKE) -s -C bindings/c bench

HOSTS = rust go python
STORE = postgres
EXPIRIES = 10000
RACES := tools/with python3 $(if $(filter go,$(HOSTS)),go=golang pkg-config) --
FEW := --processes 3 --accounts 20 --expiries 60

.PHONY: races
races: ## Let ten processes race for 10,000 refreshes: HOSTS=rust go python, STORE=postgres or file, EXPIRIES=10000, KILL=1
	$(RACES) tests/services/with $(filter postgres,$(STORE)) -- \
		tests/races/run --hosts $(HOSTS) --store $(STORE) --expiries $(EXPIRIES) $(if $(KILL),--kill)

.PHONY: test-races
test: test-races
test-races:
	$(RACES) tests/services/with postgres -- tests/races/run --hosts $(HOSTS) --store postgres $(FEW)
	$(RACES) tests/races/run --hosts $(HOSTS) --store file $(FEW)

.PHONY: scale
scale: ## Measure what a sleeping sign-in costs among a thousand and among a million
	cargo bench -q $(LOCKED) -p mcp-oauth-bench -- --scale

CARGO_FUZZ_VERSION := 0.13.2
CARGO_FUZZ := $(CACHE)/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION)/bin/cargo-fuzz
SECONDS = 60
TARGET = www_authenticate resource_metadata server_metadata token_response registration_response callback url_policy \
	snapshot events

.PHONY: fuzz
fuzz: $(CARGO_FUZZ) ## Fuzz each untrusted input: SECONDS=60 for each, TARGET=events for some
	CARGO_FUZZ=$(CARGO_FUZZ) CACHE=$(CACHE) fuzz/run $(SECONDS) $(TARGET)

$(CARGO_FUZZ):
	env -u CARGO_TARGET_DIR CARGO_PROFILE_DEV_DEBUG=0 cargo install -q --locked --debug \
		--root $(CACHE)/tools/cargo-fuzz-$(CARGO_FUZZ_VERSION) --version $(CARGO_FUZZ_VERSION) cargo-fuzz

.PHONY: check
check: $(CARGO_DENY) ## Check formatting, lints, documentation, licences and dependencies
	cargo fmt --all --check
	cargo clippy $(LOCKED) --workspace --all-targets -- -D warnings
	cargo clippy $(LOCKED) $(WITH_STORES) --all-targets -- -D warnings
	RUSTDOCFLAGS="-D warnings" cargo doc $(LOCKED) $(WITH_STORES) --no-deps
	tools/with python3 -- tools/core-dependencies
# Not `advisories`: its database is a git repository, which a machine that reaches only package registries cannot fetch.
	$(CARGO_DENY) $(LOCKED) check bans licenses sources

# Unoptimised: it compiles in a fraction of the time and is fast enough for one dependency graph.
$(CARGO_DENY):
	env -u CARGO_TARGET_DIR CARGO_PROFILE_DEV_DEBUG=0 cargo install -q --locked --debug --no-default-features \
		--root $(CACHE)/tools/cargo-deny-$(CARGO_DENY_VERSION) --version $(CARGO_DENY_VERSION) cargo-deny

.PHONY: clean
clean: ## Remove what these commands have built and downloaded
	cargo clean
	bindings/swift/generate --clean
	rm -rf $(CACHE)/target $(CACHE)/tools $(CACHE)/conformance $(CACHE)/fuzz $(CACHE)/mutations $(CACHE)/python
