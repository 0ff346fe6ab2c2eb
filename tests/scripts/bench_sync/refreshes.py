"""What a refresh costs: of a site that stands still, at four sizes, and after so many edits."""

import math
import time

from page import table
from stage import Exporter, Site
from walks import DOCS_ALONE, ROWS_AN_ANSWER

SIZES = {1_000: 20, 10_000: 200, 100_000: 250, 1_000_000: 250}  # Docs, and spaces: at most one answer's.
EDITED_AT = 100_000
EDITS = (1, 250, 1_000)
ROUNDS, REFRESHES_A_ROUND = 3, 10
EVERY_SECOND = "refresh_interval: 1s\nrequest_budget: 1"
# The base: an answer each of spaces, pages and blog posts.
BASE = 3
MOST_BYTES_WRITTEN = 64 * 1024
# Of the CPU time but for the census, where the docs are a hundred times as many; after a census the caches are cold.
MOST_GROWTH = 2


def at_all_sizes(folder, binaries, goals):
    unchanged, edited = [], []
    for docs, spaces in SIZES.items():
        with Site(folder, binaries, docs, spaces) as site:
            open_exporter = lambda: Exporter(folder, binaries, site, EVERY_SECOND, 25, DOCS_ALONE, folder / f"{docs}.db")
            with open_exporter() as exporter:
                exporter.first_walk()
                # What is free is given back to the system within ten seconds.
                time.sleep(12)
                resident = exporter.resident_bytes()
            # Another one, so that nothing of the walk is left to be written.
            site.mark()
            with open_exporter() as exporter:
                exporter.first_walk()
                # Its first refresh also loads what is kept, and asks where the site is. Without scrapes it would be given up.
                has_refreshed = lambda page: all(site.asked().get(name) for name in ("spaces", "pages", "blogposts"))
                exporter.scrape_until("the refresh after the restart", has_refreshed, pause=0.3)
                unchanged.append({"docs": docs, "resident": resident} | stand_still(site, exporter, goals))
                if docs == EDITED_AT:
                    edited = [after_edits(site, exporter, edits, goals) for edits in EDITS]
    *_, few, _, most = (size["cpu_ms"]["asking"] + size["cpu_ms"]["store"] for size in unchanged)
    goals.at_most("growth of a refresh's CPU time, but for the census, over a hundred times the docs", most / few, MOST_GROWTH)
    return unchanged, edited


def stand_still(site, exporter, goals):
    """Many refreshes without a change."""
    settle(exporter)
    site.mark()
    written = exporter.bytes_written()
    # Of other programs' noise the quietest round has the least.
    cpu = min((some_refreshes(site, exporter) for _ in range(ROUNDS)), key=lambda round: round["all"] - round["counting"])
    asked = site.asked()
    refreshes = asked["spaces"]
    figures = {
        "requests": sum(asked.values()) / refreshes,
        "cpu_ms": cpu,
        "written": (exporter.bytes_written() - written) / refreshes,
    }
    size = f"an unchanged site of {exporter.scrape().docs():,} docs"
    goals.exactly(f"requests of {refreshes} refreshes of {size}", asked, dict.fromkeys(("spaces", "pages", "blogposts"), refreshes))
    goals.at_most(f"bytes written by a refresh of {size}", figures["written"], MOST_BYTES_WRITTEN)
    return figures


def some_refreshes(site, exporter):
    """CPU milliseconds of one, by part. A scrape a second starts each of them."""
    cpu, asked = exporter.cpu_by_part(), site.asked().get("spaces", 0)
    for _ in range(REFRESHES_A_ROUND):
        exporter.scrape()
        time.sleep(1)
    after, refreshes = exporter.cpu_by_part(), site.asked()["spaces"] - asked
    return {part: (after[part] - cpu[part]) * 1000 / refreshes for part in cpu}


def after_edits(site, exporter, edits, goals):
    # Beyond the overlap: what was edited before is not read again.
    site.control("clock", {"forward_seconds": 7200})
    exporter.scrape()
    settle(exporter)
    edited = site.control("world", {"do": "edit_many", "docs": edits})
    if not edited["done"]:
        raise SystemExit(f"the site has no {edits} docs to edit")
    site.mark()
    written = exporter.bytes_written()
    exporter.scrape()
    settle(exporter)
    asked = site.asked()
    if asked.get("spaces") != 1:
        raise SystemExit(f"this was not one refresh: {asked}")
    requests = sum(asked.values())
    most = BASE + math.ceil(edits / ROWS_AN_ANSWER)
    goals.at_most(f"requests of a refresh after {edits} edits", requests, most + 2)
    return {"edits": edits, "requests": requests, "most": most, "written": exporter.bytes_written() - written}


def settle(exporter):
    """Until the refresh under way has ended and the next one is due."""
    time.sleep(1)
    exporter.wait_for("the refresh has ended", lambda: is_idle(exporter), pause=0)


def is_idle(exporter):
    before = exporter.cpu_seconds()
    time.sleep(0.3)
    return exporter.cpu_seconds() - before < 0.02


def memory_a_doc(unchanged):
    """From the growth between the two largest, which have as many spaces."""
    *_, smaller, larger = unchanged
    return (larger["resident"] - smaller["resident"]) / (larger["docs"] - smaller["docs"])


def text(unchanged, edited):
    rows = []
    for size in unchanged:
        cpu = size["cpu_ms"]
        shares = [f"{cpu[part]:.1f} ms" for part in ("all", "asking", "store", "counting")]
        rows.append([size["docs"], size["requests"], *shares, f"{size['written'] / 1024:.1f} KiB", f"{size['resident'] / 1e6:.0f} MB"])
    head = ["docs", "requests", "CPU of a refresh", "asking", "store", "census and text", "written to disk", "memory after the walk"]
    edits = [[edit["edits"], edit["requests"], f"{edit['most']}, and one more a type", f"{edit['written'] / 1024:.0f} KiB"] for edit in edited]
    return table(head, rows) + "\n\n" + table([f"edits since, at {EDITED_AT:,} docs", "requests", "at most", "written to disk"], edits)
