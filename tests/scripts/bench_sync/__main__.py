"""Measures what asking costs, prints it, and writes it into the page of benchmarks. Ends with 3 where a goal is missed.

usage: bench_sync BINARIES PAGE
"""

import sys
import tempfile
import time
from pathlib import Path

import beside
import refreshes
import walks
from page import Goals, machine, write

# Everything ran, but a figure is not what it should be.
MISSED = 3


def main():
    binaries, page = Path(sys.argv[1]), sys.argv[2]
    goals = Goals()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        unchanged, edited = refreshes.at_all_sizes(folder, binaries, goals)
        memory_a_doc = refreshes.memory_a_doc(unchanged)
        goals.at_most("bytes of memory a doc", memory_a_doc, walks.MOST_BYTES_A_DOC)
        refreshed = refreshes.text(unchanged, edited)
        print(refreshed, flush=True)
        walked, restarted, known = walks.of_1_000_000(folder, binaries, goals)
        first = walks.walks_text([walks.of_100_000(folder, binaries, goals), walked], walks.lists_a_second(folder, binaries, goals))
        million = walks.million_text(walked, restarted, known, memory_a_doc)
        print(first, million, sep="\n\n", flush=True)
        compared = beside.text(beside.measure(folder, binaries, goals))
        print(compared, flush=True)
    minutes = (time.monotonic() - begun) / 60
    write(
        page,
        f"""{machine()}; {minutes:.0f} minutes.

### A refresh

{refreshed}

### The first walk

{first}

### A million docs

{million}

### Beside a script

{compared}
""",
    )
    for goal in goals.missed:
        print(f"missed: {goal}", file=sys.stderr)
    sys.exit(MISSED if goals.missed else 0)


if __name__ == "__main__":
    main()
