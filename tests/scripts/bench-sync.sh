#!/usr/bin/env bash
# What asking costs, from a thousand docs to a million: requests, time, memory, disk, and the same beside a script that keeps
# nothing. Writes docs/BENCHMARKS.md; fails where a goal is missed.
set -euo pipefail
cd "$(dirname "$0")/../.."

cargo build --locked --release --quiet --package confluence-exporter --package confluence-simulator
target=$(cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/')
exec .venv/bin/python -B tests/scripts/bench_sync "$target/release" docs/BENCHMARKS.md
