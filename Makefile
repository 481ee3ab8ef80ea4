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

.PHONY: test-rust
test-rust:
	cargo test $(LOCKED) --workspace

.PHONY: test-wasm
test-wasm:
	tools/wasm-build

.PHONY: transcripts
transcripts: ## Replay the transcripts: HOST=rust
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

.PHONY: bench
bench: ## Measure what the core costs, beside the bare primitives and beside rmcp
	@command -v valgrind >/dev/null || [ "$$(id -u)" != 0 ] || apt-get install -qq -y valgrind || true
	cargo build -q $(LOCKED) --release -p mcp-oauth-host --bin mcp-oauth
	cargo bench -q $(LOCKED) -p mcp-oauth-bench -- $(CARGO_TARGET_DIR)/release/mcp-oauth

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
	RUSTDOCFLAGS="-D warnings" cargo doc $(LOCKED) --workspace --no-deps
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
	rm -rf $(CACHE)/target $(CACHE)/tools $(CACHE)/conformance $(CACHE)/fuzz $(CACHE)/mutations
