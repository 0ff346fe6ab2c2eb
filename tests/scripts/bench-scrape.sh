#!/usr/bin/env bash
# Measures /metrics against nginx serving the same bytes. Fails below nine tenths of nginx's requests a second.
set -euo pipefail
cd "$(dirname "$0")/../.."

# Debian keeps nginx where only root looks.
PATH=$PATH:/usr/sbin exec cargo bench --quiet --locked --bench scrape
