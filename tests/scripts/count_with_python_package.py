#!/usr/bin/env python3
"""Counts a Confluence site with PyPI's atlassian-python-api, as a script does that keeps nothing: it lists all docs, asks for
the versions of each that has more than one and for the labels of each that is current, and prints the numbers as JSON.

usage: count_with_python_package.py BASE_URL USERNAME TOKEN MOMENT_MS
"""

import json
import sys
import warnings
from collections import Counter
from datetime import datetime, timedelta, timezone
from urllib.parse import parse_qs, urlparse

from atlassian import ConfluenceV2

DAYS = (7, 365)
# The package has no methods for blog posts: its plain `get` serves for them.
TYPES = {"page": ("pages", ("current", "archived", "trashed")), "blogpost": ("blogposts", ("current", "trashed"))}


def rows(confluence, path, **params):
    """Every row of a list, page by page."""
    while True:
        answer = confluence.get(f"api/v2/{path}", params={"limit": 250, **params})
        yield from answer["results"]
        following = answer["_links"].get("next")
        if not following:
            return
        params["cursor"] = parse_qs(urlparse(following).query)["cursor"][0]


def docs(confluence, doc_type):
    path, statuses = TYPES[doc_type]
    for status in statuses:
        if doc_type == "page":
            yield from confluence.get_pages(status=status, get_body=True, limit=250)
        else:
            yield from rows(confluence, path, status=status)


def versions(confluence, doc_type, doc):
    if doc_type == "page":
        return confluence.get_all_page_versions(doc["id"], limit=250)
    return rows(confluence, f"blogposts/{doc['id']}/versions")


def labels(confluence, doc_type, doc):
    if doc_type == "page":
        return confluence.get_page_labels(doc["id"], limit=250)
    return rows(confluence, f"blogposts/{doc['id']}/labels")


def time(text):
    return datetime.fromisoformat(text.replace("Z", "+00:00"))


def main():
    base, username, token, moment_ms = sys.argv[1:]
    # It says at each start that its older half is deprecated.
    warnings.simplefilter("ignore", DeprecationWarning)
    confluence = ConfluenceV2(base, username=username, password=token)
    moment = datetime.fromtimestamp(int(moment_ms) / 1000, timezone.utc)
    counts = Counter()
    archived = {space["id"] for space in rows(confluence, "spaces", status="archived")}
    for doc_type in TYPES:
        for doc in docs(confluence, doc_type):
            status = doc["status"]
            if status == "current" and doc["spaceId"] in archived:
                status = "archived"
            counts[f"docs {doc_type} {status}"] += 1
            edits = []
            if doc["version"]["number"] > 1:
                edits = [time(version["createdAt"]) for version in versions(confluence, doc_type, doc) if version["number"] > 1]
            for days in DAYS:
                counts[f"updates {doc_type} {days}d"] += sum(moment - timedelta(days=days) < edit <= moment for edit in edits)
            if status == "current":
                names = [label["name"] if label["prefix"] == "global" else f"{label['prefix']}:{label['name']}" for label in labels(confluence, doc_type, doc)]
                counts.update(f"label {name}" for name in names)
                counts[f"unlabelled {doc_type}"] += not names
    json.dump(counts, sys.stdout)


if __name__ == "__main__":
    main()
