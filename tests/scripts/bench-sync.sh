#!/usr/bin/env bash
# The first walk of 100,000 docs in 200 spaces at 50 ms latency and ten requests at once: how many listing requests,
# how long, how much memory. Fails beyond 1.05 of the requests needed, 1.25 of the time they need, or 80 MB.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/scripts/stage.sh
source tests/scripts/stage.sh

docs=100000
spaces=200
latency_ms=50
concurrency=10

cargo build --locked --release --quiet --package confluence-exporter --package confluence-simulator
binaries=$(target_folder)/release

start simulator "$binaries/confluence-simulator" --seed 7 --spaces "$spaces" --docs "$docs" --latency "$latency_ms"
wait_for 20 "the simulated site is open" told "service account"
read -r _ username _ token <<<"$(told "service account")"
(umask 077 && printf '%s\n' "$token" >"$folder/token")
# The least budget: the walk has the permits for itself, but for one request a minute.
cat >"$folder/exporter.yml" <<YAML
refresh_interval: 1d
request_budget: 1
connections:
  - name: bench
    instance_url: $(told url)
    gateway_url: $(told url)
    username: $username
    api_token_file: $folder/token
    concurrency_level: $concurrency
YAML
exporter=127.0.0.1:$(free_port)
start exporter "$binaries/confluence-exporter" serve --config.file="$folder/exporter.yml" --store.path="$folder/exporter.db" --web.listen-address="$exporter"
wait_for 20 "the exporter is ready" curl -fsS "http://$exporter/-/ready"

tests/scripts/first_walk.py "http://$exporter/metrics" "$(told control)" "$latency_ms" "$concurrency"
