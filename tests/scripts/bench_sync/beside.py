"""The same numbers of the same site, by a script with PyPI's atlassian-python-api and by the exporter."""

import json
import re
import subprocess
import sys
import time
from pathlib import Path

from page import table
from refreshes import BASE, settle
from stage import Exporter, Site
from walks import TYPES

DOCS, SPACES = 20_000, 100
SCRIPT = Path(__file__).parent.parent / "count_with_python_package.py"
VERSIONS_AND_LABELS = "collectors: { users: { enabled: false }, states: { enabled: false }, views: { enabled: false } }"
# Every label has a series; a refresh begins when a scrape asks for it, not sooner than a second after the one before.
SETTINGS = "refresh_interval: 1s\nrequest_budget: 10000000"
ALL_LABELS = "labels: { top: 1000 }"
AT_ONCE = 5  # The exporter's default. The script asks one thing after the other.
LATENCY = 0.05  # A request's, where the table says what the waiting alone comes to.


def measure(folder, binaries, goals):
    with Site(folder, binaries, DOCS, SPACES) as site:
        # Windows end at one moment for both.
        moment = site.control("clock", {"running": False})["now_ms"] // 1000 * 1000
        site.control("clock", {"set_ms": moment})
        scripted, its_counts = by_script(site, moment)
        site.mark()
        with Exporter(folder, binaries, site, SETTINGS, AT_ONCE, f"{VERSIONS_AND_LABELS}\n    {ALL_LABELS}", folder / "beside.db") as exporter:
            figures, page = by_exporter(site, exporter, goals)
    differences = compare(its_counts, page)
    goals.exactly("numbers in which script and exporter differ", differences, [])
    return {"docs": page.docs(), "numbers": len(its_counts), "script": scripted, **figures}


def by_script(site, moment):
    begun = time.monotonic()
    arguments = [f"{site.gateway}/wiki", site.username, site.token, str(moment)]
    counts = json.loads(subprocess.run([sys.executable, SCRIPT, *arguments], check=True, stdout=subprocess.PIPE).stdout)
    return {"seconds": time.monotonic() - begun, "requests": sum(site.mark().values())}, counts


def by_exporter(site, exporter, goals):
    begun = time.monotonic()
    exporter.first_walk(pause=0.02)
    walked = {"seconds": time.monotonic() - begun}
    page = exporter.rest_is_known("versions", "labels", pause=1)
    known = {"seconds": time.monotonic() - begun}
    settle(exporter)
    asked = site.mark()
    known["requests"] = sum(asked.values())
    walked["requests"] = sum(requests for operation, requests in asked.items() if not re.search("versions|labels", operation))
    before = refreshes(exporter.scrape())
    settle(exporter)
    asked = site.asked()
    page = exporter.scrape()
    number, seconds = (after - then for after, then in zip(refreshes(page), before))
    refreshed = {"requests": sum(asked.values()), "seconds": seconds / number}
    goals.exactly("requests of a refresh with all known", refreshed["requests"], BASE)
    return {"walk": walked, "known": known, "refresh": refreshed}, page


def refreshes(page):
    return page.sum("confluence_refresh_duration_seconds_count"), page.sum("confluence_refresh_duration_seconds_sum")


def compare(counts, page):
    """The script's numbers that the exporter's page does not have, and the other way round."""
    told = {}
    for doc_type in TYPES:
        for status in ("current", "archived", "trashed"):
            told[f"docs {doc_type} {status}"] = page.sum(rf'confluence_docs{{.*type="{doc_type}",status="{status}"')
        for window in ("7d", "365d"):
            told[f"updates {doc_type} {window}"] = page.sum(rf'confluence_doc_updates{{.*type="{doc_type}",window="{window}"')
        told[f"unlabelled {doc_type}"] = page.sum(rf'confluence_unlabelled_docs{{.*type="{doc_type}"')
    for series, docs in page.samples.items():
        label = re.match(r'confluence_docs_by_label\{.*label="(.*)"', series)
        if label:
            told[f"label {label[1]}"] = told.get(f"label {label[1]}", 0) + docs
    return [f"{name}: {counts.get(name, 0)} and {told.get(name, 0):.0f}" for name in sorted({*counts, *told}) if counts.get(name, 0) != told.get(name, 0)]


def text(figures):
    rows = [
        ["script, each time", figures["script"], 1],
        ["exporter, first walk", figures["walk"], AT_ONCE],
        ["exporter, until versions and labels are known", figures["known"], AT_ONCE],
        ["exporter, a refresh", figures["refresh"], 1],
    ]
    cells = [[who, cost["requests"], at_once, f"{cost['seconds']:.2f} s", f"{cost['requests'] * LATENCY / at_once:,.1f} s"] for who, cost, at_once in rows]
    head = ["who", "requests", "at once", "time at no latency", f"waiting at {LATENCY * 1000:.0f} ms a request"]
    return f"{figures['docs']:,} docs; both tell the same {figures['numbers']} numbers.\n\n{table(head, cells)}"
