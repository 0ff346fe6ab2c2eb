#!/usr/bin/env bash
# Runs every test: with nextest where it is installed, else with cargo's own runner.
set -euo pipefail
cd "$(dirname "$0")/../.."

if cargo nextest --version >/dev/null 2>&1; then
    exec cargo nextest run --workspace --locked --no-fail-fast
fi
exec cargo test --workspace --locked --lib --bins --tests --no-fail-fast
