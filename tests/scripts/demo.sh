#!/usr/bin/env bash
# A simulated Confluence site, the exporter and a real Prometheus, on loopback.
# usage: demo.sh            stays until Ctrl-C
#        demo.sh --check    ends when every number and panel has data; fails, with the logs, where one has none
set -euo pipefail
cd "$(dirname "$0")/../.."

stay=true
if [ "${1:-}" = --check ]; then stay=false; fi
ask=tests/scripts/ask_prometheus.py

# shellcheck source=tests/scripts/stage.sh
source tests/scripts/stage.sh

# The usual port where somebody may look for it and nobody listens, else any free one.
usual_port() {
    if $stay && ! (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then
        printf '%s\n' "$1"
    else
        free_port
    fi
}

tests/scripts/setup.sh demo
printf 'demo: building\n'
cargo build --locked --quiet --package confluence-exporter --package confluence-simulator
binaries=$(target_folder)/debug

start simulator "$binaries/confluence-simulator" --seed 7 --spaces 12 --docs 2000 --pace 2
wait_for 20 "the simulated site is open" told "service account"
read -r _ username _ token <<<"$(told "service account")"
site=$(told url)
control=$(told control)

umask 077
printf '%s\n' "$token" >"$folder/token"
# Quick, so that there is something to watch; the budget is what a small site on loopback bears.
cat >"$folder/exporter.yml" <<YAML
refresh_interval: 3s
request_budget: 6000
connections:
  - name: demo
    instance_url: $site
    gateway_url: $site
    username: $username
    api_token_file: $folder/token
    api_token_expires: $(date -u -d '+90 days' +%F)
    concurrency_level: 10
    collectors: { views: { max_age: 10m } }
YAML
exporter=127.0.0.1:$(usual_port 10054)
start exporter "$binaries/confluence-exporter" serve --config.file="$folder/exporter.yml" --store.path="$folder/exporter.db" --web.listen-address="$exporter"
wait_for 20 "the exporter is ready" curl -fsS --max-time 2 "http://$exporter/-/ready"

cat >"$folder/prometheus.yml" <<YAML
global: { scrape_interval: 3s, evaluation_interval: 3s }
rule_files: ["$PWD/deploy/prometheus/confluence.rules.yml"]
scrape_configs:
  - job_name: confluence
    static_configs: [{ targets: ["$exporter"] }]
YAML
prometheus=127.0.0.1:$(usual_port 9090)
start prometheus prometheus --config.file="$folder/prometheus.yml" --storage.tsdb.path="$folder/prometheus" \
    --web.listen-address="$prometheus" --log.level=warn
wait_for 20 "Prometheus is ready" curl -fsS --max-time 2 "http://$prometheus/-/ready"

printf 'demo: waiting until Prometheus has the numbers\n'
wait_for 120 "Prometheus has the numbers" "$ask" "http://$prometheus" numbers
"$ask" "http://$prometheus" numbers
if ! $stay; then
    wait_for 60 "every panel has data" "$ask" "http://$prometheus" panels dashboards/*.json
    printf 'demo: every number and every panel has data\n'
    exit 0
fi

cat <<TEXT

  Prometheus    http://$prometheus/graph?g0.expr=sum%20by%20(space)%20(confluence_docs)&g0.tab=1
  its alerts    http://$prometheus/alerts
  exporter      http://$exporter/metrics
  the site      $control/journal (what it was asked)
  dashboard     dashboards/overview.json, for a Grafana of yours with that Prometheus as its source

People create and edit on the simulated site all the time. Ctrl-C stops everything.
TEXT
trap 'exit 0' INT TERM
for pid in "${pids[@]}"; do wait "$pid" || true; done
fail "one of the programs has ended"
