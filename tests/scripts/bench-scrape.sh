#!/usr/bin/env bash
# Requests per second of /metrics with about 10,000 series of site data, against nginx serving the same bytes as
# files: turn about in one run, plain and gzipped, medians of five. Fails below 0.9 of nginx.
set -euo pipefail
cd "$(dirname "$0")/../.."
# shellcheck source=tests/scripts/stage.sh
source tests/scripts/stage.sh

rounds=5
seconds=5

cargo build --locked --release --quiet --package confluence-exporter --package confluence-simulator
binaries=$(target_folder)/release

start simulator "$binaries/confluence-simulator" --seed 7 --spaces 110 --docs 20000
wait_for 20 "the simulated site is open" told "service account"
read -r _ username _ token <<<"$(told "service account")"
(umask 077 && printf '%s\n' "$token" >"$folder/token")
# One refresh and then quiet: what is measured is answering, not asking.
cat >"$folder/exporter.yml" <<YAML
refresh_interval: 1d
request_budget: 1000000
connections:
  - name: bench
    instance_url: $(told url)
    gateway_url: $(told url)
    username: $username
    api_token_file: $folder/token
    concurrency_level: 25
YAML
exporter=127.0.0.1:$(free_port)
start exporter "$binaries/confluence-exporter" serve --config.file="$folder/exporter.yml" --store.path="$folder/exporter.db" --web.listen-address="$exporter"
wait_for 20 "the exporter is ready" curl -fsS "http://$exporter/-/ready"

# shellcheck disable=SC2329  # wait_for calls it.
everything_known() {
    ! curl -fsS "http://$exporter/metrics" | grep '^confluence_collector_coverage_ratio' | grep -v ' 1$'
}
wait_for 180 "everything is known" everything_known

mkdir "$folder/files"
curl -fsS "http://$exporter/metrics" >"$folder/files/metrics"
curl -fsS -H 'Accept-Encoding: gzip' "http://$exporter/metrics" >"$folder/files/metrics.gz"
series=$(grep -vc '^#' "$folder/files/metrics")
of_site=$(grep -c '^confluence_.*connection="bench"' "$folder/files/metrics")
[ "$of_site" -ge 10000 ] || fail "only $of_site series of site data"

nginx=127.0.0.1:$(free_port)
cat >"$folder/nginx.conf" <<CONF
worker_processes auto;
daemon off;
pid $folder/nginx.pid;
error_log $folder/nginx-error.log;
events { worker_connections 512; }
http {
    access_log off;
    sendfile on;
    tcp_nopush on;
    open_file_cache max=16;
    keepalive_requests 1000000000;
    gzip_static on;
    default_type text/plain;
    client_body_temp_path $folder/nginx-body;
    proxy_temp_path $folder/nginx-proxy;
    fastcgi_temp_path $folder/nginx-fastcgi;
    uwsgi_temp_path $folder/nginx-uwsgi;
    scgi_temp_path $folder/nginx-scgi;
    server { listen $nginx; root $folder/files; }
}
CONF
chmod 755 "$folder"
start nginx nginx -e "$folder/nginx-error.log" -c "$folder/nginx.conf"
wait_for 20 "nginx answers" curl -fsS "http://$nginx/metrics" -o /dev/null

# rate ADDRESS CODING: requests a second
rate() {
    local out
    out=$(wrk -t1 -c16 -d"${seconds}s" -H "Accept-Encoding: $2" "http://$1/metrics")
    ! grep -q 'Non-2xx\|Socket errors' <<<"$out" || fail "$1 did not answer every request: $out"
    sed -n 's/^Requests\/sec: *//p' <<<"$out"
}

median() {
    sort -n | sed -n "$(((rounds + 1) / 2))p"
}

printf '%s series, %s of the site; %s bytes plain, %s gzipped; wrk -t1 -c16, medians of %s times %s s\n' "$series" "$of_site" \
    "$(stat -c %s "$folder/files/metrics")" "$(stat -c %s "$folder/files/metrics.gz")" "$rounds" "$seconds"
code=0
for coding in identity gzip; do
    for _ in $(seq "$rounds"); do
        rate "$exporter" "$coding" >>"$folder/exporter.$coding"
        rate "$nginx" "$coding" >>"$folder/nginx.$coding"
    done
    ours=$(median <"$folder/exporter.$coding")
    theirs=$(median <"$folder/nginx.$coding")
    ratio=$(awk "BEGIN { printf \"%.2f\", $ours / $theirs }")
    printf '%-9s exporter %10s requests/s   nginx %10s requests/s   ratio %s\n' "$coding" "$ours" "$theirs" "$ratio"
    awk "BEGIN { exit !($ours >= 0.9 * $theirs) }" || code=1
done
if [ "$code" != 0 ]; then
    printf 'bench-scrape: less than 0.9 of nginx\n' >&2
    exit "$MISSED"
fi
