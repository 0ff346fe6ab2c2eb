"""The page that tells the figures: what stands between its markers is written by the benchmark alone."""

import os
import re
import time
from pathlib import Path

BEGIN, END = "<!-- bench-sync writes from here -->", "<!-- to here -->"


class Goals:
    """What should be kept, and what was not."""

    def __init__(self):
        self.missed = []

    def at_most(self, what, value, limit):
        if value > limit:
            self.missed.append(f"{what}: {number(value)}, and the goal is at most {number(limit)}")

    def at_least(self, what, value, limit):
        if value < limit:
            self.missed.append(f"{what}: {number(value)}, and the goal is at least {number(limit)}")

    def exactly(self, what, value, wanted):
        if value != wanted:
            self.missed.append(f"{what}: {value}, and the goal is {wanted}")


def number(value):
    """With as many places as say something."""
    if isinstance(value, str):
        return value
    if isinstance(value, int) or value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    lines += ["| " + " | ".join(number(cell) for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def machine():
    model = re.search(r"model name\s*: (.*)", Path("/proc/cpuinfo").read_text())
    memory = int(re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())[1]) / 1024**2
    name = model[1] if model else os.uname().machine
    return f"{name}, {os.cpu_count()} cores, {memory:.0f} GiB of memory, Linux {os.uname().release.split('-')[0]}, {time.strftime('%Y-%m-%d')}"


def write(path, text):
    page = Path(path).read_text()
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise SystemExit(f"{path} lacks the line {END if begin else BEGIN}")
    Path(path).write_text(f"{before}{BEGIN}\n\n{text.strip()}\n\n{END}{after}")
