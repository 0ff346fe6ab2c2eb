#!/usr/bin/python3
"""Asks a Prometheus for what the demo promises; fails and says what is missing.

usage: ask_prometheus.py URL numbers
       ask_prometheus.py URL panels DASHBOARD.json...
"""

import json
import math
import re
import sys
import urllib.parse
import urllib.request

NUMBERS = [
    ("connections up", "sum(confluence_up)"),
    ("standing errors", "sum(confluence_connection_error)"),
    ("spaces", "sum(confluence_spaces)"),
    ("docs", "sum(confluence_docs)"),
    ("docs, current", 'sum(confluence_docs{status="current"})'),
    ("new in 7 days", 'sum(confluence_new_docs{window="7d"})'),
    ("updated in 7 days", 'sum(confluence_updated_docs{window="7d"})'),
    ("edits in 365 days", 'sum(confluence_doc_updates{window="365d"})'),
    ("edit sessions in 365 days", 'sum(confluence_doc_edit_sessions{window="365d"})'),
    ("people who wrote in 30 days", 'sum(confluence_site_contributors{account_type="atlassian", window="30d"})'),
    ("stale for 180 days", 'sum(confluence_stale_docs{age="180d"})'),
    ("pages of owners who left", 'sum(confluence_docs_by_owner_status{owner_status=~"inactive|closed"})'),
    ("without a label", "sum(confluence_unlabelled_docs)"),
    ("labels shown", "count(count by (label) (confluence_docs_by_label))"),
    ("with a content state", 'sum(confluence_docs_by_state{state!="(none)"})'),
    ("views, lifetime", "sum(confluence_doc_views)"),
    ("least coverage of a collector", "min(confluence_collector_coverage_ratio)"),
    ("seconds since their moment", "time() - max(confluence_snapshot_timestamp_seconds)"),
    ("requests sent to the site", "sum(confluence_api_requests_total)"),
]
# What a number must be besides there.
EXACTLY = {"connections up": 1, "standing errors": 0}

# What Grafana would put in for its variables: everything, and the usual window.
VARIABLES = {"window": "30d", "__rate_interval": "1m", "__interval": "15s", "__range": "1h"}


def values(url, query):
    address = f"{url}/api/v1/query?{urllib.parse.urlencode({'query': query})}"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            result = json.load(answer)["data"]["result"]
    except urllib.error.HTTPError as error:
        sys.exit(f"{json.load(error)['error']}: {query}")
    found = [float(sample["value"][1]) for sample in result]
    return [value for value in found if not math.isnan(value)]


def numbers(url):
    missing = []
    for title, query in NUMBERS:
        found = values(url, query)
        if not found:
            missing.append(f"{title}: no data for {query}")
        elif found[0] != EXACTLY.get(title, found[0]):
            missing.append(f"{title}: {found[0]:g} instead of {EXACTLY[title]}")
        else:
            text = f"{found[0]:,.0f}" if found[0] == int(found[0]) else f"{found[0]:,.2f}"
            print(f"  {title:<32}{text:>10}   {query}")
    return missing


def panels(url, files):
    missing = []
    for file in files:
        with open(file, encoding="utf-8") as text:
            dashboard = json.load(text)
        asked = 0
        for panel in dashboard["panels"] + [inner for row in dashboard["panels"] for inner in row.get("panels", [])]:
            for target in panel.get("targets", []):
                query = re.sub(r"\$\{?(\w+)\}?", lambda name: VARIABLES.get(name[1], ".*"), target["expr"])
                asked += 1
                if not values(url, query):
                    missing.append(f"{file}: {panel['title']}: no data for {query}")
        if not asked:
            missing.append(f"{file}: no queries")
    return missing


def main():
    match sys.argv[1:]:
        case [url, "numbers"]:
            missing = numbers(url)
        case [url, "panels", *files] if files:
            missing = panels(url, files)
        case _:
            sys.exit(__doc__)
    if missing:
        sys.exit("\n".join(missing))


if __name__ == "__main__":
    main()
