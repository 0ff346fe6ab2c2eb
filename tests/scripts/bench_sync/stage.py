"""The programs of a benchmark: a simulated site and an exporter, and what the kernel says of them."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import time
import urllib.request
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
# Longer than anything here takes on a slow machine.
LONGEST_WAIT = 300


class Program:
    """A process that ends with the `with` block, its output in a file."""

    def __init__(self, arguments, log):
        self.log = Path(log)
        with open(log, "w") as out:
            self.process = subprocess.Popen(arguments, stdout=out, stderr=subprocess.STDOUT)
        self.started = time.monotonic()

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        self.stop()

    def stop(self):
        if self.process.returncode is None:
            self.process.send_signal(signal.SIGTERM)
            self.process.wait()

    def cpu_seconds(self):
        """Of all its threads, ended ones too."""
        # The kernel's clock of a process, MAKE_PROCESS_CPUCLOCK(pid, CPUCLOCK_SCHED): /proc counts in hundredths.
        return time.clock_gettime(~self.process.pid << 3 | 2)

    def cpu_seconds_of(self, name):
        """Of its living threads of this name."""
        nanoseconds = 0
        for thread in Path(f"/proc/{self.process.pid}/task").iterdir():
            try:
                if (thread / "comm").read_text().strip() == name:
                    nanoseconds += int((thread / "schedstat").read_text().split()[0])
            except FileNotFoundError:
                pass
        return nanoseconds / 1e9

    def resident_bytes(self):
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(r"VmRSS:\s+(\d+) kB", status)[1]) * 1024

    def bytes_written(self):
        """To the disk: pages of files that it has made dirty."""
        counts = Path(f"/proc/{self.process.pid}/io").read_text()
        return int(re.search(r"^write_bytes: (\d+)", counts, re.MULTILINE)[1])

    def wait_for(self, what, condition, seconds=LONGEST_WAIT, pause=0.05):
        until = time.monotonic() + seconds
        while True:
            answer = condition()
            if answer:
                return answer
            if self.process.poll() is not None:
                raise SystemExit(f"{self.log.stem} has ended before {what}:\n{self.log.read_text()[-2000:]}")
            if time.monotonic() > until:
                raise SystemExit(f"time is up before {what}:\n{self.log.read_text()[-2000:]}")
            time.sleep(pause)


class Site(Program):
    """A simulated Confluence site."""

    def __init__(self, folder, binaries, docs, spaces, latency_ms=0):
        self.latency_ms = latency_ms
        numbers = {"seed": 7, "docs": docs, "spaces": spaces, "latency": latency_ms}
        options = [word for name, number in numbers.items() for word in (f"--{name}", str(number))]
        super().__init__([binaries / "confluence-simulator", *options], folder / "site.log")
        told = self.wait_for("the site is open", lambda: re.search(r"service account: username (\S+) token (\S+)", self.log.read_text()))
        self.username, self.token = told.groups()
        self.url, self.gateway, self.control_url = (self.told(key) for key in ("url", "gateway", "control"))
        self.seconds_to_open = time.monotonic() - self.started

    def told(self, key):
        return re.search(rf"^{key}: (.*)$", self.log.read_text(), re.MULTILINE)[1]

    def control(self, path, body=None, method=None):
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.control_url}/{path}", data, method=method or ("GET" if data is None else "POST"))
        with urllib.request.urlopen(request, timeout=LONGEST_WAIT) as answer:
            return json.load(answer)

    def set_latency(self, milliseconds):
        self.latency_ms = milliseconds
        self.control("latency", {"milliseconds": milliseconds})

    def asked(self):
        """Requests by operation since the last mark."""
        return self.control("journal/totals")["totals"]

    def mark(self):
        return self.control("journal/totals", method="DELETE")["totals"]


class Exporter(Program):
    """An exporter of that site. `settings` are lines of its configuration, `collectors` those of a connection's."""

    def __init__(self, folder, binaries, site, settings, concurrency=25, collectors="", store=None):
        token = folder / "token"
        token.touch(0o600)
        token.write_text(site.token)
        (folder / "exporter.yml").write_text(
            f"""{settings}
connections:
  - name: bench
    instance_url: {site.url}
    gateway_url: {site.url}
    username: {site.username}
    api_token_file: {token}
    concurrency_level: {concurrency}
    {collectors}
"""
        )
        self.site = site
        self.address = f"127.0.0.1:{free_port()}"
        arguments = [f"--config.file={folder / 'exporter.yml'}", f"--store.path={store or 'none'}", f"--web.listen-address={self.address}", "--log.level=debug"]
        super().__init__([binaries / "confluence-exporter", "serve", *arguments], folder / "exporter.log")
        self.wait_for("the exporter is ready", self.is_ready, pause=0.005)

    def is_ready(self):
        try:
            return self.get("/-/ready").status == 200
        except OSError:
            return False

    def get(self, path):
        connection = http.client.HTTPConnection(self.address, timeout=LONGEST_WAIT)
        connection.request("GET", path)
        answer = connection.getresponse()
        answer.text = answer.read().decode()
        connection.close()
        return answer

    def cpu_by_part(self):
        """The log tells what counting the docs and writing the numbers as text took; the rest is asking and answering."""
        counted = [int(took) for took in re.findall(r"cpu_microseconds=(\d+)", self.log.read_text())]
        if not counted:
            raise SystemExit(f"the log of {self.log} tells of no snapshot")
        parts = {"all": self.cpu_seconds(), "store": self.cpu_seconds_of("store"), "counting": sum(counted) / 1e6}
        return parts | {"asking": parts["all"] - parts["store"] - parts["counting"]}

    def scrape(self):
        return Page(self.get("/metrics").text)

    def scrape_until(self, what, condition, pause=0.1):
        def look():
            page = self.scrape()
            return page if condition(page) else None

        return self.wait_for(what, look, pause=pause)

    def first_walk(self, pause=0.1):
        """Waits for its end."""
        has_all = lambda page: page.sum(r"confluence_docs\{") and page.coverage("docs") == 1
        return self.scrape_until("the first walk has ended", has_all, pause)

    def rest_is_known(self, *collectors, pause=0.5):
        return self.scrape_until(
            f"all {' and '.join(collectors)} are known", lambda page: all(page.coverage(name) == 1 for name in collectors), pause
        )


class Page:
    """What a scrape gave."""

    def __init__(self, text):
        lines = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        self.samples = {series: float(value) for series, value in lines}

    def sum(self, pattern):
        return sum(value for series, value in self.samples.items() if re.match(pattern, series))

    def coverage(self, collector):
        return self.sum(rf'confluence_collector_coverage_ratio{{.*collector="{collector}"')

    def docs(self):
        return int(self.sum(r"confluence_docs\{"))

    def edits(self):
        return int(self.sum(r'confluence_doc_updates\{.*window="365d"'))


class Span:
    """How the machine's cores were used in a time."""

    def __init__(self, **programs):
        self.programs = programs
        self.before = self.now()

    def now(self):
        return {"time": time.monotonic(), **machine_seconds(), **{name: program.cpu_seconds() for name, program in self.programs.items()}}

    def end(self):
        after = self.now()
        self.seconds = after["time"] - self.before["time"]
        self.cpu = {name: after[name] - self.before[name] for name in self.programs}
        self.busy = after["busy"] - self.before["busy"]
        self.idle = after["idle"] - self.before["idle"]
        return self

    def share(self, seconds):
        """Of what all cores could have done."""
        return seconds / (self.busy + self.idle)

    def others(self):
        return max(0.0, self.busy - sum(self.cpu.values()))


def machine_seconds():
    user, nice, system, idle, waiting, hard, soft, stolen, *_ = map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:])
    return {"busy": (user + nice + system + hard + soft + stolen) / TICKS, "idle": (idle + waiting) / TICKS}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
