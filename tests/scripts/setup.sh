#!/usr/bin/env bash
# Installs what is missing, and says nothing when everything is there.
# usage: setup.sh demo|bench|fuzz|deny|all
set -euo pipefail
cd "$(dirname "$0")/../.."

fail() {
    printf 'setup: %s\n' "$*" >&2
    exit 1
}

# Debian's packages, each with a path that shows that it is there.
packages=(
    "gcc /usr/bin/cc"
    "libc6-dev /usr/include/stdlib.h"
    "ca-certificates /etc/ssl/certs/ca-certificates.crt"
    "curl /usr/bin/curl"
    "python3 /usr/bin/python3"
    "prometheus /usr/bin/prometheus"
)
requirements=
case "${1:-all}" in
    demo) ;;
    bench)
        packages+=("nginx-light /usr/sbin/nginx" "wrk /usr/bin/wrk" "python3-venv /usr/lib/python3*/ensurepip")
        requirements=tests/requirements-bench.txt
        ;;
    fuzz) packages+=("g++ /usr/bin/c++") ;;
    deny) packages+=("git /usr/bin/git") ;;
    all)
        packages+=(
            "prometheus-alertmanager /usr/bin/prometheus-alertmanager"
            "python3-venv /usr/lib/python3*/ensurepip"
            "git /usr/bin/git"
            "sqlite3 /usr/bin/sqlite3"
            "chromium /usr/bin/chromium"
            "chromium-driver /usr/bin/chromedriver"
            "bsdutils /usr/bin/script"
        )
        requirements=tests/requirements.txt
        ;;
    *) fail "usage: setup.sh demo|bench|fuzz|deny|all" ;;
esac

missing=()
for package in "${packages[@]}"; do
    compgen -G "${package#* }" >/dev/null || missing+=("${package% *}")
done
if [ ${#missing[@]} -gt 0 ]; then
    [ "$(id -u)" = 0 ] || fail "missing: ${missing[*]}. As root: apt-get install --no-install-recommends ${missing[*]}"
    command -v apt-get >/dev/null || fail "missing: ${missing[*]}, and there is no apt-get to install them"
    printf 'setup: installing %s\n' "${missing[*]}"
    export DEBIAN_FRONTEND=noninteractive
    log=$(mktemp)
    if ! { apt-get update && apt-get install -y --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
        tail -n 20 "$log" >&2
        fail "apt-get could not install: ${missing[*]}"
    fi
    rm -f "$log"
fi

command -v cargo >/dev/null || fail "missing: cargo. Install Rust as https://rustup.rs says"

if [ -n "$requirements" ] && ! cmp -s "$requirements" ".venv/${requirements##*/}"; then
    printf 'setup: installing Python packages into .venv\n'
    /usr/bin/python3 -m venv .venv || fail "could not make .venv"
    .venv/bin/pip install --quiet --disable-pip-version-check --requirement "$requirements" ||
        fail "pip could not install what $requirements names"
    # Last, so that a setup cut short is done again.
    cp "$requirements" .venv/
fi

case "${1:-all}" in fuzz | deny)
    if ! cargo "$1" --version >/dev/null 2>&1; then
        printf 'setup: installing cargo-%s\n' "$1"
        cargo install --quiet --locked "cargo-$1" || fail "cargo could not install cargo-$1"
    fi
    ;;
esac

[ "${1:-all}" = all ] || exit 0
for component in clippy fmt; do
    cargo "$component" --version >/dev/null 2>&1 && continue
    name=${component/fmt/rustfmt}
    rustup component add "$name" >/dev/null 2>&1 || fail "missing: Rust's component $name, and rustup could not add it"
done
