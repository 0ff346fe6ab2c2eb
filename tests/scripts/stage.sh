#!/usr/bin/env bash
# To be sourced: programs that run side by side, in a folder of their own, until the script ends.
# A script that fails shows the last lines of each program's log.
set -euo pipefail

# How a benchmark ends that ran well and met no good figure: the logs have nothing to say about that.
MISSED=3

folder=$(mktemp -d)
names=()
pids=()

# shellcheck disable=SC2329  # The trap calls it.
stop_everything() {
    local code=$? name
    trap - EXIT
    for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
    wait
    if [ "$code" != 0 ] && [ "$code" != "$MISSED" ]; then
        for name in "${names[@]}"; do
            printf '\n--- the last lines of %s\n' "$name"
            tail -n 20 "$folder/$name.log"
        done >&2
    fi
    rm -rf "$folder"
    exit "$code"
}
trap stop_everything EXIT
trap 'exit 130' INT TERM

fail() {
    printf '%s: %s\n' "$(basename "$0" .sh)" "$*" >&2
    exit 1
}

# start NAME PROGRAM ARGUMENT...
start() {
    local name=$1
    shift
    "$@" >"$folder/$name.log" 2>&1 &
    names+=("$name")
    pids+=($!)
}

# wait_for SECONDS WHAT COMMAND...: fails when time is up, or as soon as one of the programs has ended.
wait_for() {
    local until=$((SECONDS + $1)) what=$2 index
    shift 2
    until "$@" >"$folder/wait.log" 2>&1; do
        for index in "${!pids[@]}"; do
            kill -0 "${pids[$index]}" 2>/dev/null || fail "${names[$index]} has ended before $what"
        done
        if [ "$SECONDS" -ge "$until" ]; then
            cat "$folder/wait.log" >&2
            fail "time is up before $what"
        fi
        sleep 0.2
    done
}

# told KEY: what the simulator said of itself, `KEY: VALUE` a line.
told() {
    sed -n "s/^$1: //p" "$folder/simulator.log" | grep .
}

free_port() {
    /usr/bin/python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

target_folder() {
    cargo metadata --format-version 1 --no-deps | sed 's/.*"target_directory":"\([^"]*\)".*/\1/'
}
