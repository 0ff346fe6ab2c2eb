# Everything a person or CI runs. Debian 12, Rust and root are enough: `make setup` brings the rest.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help setup test lint unit rules demo demo-check bench-scrape bench-sync soak soak-kill fuzz deny check-openapi clean

help: ## List the targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 22

setup: ## Install what is missing: Debian packages, Rust components, .venv
	@tests/scripts/setup.sh all

test: setup ## Everything that CI runs
	@$(MAKE) --no-print-directory lint rules unit demo-check

lint: ## Format, lints and shell scripts
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --locked -- -D warnings
	.venv/bin/shellcheck --external-sources .ci/run tests/scripts/*.sh

unit: ## Tests and documentation's examples
	cargo test --workspace --locked --doc
	tests/scripts/cargo-test.sh

rules: ## Prometheus' configuration and alerts
	promtool check config deploy/prometheus/prometheus*.yml
	promtool test rules deploy/prometheus/tests/*.test.yml

demo: ## A simulated site, the exporter and Prometheus on loopback, until Ctrl-C
	@tests/scripts/demo.sh

demo-check: ## The same without staying: fails unless every number and panel is there
	@tests/scripts/demo.sh --check

bench-scrape: ## Requests per second of /metrics against nginx serving the same bytes
	@tests/scripts/setup.sh bench
	@tests/scripts/bench-scrape.sh

bench-sync: ## What asking costs, up to a million docs: requests, time, memory, disk
	@tests/scripts/setup.sh bench
	@tests/scripts/bench-sync.sh

soak: ## Worlds that live for weeks among faults and restarts, for SOAK_SECONDS (an hour); SEED=n tries one
	SOAK_SECONDS=$${SOAK_SECONDS:-3600} cargo test --locked --test sync soak:: -- --nocapture

soak-kill: ## kill -9, KILLS times (200), at random moments
	KILLS=$${KILLS:-200} cargo test --locked --test commands killing:: -- --nocapture

fuzz: ## libFuzzer against all that reads what others wrote, FUZZ_SECONDS (60) each; TARGET=name tries one
	@tests/scripts/setup.sh fuzz
	@tests/scripts/fuzz.sh

deny: ## Licences, banned packages and known flaws of whatever is linked in
	@tests/scripts/setup.sh deny
	cargo deny --locked check

check-openapi: ## Hold the simulator's rules against Atlassian's documents in OPENAPI_DIR
	@: "$${OPENAPI_DIR:?set OPENAPI_DIR to the folder of confluence-v1.json and confluence-v2.json}"
	cargo run --locked --quiet --package confluence-simulator --bin check-openapi -- "$$OPENAPI_DIR"

clean: ## Remove what builds and runs leave behind
	cargo clean
	rm -rf .venv fuzz/target fuzz/corpus
