"""The users of the stack under load, and what may be said of each test: what failed, and what a fault itself took."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from proof.load import Limits, Load, Mix, Report, Sample
from proof.load.count import count

if TYPE_CHECKING:
    from tests.faults.world import World

MIX = Mix(events_seconds=(1.0, 3.0), ws_seconds=(1.0, 3.0))
RATE = 60.0
GRACE = 0.25  # seconds by which the journal's line may come after the rename itself, on a busy machine


@dataclass
class Away:
    """A time in which the fault itself takes from users what serves them; *lost*: how many requests that has cost."""

    since: float
    until: float = float("inf")
    lost: int = 0
    control: bool = False  # the fault alone, with no command of Teal's at work

    def took(self, sample: Sample) -> bool:
        """Tell whether *sample* failed by the fault."""
        return bool(sample.fault) and sample.begun <= self.until and sample.ended >= self.since


class Users:
    """The load and what each test may say of it: requests that ended since the test before."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._load = Load(http=world.stack.url, https=world.https, rate=RATE, mix=MIX)
        self._seen = 0
        self._since = 0.0
        self.rows: list[str] = []

    def __enter__(self) -> Users:
        self._load.start()
        self._since = time.time()
        return self

    def __exit__(self, *_: object) -> None:
        self._load.kill()

    def judge(self, name: str) -> Report:
        """Return the report of what ended since the last one."""
        time.sleep(0.6)  # the worker tells each half second
        return self._judge(name)

    def lost(self, window: Away) -> int:
        """Return how many requests failed by the fault of *window*, once those in flight then have ended."""
        time.sleep(1.0)
        return sum(window.took(sample) for sample in self._load.samples)

    def _excused(self, sample: Sample) -> bool:
        window = next((each for each in self._world.gone if each.took(sample)), None)
        if window is not None:
            window.lost += 1
        return window is not None

    def finish(self) -> Report:
        """Let everything end; return the report of what had not been judged."""
        self._load.finish()
        return self._judge("(the rest)")

    def _judge(self, name: str) -> Report:
        samples, now = self._load.samples, time.time()
        mine, self._seen = samples[self._seen :], len(samples)
        mine = [sample for sample in mine if not self._excused(sample)]
        report = count(mine, self._world.switches(), Limits(grace=GRACE), since=self._since, until=now)
        self._since = now
        self.rows.append(
            f"{name:76.76}{report.sent:>6} sent {report.failed:>3} failed {report.mixed:>3} mixed "
            f"{report.late:>3} late {report.early:>3} early {report.cut_streams + report.cut_websockets:>3} cut  "
            f"max {report.fast.max:5.2f} s {report.until - report.since:5.1f} s"
        )
        return report
