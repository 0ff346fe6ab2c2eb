#!/usr/bin/python3
"""Starts an exporter's first walk by scraping it, and measures the walk.

usage: first_walk.py METRICS_URL LATENCY_MS CONCURRENCY
"""

import math
import re
import sys
import time
import urllib.request

PAGE = 250  # What the API lets one answer hold.
TYPES = ("page", "blogpost")
# The walk deals the spaces out to three listings a permit and type; each ends with an answer that is not full.
LISTINGS_A_PERMIT = 3
MOST_REQUESTS, MOST_TIME, MOST_BYTES = 1.05, 1.25, 80e6


def scrape(url):
    with urllib.request.urlopen(url, timeout=30) as answer:
        lines = answer.read().decode().splitlines()
    return [line.rsplit(" ", 1) for line in lines if not line.startswith("#")]


def total(samples, pattern):
    return sum(float(value) for name, value in samples if re.match(pattern, name))


def main():
    url, latency, concurrency = sys.argv[1], float(sys.argv[2]) / 1000, int(sys.argv[3])
    begun = time.monotonic()
    while True:
        samples = scrape(url)
        known = total(samples, r"confluence_docs{")
        if known and total(samples, r'confluence_collector_coverage_ratio{.*collector="docs"') == 1:
            break
        if time.monotonic() - begun > 300:
            sys.exit("the first walk does not end")
        time.sleep(0.02)
    took = time.monotonic() - begun

    requests = total(samples, r'confluence_api_requests_total{.*operation="(pages|blogposts)"')
    docs = {doc_type: total(samples, rf'confluence_docs{{.*type="{doc_type}"') for doc_type in TYPES}
    needed = sum(math.ceil(count / PAGE) for count in docs.values())
    listings = len(TYPES) * LISTINGS_A_PERMIT * concurrency
    seconds = requests * latency / concurrency
    resident = total(samples, "process_resident_memory_bytes")

    print(f"{sum(docs.values()):,.0f} docs: {requests:.0f} listing requests for {needed} full answers and {listings} listings")
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
        sys.exit("; ".join(missed))


if __name__ == "__main__":
    main()
