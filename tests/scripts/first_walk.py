#!/usr/bin/python3
"""Starts an exporter's first walk by scraping it, and measures the walk.

usage: first_walk.py METRICS_URL SIMULATOR_CONTROL_URL LATENCY_MS CONCURRENCY
"""

import json
import math
import re
import sys
import time
import urllib.request

PAGE = 250  # What the API lets one answer hold.
TYPES = ("page", "blogpost")
# Everything ran, but a figure is not what it should be.
MISSED = 3
MOST_REQUESTS, MOST_TIME, MOST_BYTES = 1.05, 1.25, 80e6


def scrape(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]


def total(samples, pattern):
    return sum(float(value) for name, value in samples if re.match(pattern, name))


def walk_requests(control):
    """When the simulator was asked for each page of the walk, by listing; the base, newest change first, left out."""
    with urllib.request.urlopen(f"{control}/journal", timeout=30) as answer:
        entries = json.load(answer)["entries"]
    listings = [entry for entry in entries if entry["operation"] in ("pages", "blogposts")]
    walk = {}
    for entry in listings:
        if "sort=-modified-date" not in entry["query"]:
            spaces = re.findall(r"space-id=(\d+)", entry["query"])
            walk.setdefault((entry["operation"], *spaces), []).append(entry["at_ms"])
    return walk


def main():
    url, control, latency, concurrency = sys.argv[1], sys.argv[2], float(sys.argv[3]) / 1000, int(sys.argv[4])
    begun = time.monotonic()
    while True:
        samples = scrape(url)
        known = total(samples, r"confluence_docs{")
        if known and total(samples, r'confluence_collector_coverage_ratio{.*collector="docs"') == 1:
            break
        if time.monotonic() - begun > 300:
            sys.exit("the first walk does not end")
        time.sleep(0.2)

    walk = walk_requests(control)
    asked = [at for listing in walk.values() for at in listing]
    longest = max(len(listing) for listing in walk.values())
    requests = len(asked)
    took = (max(asked) - min(asked)) / 1000 + latency
    docs = {doc_type: total(samples, rf'confluence_docs{{.*type="{doc_type}"') for doc_type in TYPES}
    needed = sum(math.ceil(count / PAGE) for count in docs.values())
    listings = len(walk)
    seconds = requests * latency / concurrency
    resident = total(samples, "process_resident_memory_bytes")

    print(f"{sum(docs.values()):,.0f} docs: {requests:.0f} listing requests for {needed} full answers and {listings} listings, the longest of {longest}")
    print(f"{took:.2f} s for {seconds:.2f} s of waiting at {concurrency} requests at once: ratio {took / seconds:.2f}")
    print(f"{resident / 1e6:.1f} MB resident")
    missed = [
        text
        for text, kept in [
            ("more requests than needed", requests <= MOST_REQUESTS * needed + listings),
            ("slower than the waiting explains", took <= MOST_TIME * seconds),
            ("more memory than promised", resident < MOST_BYTES),
        ]
        if not kept
    ]
    if missed:
        print("; ".join(missed), file=sys.stderr)
        sys.exit(MISSED)


if __name__ == "__main__":
    main()
