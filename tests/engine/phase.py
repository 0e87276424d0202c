"""A command under load: what users, jobs and the scheduler's containers went through meanwhile."""

from __future__ import annotations

import math
import subprocess
import threading
import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count

from proof.jobs import JobCount, Run, Span, Tick, count_jobs, overlaps, silences, spans
from proof.load import Load, Mix, Report, Sample
from tests.engine.rolled import Rolled
from tests.engine.stack import Stack, wait_until

PAGES = Mix(
    participants=2, plain_only=True, job=40, chain=200, slow=20, upload=8, events=12, ws=10,
    events_seconds=(1, 3), ws_seconds=(1, 3), job_seconds=(0.0, 0.2),
)  # fmt: skip
API = Mix(
    prefix="/api", job_path="/jobs", participants=1, plain_only=True, job=40, slow=20, upload=8, events=0, ws=0,
    job_seconds=(0.0, 0.2),
)  # fmt: skip
SEEDS = count()  # each load has ids of its own: the shop does no job twice
LONGEST_SILENCE = 10.0  # seconds without a tick while the scheduler changes hands


class Switches(threading.Thread):
    """Reads the state file all the time; `seen` are the moments at which users were sent elsewhere."""

    def __init__(self, rolled: Rolled) -> None:
        super().__init__(daemon=True)
        self._rolled = rolled
        self._over = threading.Event()
        self.seen: list[tuple[float, str]] = [(time.time(), rolled.serving())]

    def run(self) -> None:
        """Look each 2 ms; the rename that made a file is its change time."""
        while not self._over.wait(0.002):
            side = self._rolled.serving()
            if side != self.seen[-1][1]:
                self.seen.append((self._rolled.state.stat().st_ctime, side))

    def end(self) -> None:
        """Look no more."""
        self._over.set()
        self.join()


class Holders:
    """Follows the engine's events: when which container of a service ran, exactly."""

    def __init__(self, rolled: Rolled, service: str) -> None:
        self._part = f"{rolled.stack.project}-"
        self._service = service
        running = [rolled.containers(side).get(service) for side in ("plain", "blue", "green")]
        self._first = [each["Id"] for each in running if each and each["State"]["Running"]]
        self._events = subprocess.Popen(
            ["docker", "events", "--filter", "type=container", "--filter", "event=start", "--filter", "event=die",
             "--format", '{{.TimeNano}} {{.Action}} {{.Actor.ID}} {{index .Actor.Attributes "name"}}'],
            stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def end(self) -> list[Span]:
        """Return each time that a container ran; without end for one that still does."""
        self._events.terminate()
        out, _ = self._events.communicate(timeout=10)
        open_, found = dict.fromkeys(self._first, 0.0), []
        for line in out.splitlines():
            at, action, container, name = line.split()
            if not (name.startswith(self._part) and f"-{self._service}-" in name):
                continue
            if action == "start":
                open_[container] = int(at) / 1e9
            elif container in open_:
                found.append(Span(container, open_.pop(container), int(at) / 1e9))
        return [*found, *(Span(container, first, math.inf) for container, first in open_.items())]


@dataclass(slots=True)
class Phase:
    """What was seen of one command under load; all of it is there when the load has ended."""

    name: str
    since: float = field(default_factory=time.time)
    loads: dict[str, Load] = field(default_factory=dict)
    reports: dict[str, Report] = field(default_factory=dict)
    runs: tuple[Run, ...] = ()
    schedulers: list[Span] = field(default_factory=list)  # by the engine's events
    ticks: list[Span] = field(default_factory=list)  # by what the schedulers wrote down themselves
    switches: list[tuple[float, str]] = field(default_factory=list)

    @property
    def samples(self) -> list[Sample]:
        """Return every request of the phase."""
        return [sample for load in self.loads.values() for sample in load.samples]

    @property
    def failed(self) -> list[Sample]:
        """Return the requests that did not get their proper answer."""
        return [sample for sample in self.samples if sample.fault]

    def jobs(self, aborted: Collection[str] = ()) -> JobCount:
        """Count what became of the jobs; *aborted* names releases that must have begun none."""
        accepted, doubtful = [], []
        for load in self.loads.values():
            good, bad = load.jobs
            accepted += good
            doubtful += bad
        return count_jobs(accepted, self.runs, aborted=aborted, doubtful=doubtful)

    def line(self) -> str:
        """Return the figures in one line."""
        jobs, every = self.jobs(), self.reports.values()
        sums = {name: sum(getattr(one, name) for one in every) for name in ("sent", "failed", "mixed", "late", "early")}
        fast = max(one.fast.p99 for one in every)
        alone = max((until - since for since, until in silences(self.ticks, longer=0)), default=0.0)
        return (
            f"{self.name}: {', '.join(f'{count} {name}' for name, count in sums.items())}, p99 {fast * 1000:.0f} ms; "
            f"{jobs.done} of {jobs.enqueued} jobs done; {len(self.ticks)} schedulers in turn, none for {alone:.1f} s"
        )

    def demand_peace(self, aborted: Collection[str] = ()) -> None:
        """Fail unless nobody noticed anything: no request, no job, no round of the scheduler."""
        for report in self.reports.values():
            assert report.clean, report.table()
        self.demand_order(aborted)
        assert not self.jobs().interrupted

    def demand_order(self, aborted: Collection[str] = ()) -> None:
        """Fail unless each job was done once and one scheduler at most ran at a time, whatever became of requests."""
        assert not any(report.mixed or report.late or report.early for report in self.reports.values())
        jobs = self.jobs(aborted)
        assert jobs.clean, jobs
        assert jobs.done == jobs.enqueued > 0
        assert not overlaps(self.schedulers), self.schedulers
        assert not overlaps(self.ticks), self.ticks
        assert not silences(self.ticks, longer=LONGEST_SILENCE), self.ticks


@contextmanager
def under_load(rolled: Rolled, name: str) -> Iterator[Phase]:
    """Let users ask and order all the time that the block takes, and a little longer on both sides."""
    phase, shop = Phase(name), rolled.stack
    switches, holders = Switches(rolled), Holders(rolled, "scheduler")
    switches.start()
    pages = Load(http=shop.url, rate=50, mix=PAGES, seed=next(SEEDS))
    api = Load(http=shop.url, rate=30, mix=API, seed=next(SEEDS))
    with pages, api:
        phase.loads = {"pages": pages, "api": api}
        time.sleep(0.5)
        try:
            yield phase
            time.sleep(1)
        finally:
            switches.end()
            phase.schedulers = holders.end()
        phase.switches = switches.seen
        for at, color in switches.seen:
            for load in phase.loads.values():
                load.switched(at, color=color)
        phase.reports = {what: load.finish() for what, load in phase.loads.items()}
        wait_until(lambda: shop.get("/api/health").json()["outstanding"] == 0, "the queue is empty")
        phase.runs = tuple(_runs(shop, phase.since))
        phase.ticks = _ticks(shop, phase.since)
        print(phase.line())


def _runs(shop: Stack, since: float) -> Iterator[Run]:
    for row in shop.get(f"/api/jobs?since={since}").json():
        yield Run(row["job"], row["release"], row["color"], row["begun"], row["finished"])


def _ticks(shop: Stack, since: float) -> list[Span]:
    rows = shop.get(f"/api/ticks?since={since}").json()
    return spans([Tick(row["container"], row["at"], starts=row["kind"] == "start") for row in rows], gap=5)
