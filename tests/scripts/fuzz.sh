#!/usr/bin/env bash
# Lets libFuzzer at all that reads what others wrote: each target for FUZZ_SECONDS (60), or TARGET alone. What breaks
# one is left in fuzz/artifacts.
set -euo pipefail
cd "$(dirname "$0")/../.."

mapfile -t targets < <(cargo fuzz list)
[ -z "${TARGET:-}" ] || targets=("$TARGET")

for target in "${targets[@]}"; do
    printf 'fuzz: %s for %s s\n' "$target" "${FUZZ_SECONDS:-60}"
    # What it finds on its way goes into the first folder, so that the seeds stay few.
    mkdir -p "fuzz/corpus/$target"
    dictionary=()
    case "$target" in config | web_config) dictionary=(-dict=fuzz/yaml.dict) ;; esac
    # Without a sanitizer, which only Rust's nightly has: the code is safe Rust, and what counts are panics.
    cargo fuzz run --sanitizer none "$target" "fuzz/corpus/$target" "fuzz/seeds/$target" -- \
        -max_total_time="${FUZZ_SECONDS:-60}" -max_len=16384 -timeout=10 -rss_limit_mb=1024 \
        -print_final_stats=1 "${dictionary[@]}" 2>fuzz/corpus/"$target".log || {
        tail -n 60 fuzz/corpus/"$target".log >&2
        exit 1
    }
    grep -E '^stat::(number_of_executed_units|average_exec_per_sec|peak_rss_mb)' fuzz/corpus/"$target".log
done
