"""Measures what a run does to its users, beside all that it does: a prober, and the proxy's own counts.

Nothing here changes how a run goes or ends: what can't be measured is left out, and the report says so. Measuring ends
with the command: a person who waits for it does not wait for a report.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass, field

from msgspec import structs

from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.core.model.stack import HttpProbe, Role, Service
from teal.core.model.traffic import WITH_TWO_SIDES
from teal.core.model.units import ReleaseId, Seconds
from teal.core.planning.events import Event, InFlight, RunEnded, StepFinished, StepStarted
from teal.core.planning.steps import (
    Confirm,
    Hold,
    Retire,
    Step,
    Switch,
    TakeOver,
)
from teal.core.report import words
from teal.core.report.make import Facts, Flying, Reading, Seen, Took, make_report
from teal.core.report.values import BakeVerdict, Report, Revision
from teal.errors import TealError, Unavailable
from teal.ports import Endpoint, Loaded, Prober, Target
from teal.run.api import Baked, Drained, Noticed
from teal.run.context import RunContext

EVERY = Seconds(1.0)  # between two readings of the proxy's counts
LOOK = Seconds(0.1)  # between two looks for the proxy, until it is known
HURRY = Seconds(3.0)  # for which the prober asks more often, when users are about to be moved


@dataclass(slots=True)
class Measuring:
    """One run's measuring, from its beginning to its end."""

    context: RunContext
    run: int
    source: Side | None
    target: Side | None
    looks: bool = True  # the run itself looks the proxy up at its beginning
    seen: Seen = field(init=False)
    _prober: Prober = field(init=False)
    outcome: str = ""
    message: str = ""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)
    _revision: Revision | None = None
    _open: dict[int, float] = field(default_factory=dict)
    _taken: bool = False  # Teal's own proxy stands where users come in

    def __post_init__(self) -> None:
        clock = self.context.ports.clock
        self.seen = Seen(clock.monotonic(), clock.now())
        self._prober = self.context.ports.proxy.prober()
        self.seen.every = self._prober.every

    @property
    def on(self) -> bool:
        """Tell whether the owner wants it."""
        return self.context.stack.settings.measure

    def begin(self) -> None:
        """Watch the run, and begin to measure."""
        tell = self.context.reporter.watch

        def both(event: Event) -> None:
            with suppress(Exception):  # a bug here costs a line of the report, never a deploy
                self._watch(event)
            tell(event)

        self.context.reporter.watch = both
        self._tasks.append(asyncio.ensure_future(self._look_up()))
        if self.on:
            self.context.traffic.measured = True
            self._tasks.append(asyncio.ensure_future(self._measure()))

    async def end(self) -> None:
        """Stop measuring."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._prober.stop()
        clock, traffic = self.context.ports.clock, self.context.traffic
        self.seen.ended = clock.monotonic()
        self.seen.probes = self._prober.probes()
        self.seen.moves, self.seen.readings = traffic.moves, traffic.readings
        self.seen.uncounted = traffic.uncounted

    def report(
        self, command: str, release: ReleaseId | None, previous: ReleaseId | None, diff: tuple[str, ...]
    ) -> Report:
        """Return what was measured, once it has ended."""
        context, traffic = self.context, self.context.traffic
        drained = traffic.drained
        facts = Facts(
            context.stack.project,
            self.run,
            command,
            self.outcome or "unfinished",
            release,
            previous,
            self.source,
            self.target,
            context.ports.machine.author(),
            self._revision,
            self.message,
            self.on,
            traffic.waited or None,
            traffic.turned_away or None,
            drained_as(drained),
            diff,
        )
        report = make_report(facts, self.seen)
        return structs.replace(report, bake=verdict_of(context.reporter.baked))

    def _watch(self, event: Event) -> None:
        """Take note of when steps were performed, and of what was in flight."""
        now = self.context.ports.clock.monotonic()
        match event:
            case StepStarted(step):
                self._open[id(step)] = now
                if isinstance(step, Hold | Switch | TakeOver | Confirm | Retire):
                    self._prober.hurry(HURRY)
            case StepFinished(step, seconds, passed):
                began = self._open.pop(id(step), now - seconds)
                if not passed:
                    self.seen.steps.append(Took(step.name, _side(step), began, seconds))
                self._taken = self._taken or isinstance(step, TakeOver)
            case InFlight(side, requests, websockets):
                self.seen.flying.append(Flying(now, side, requests, websockets))
            case RunEnded(_, outcome, message):
                self.outcome, self.message = outcome, message
            case _:
                pass

    async def _look_up(self) -> None:
        with suppress(TealError):
            self._revision = await self.context.ports.machine.revision()

    async def _measure(self) -> None:
        """Aim the prober wherever the proxy is, and read the proxy's counts each second."""
        aimed: tuple[Target, ...] = ()
        clock = self.context.ports.clock
        while True:
            targets = await self._targets()
            if targets and targets != aimed:
                self._prober.aim(targets)
                self.seen.paths = {each.route: each.path for each in targets}
                self.seen.every, aimed = self._prober.every, targets
                self.seen.asking = self.seen.asking or clock.monotonic()
            if not aimed:
                await clock.sleep(LOOK)
                continue
            await self.context.traffic.read_counts()
            await clock.sleep(EVERY)

    async def _targets(self) -> tuple[Target, ...]:
        """Return what a user could ask for now; nothing while users don't come through the proxy yet."""
        context = self.context
        if not self._ways_in():
            self.seen.unasked = "nobody was served through the proxy yet"
            return ()
        if context.traffic.found is None and self.seen.asking is None and not self.looks:
            with suppress(TealError):
                await self._first_look(*await context.proxy_endpoints())
        if context.traffic.found is None:
            self.seen.unasked = self.seen.unasked or "the proxy was not found"
            return ()
        proxy, loaded = context.traffic.found
        routes = (service for service in context.stack.having(Role.ROUTE))
        places = ((route, _place(loaded, route.name, context.traffic.entries)) for route in routes)
        return tuple(Target(route.name, proxy, place, path_of(route)) for route, place in places if place is not None)

    async def _first_look(self, proxy: Container, loaded: Loaded) -> None:
        """Read the counts inside the container before anything is done: no key is in the state file yet."""
        if not loaded.metrics or loaded.snippet < WITH_TWO_SIDES:
            return
        counts = await self.context.ports.proxy.counts_inside(proxy)
        if counts is not None:
            self.context.traffic.readings.append(Reading(self.context.ports.clock.monotonic(), counts))

    def _ways_in(self) -> bool:
        """Tell whether users come in through the proxy that Teal knows."""
        if self.source is None or (self.source is Side.PLAIN and self.context.stack.own is not None):
            return self._taken or self.context.traffic.live_at is not None
        return True


def _place(loaded: Loaded, route: str, proved: dict[str, Endpoint]) -> Endpoint | None:
    """Return where to ask for *route*: where the snippet was heard, else where nobody stands before it."""
    places = [each for each in loaded.entries if each.route == route]
    open_ = [each for each in places if not each.guarded]
    return proved.get(route) or next(iter(open_ or places), None)


def drained_as(drained: Drained | None) -> tuple[float, int, int, bool] | None:
    """Return what the drain saw as the report takes it."""
    if drained is None:
        return None
    return drained.seconds, drained.cut_requests, drained.cut_websockets, drained.counted


def verdict_of(baked: Baked | None) -> BakeVerdict | None:
    """Return how the watch over the new release ended, as the report keeps it."""
    if baked is None:
        return None
    before = baked.before_failed / baked.before_requests if baked.before_requests else None
    why = baked.why if baked.counted else "; ".join(filter(None, (baked.why, "only the containers were watched")))
    return BakeVerdict(
        baked.outcome,
        Seconds(round(baked.seconds, 1)),
        baked.requests,
        baked.failed,
        None if before is None else round(before, 5),
        why[:300],
    )


def path_of(route: Service) -> str:
    """Return the path that is cheapest to ask *route* for: its health, where that is known."""
    probe = route.health.probe
    return probe.path if isinstance(probe, HttpProbe) and probe.port == route.port else "/"


def _side(step: Step) -> Side | None:
    side = getattr(step, "side", None) or getattr(step, "to", None)
    return side if isinstance(side, Side) else None


def keep(context: RunContext, report: Report) -> None:
    """Keep the report; where that can't be, the run has ended as it has, and a note says so."""
    try:
        context.ports.reports.keep(report)
    except Unavailable as error:
        context.reporter.note(error.message, warning=True)


def noticed_by(report: Report) -> Noticed:
    """Return the few values of *report* that a summary shows."""
    users = report.users
    return Noticed(
        said=words.noticed(report),
        requests=None if users is None else users.requests,
        failed=None if users is None else users.errors,
        asked=sum(each.sent for each in report.prober.values()),
        unanswered=sum(words.failures(report).values()),
        pause=None if (pause := words.longest_pause(report)) is None else Seconds(pause),
        whole=report.measured and users is not None and bool(report.prober) and not report.holes,
    )
