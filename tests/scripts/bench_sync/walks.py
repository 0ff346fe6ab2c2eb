"""The first walk, by id over groups of spaces, and what a million docs need afterwards."""

import base64
import math
import os
import re
import subprocess
import time
from pathlib import Path

from page import table
from stage import Exporter, Site, Span

ROWS_AN_ANSWER = 250  # The most that the API lets one answer hold.
TYPES = ("page", "blogpost")
# Nothing but spaces and docs, and no refresh but the first: the walk has the permits for itself.
QUIET = "refresh_interval: 1d\nrequest_budget: 1"
DOCS_ALONE = "collectors: {" + ", ".join(f" {name}: {{ enabled: false }}" for name in ("versions", "users", "labels", "states", "views")) + " }"
VERSIONS_TOO = DOCS_ALONE.replace("versions: { enabled: false }", "versions: { enabled: true }")
MOST_REQUESTS, MOST_TIME, MOST_BYTES_AT_100_000 = 1.05, 1.25, 80e6
MOST_BYTES_A_DOC, MOST_BYTES_A_VERSION, MOST_BYTES_IN_ALL = 120, 24, 220e6
MOST_SECONDS_TO_SHOW, MOST_SECONDS_TO_OPEN = 1, 5
MOST_CENSUS = 0.5  # Seconds of CPU.
CENSUS_REFRESHES, SECONDS_A_REFRESH = 6, 5
MOST_ASKED_A_SECOND = 25 / 0.05  # By 25 at once, at 50 ms.
SPACES_ANSWERS = 2  # Of a site with 500 spaces.
# Above this the cores were as busy as other programs let them be.
BUSY = 0.95


def listing_requests(site):
    """When each answer of the walk was given, by listing; the base, newest change first, left out."""
    walk = {}
    for entry in site.control("journal")["entries"]:
        if entry["operation"] in ("pages", "blogposts") and "sort=-modified-date" not in entry["query"]:
            spaces = re.findall(r"space-id=(\d+)", entry["query"])
            walk.setdefault((entry["operation"], *spaces), []).append(entry["at_ms"])
    return walk


def walk(site, exporter, concurrency, goals):
    """Lets it happen and measures it."""
    span = Span(exporter=exporter, site=site)
    page = exporter.first_walk()
    span.end()
    listings = listing_requests(site)
    asked = [at for listing in listings.values() for at in listing]
    latency = site.latency_ms / 1000
    docs = {doc_type: page.sum(rf'confluence_docs{{.*type="{doc_type}"') for doc_type in TYPES}
    longest = max(map(len, listings.values())) * latency
    figures = {
        "docs": page.docs(),
        "concurrency": concurrency,
        "latency_ms": site.latency_ms,
        "requests": len(asked),
        "needed": sum(math.ceil(count / ROWS_AN_ANSWER) for count in docs.values()),
        "listings": len(listings),
        "seconds": (max(asked) - min(asked)) / 1000 + latency,
        "waiting": len(asked) * latency / concurrency,
        "resident": exporter.resident_bytes(),
        "busy": span.share(span.busy),
        "exporter_share": span.share(span.cpu["exporter"]),
        "site_share": span.share(span.cpu["site"]),
        "others_share": span.share(span.others()),
        "cpu": span.cpu["exporter"],
        "store_cpu": exporter.cpu_seconds_of("store"),
    }
    figures["bound"] = bound(figures, longest)
    goals.at_most(f"requests of the walk over {figures['docs']:,} docs", figures["requests"], int(MOST_REQUESTS * figures["needed"]) + figures["listings"])
    # With a million docs it may be the cores that bound it.
    if figures["busy"] < BUSY or figures["docs"] < 500_000:
        goals.at_most(f"seconds of the walk over {figures['docs']:,} docs", figures["seconds"], MOST_TIME * figures["waiting"])
    return figures


def bound(figures, longest):
    """What takes the longest if nothing else counts, and how long."""
    if figures["busy"] >= BUSY:
        return "the cores, which it shared with the site and with other programs"
    bounds = {
        "waiting for answers": figures["waiting"],
        "the longest listing, one answer after the other": longest,
        "the store's one thread": figures["store_cpu"],
    }
    what = max(bounds, key=bounds.get)
    return f"{what} ({bounds[what]:.2f} s of {figures['seconds']:.2f} s)"


def lists_a_second(folder, binaries, goals):
    """How many full answers the simulator gives, so that no walk measures it: ten times what the exporter asks at the most."""
    with Site(folder, binaries, 100_000, 200) as site:
        login = base64.b64encode(f"{site.username}:{site.token}".encode()).decode()
        url = f"{site.gateway}/wiki/api/v2/pages?limit={ROWS_AN_ANSWER}"
        told = subprocess.run(["wrk", "-t1", "-c16", "-d3", "-H", f"Authorization: Basic {login}", url], check=True, stdout=subprocess.PIPE, text=True).stdout
    if "Non-2xx" in told:
        raise SystemExit(f"the simulator refused what wrk asked:\n{told}")
    served = float(re.search(r"Requests/sec:\s+([\d.]+)", told)[1])
    goals.at_least("full answers a second of the simulator", served, 10 * MOST_ASKED_A_SECOND)
    return served


def of_100_000(folder, binaries, goals):
    with Site(folder, binaries, 100_000, 200, latency_ms=50) as site, Exporter(folder, binaries, site, QUIET, 10, DOCS_ALONE, folder / "walk.db") as exporter:
        goals.at_most("seconds until the simulator has opened a site of 100,000 docs", site.seconds_to_open, MOST_SECONDS_TO_OPEN)
        figures = walk(site, exporter, 10, goals)
    goals.at_most("bytes of memory after the walk over 100,000 docs", figures["resident"], MOST_BYTES_AT_100_000)
    return figures


def of_1_000_000(folder, binaries, goals):
    """The walk, a restart, and the versions."""
    store = folder / "million.db"
    with Site(folder, binaries, 1_000_000, 500, latency_ms=50) as site:
        world = site.control("world")
        with Exporter(folder, binaries, site, QUIET, 25, DOCS_ALONE, store) as exporter:
            walked = walk(site, exporter, 25, goals)
        walked |= {"versions": world["versions"], "to_open": site.seconds_to_open, "site_resident": site.resident_bytes()}
        site.set_latency(0)
        stored = bytes_of(store)
        restarted = restart(folder, binaries, site, store, goals)
        known = versions(folder, binaries, site, store, goals)
        known["memory_a_version"] = (known["resident"] - restarted["resident"]) / known["edits"]
        known["disk_a_doc"] = stored / walked["docs"]
        known["disk_a_version"] = (known.pop("stored") - stored) / known["edits"]
    goals.at_most("bytes of memory a version", known["memory_a_version"], MOST_BYTES_A_VERSION)
    goals.at_most("bytes of memory in all", known["resident"], MOST_BYTES_IN_ALL)
    return walked, restarted, known


def restart(folder, binaries, site, store, goals):
    site.mark()
    with Exporter(folder, binaries, site, QUIET, 25, DOCS_ALONE, store) as exporter:
        exporter.scrape_until("the numbers are on show", lambda page: page.docs(), pause=0.005)
        figures = {"seconds": time.monotonic() - exporter.started}
        wanted = {"spaces": 2, "pages": 1, "blogposts": 1}
        is_over = lambda: all(site.asked().get(name, 0) >= requests for name, requests in wanted.items())
        exporter.wait_for("the refresh after the restart", is_over)
        # It says so if it goes on asking.
        time.sleep(1)
        asked = site.asked()
        goals.at_most("seconds from the start to the first scrape with numbers", figures["seconds"], MOST_SECONDS_TO_SHOW)
        figures |= {"requests": sum(wanted.values()), "resident": exporter.resident_bytes()}
        # Where the site is, each start asks.
        asked.pop("tenant_info", None)
        goals.exactly("requests after the restart", asked, wanted)
    return figures


def versions(folder, binaries, site, store, goals):
    """All versions of the longest window, as fast as they are answered; then what it takes to count them."""
    site.mark()
    with Exporter(folder, binaries, site, f"refresh_interval: {SECONDS_A_REFRESH}s\nrequest_budget: 10000000", 25, VERSIONS_TOO, store) as exporter:
        # Until they are known, no edits are on show; the stored snapshot says of who was switched off that he knows all.
        page = exporter.scrape_until("all versions are known", lambda page: page.edits() and page.coverage("versions") == 1, pause=5)
        figures = {"seconds": time.monotonic() - exporter.started, "edits": page.edits(), "resident": exporter.resident_bytes()}
        asked = site.mark()
        figures["requests"] = asked["page_versions"] + asked["blogpost_versions"]
        figures["census"] = census(site, exporter)
    goals.at_most("CPU milliseconds of a census and its text", figures["census"] * 1000, MOST_CENSUS * 1000)
    return figures | {"stored": bytes_of(store)}


def census(site, exporter):
    """CPU seconds of a snapshot, as numbers and as text: from some refreshes, each of which makes two of them."""
    before = exporter.cpu_by_part()
    for _ in range(CENSUS_REFRESHES):
        exporter.scrape()
        time.sleep(SECONDS_A_REFRESH)
    counted = exporter.cpu_by_part()["counting"] - before["counting"]
    return counted / (2 * site.asked()["spaces"] / SPACES_ANSWERS)


def bytes_of(store):
    return sum(path.stat().st_size for path in Path(store).parent.glob(f"{Path(store).name}*"))


def walks_text(walked, served):
    rows = [
        [
            walk["docs"],
            f"{walk['latency_ms']} ms, {walk['concurrency']} at once",
            walk["requests"],
            f"{walk['needed']:,} + {walk['listings']} listings",
            f"{walk['seconds']:.2f} s for {walk['waiting']:.2f} s",
            walk["seconds"] / walk["waiting"],
            f"{walk['cpu']:.1f} s, {walk['store_cpu']:.1f} s",
            f"{walk['resident'] / 1e6:.0f} MB",
        ]
        for walk in walked
    ]
    head = ["docs", "site", "requests", "needed", "time", "ratio", "CPU of the exporter, of its store", "resident memory"]
    bounds = [
        f"The walk over {walk['docs']:,} docs was bounded by {walk['bound']}. The {os.cpu_count()} cores were busy for {walk['busy']:.0%}: exporter "
        f"{walk['exporter_share']:.0%}, site {walk['site_share']:.0%}, other programs {walk['others_share']:.0%}."
        for walk in walked
    ]
    bounds.append(f"The simulator gives {served:,.0f} full answers a second to wrk, on the same cores; the walks ask for {MOST_ASKED_A_SECOND:,.0f} at the most.")
    return table(head, rows) + "\n\n" + "\n\n".join(bounds)


def million_text(walked, restarted, known, memory_a_doc):
    docs, edits = f"{walked['docs']:,}", f"{known['edits']:,}"
    return f"""The site of {docs} docs has {walked['versions']:,} versions, {edits} edits within the longest window, in 500 spaces. The simulator opens
it in {walked['to_open']:.1f} s and {walked['site_resident'] / 1e6:.0f} MB.

{table(
    ["", "", "goal"],
    [
        ["after a restart: first scrape with numbers", f"{restarted['seconds']:.2f} s after the start", f"{MOST_SECONDS_TO_SHOW} s"],
        ["after a restart: requests of the first refresh (500 spaces: 2 answers)", restarted["requests"], "4"],
        ["versions: requests, and seconds at no latency", f"{known['requests']:,} in {known['seconds']:.0f} s", ""],
        ["a census and its text, versions known", f"{known['census'] * 1000:.0f} ms of CPU", f"{MOST_CENSUS * 1000:.0f} ms"],
        ["memory a doc (growth from 100,000 to 1,000,000 docs)", f"{memory_a_doc:.0f} bytes", f"{MOST_BYTES_A_DOC}"],
        ["memory a version (growth with the versions, an edit)", f"{known['memory_a_version']:.0f} bytes", f"{MOST_BYTES_A_VERSION}"],
        ["memory in all, versions known", f"{known['resident'] / 1e6:.0f} MB", f"{MOST_BYTES_IN_ALL / 1e6:.0f} MB"],
        ["disk a doc", f"{known['disk_a_doc']:.0f} bytes", ""],
        ["disk a version (an edit)", f"{known['disk_a_version']:.0f} bytes", ""],
    ],
)}"""
