"""Makes the report of a run from what was seen: monotonic times become seconds since its beginning. Pure.

The two witnesses see different things: the proxy counts every request that reached a color, and no connection that was
refused; the prober sees those, and no POST. So both are kept apart, and where one was away that is a hole.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import msgspec
from msgspec import structs

from teal.core.model.counts import ColorCounts, Counts
from teal.core.model.side import COLORS, Side
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.report.seen import Probe, absences, faults, longest, pauses, quantile
from teal.core.report.values import (
    FORMAT,
    Author,
    Draining,
    Fault,
    Hole,
    Phase,
    Report,
    Revision,
    RouteProbed,
    Series,
    Stretch,
    Users,
)

LARGEST = 20_000  # bytes of a report
AHEAD = 5.0  # seconds before users are moved from which on both witnesses are to be there
LATE = 2.5  # seconds without a reading after which the proxy was away
_POINTS = 240  # values of a column, at most
_FAULTS = 20
_SEEN = 60  # looks at what was in flight that are kept


@dataclass(frozen=True, slots=True)
class Took:
    """A step as it was performed."""

    name: str
    side: Side | None
    began: float
    seconds: float


@dataclass(frozen=True, slots=True)
class Reading:
    """What the proxy had counted at a moment."""

    at: float
    counts: Counts


@dataclass(frozen=True, slots=True)
class Flying:
    """What was in flight on a side at a moment."""

    at: float
    side: Side
    requests: int
    websockets: int


@dataclass(slots=True)
class Seen:
    """All that was seen of one run while it went on."""

    began: float
    moment: Moment  # of its beginning, by the calendar
    steps: list[Took] = field(default_factory=list)
    flying: list[Flying] = field(default_factory=list)
    moves: list[tuple[float, str]] = field(default_factory=list)  # where users were sent
    readings: list[Reading] = field(default_factory=list)
    uncounted: str = ""  # why the proxy says nothing of users
    probes: Sequence[Probe] = ()
    paths: Mapping[str, str] = field(default_factory=dict)  # route -> what the prober asks for
    every: float = 0.2  # seconds between two of its requests to a route
    asking: float | None = None  # when the prober began
    unasked: str = ""  # why it did not
    ended: float = 0.0


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known of a run without measuring."""

    project: str
    run: int
    command: str
    outcome: str
    release: ReleaseId | None
    previous: ReleaseId | None
    source: Side | None
    target: Side | None
    by: Author
    revision: Revision | None = None
    message: str = ""
    measured: bool = True
    held: float | None = None
    paged: float | None = None
    drained: tuple[float, int, int, bool] | None = None  # seconds, cut requests, cut WebSockets, counted
    diff: tuple[str, ...] = ()


def make_report(facts: Facts, seen: Seen) -> Report:
    """Return the report of the run, no larger than it may be."""
    moved = [at for at, _ in seen.moves]
    prober = {route: _probed(seen, route, moved) for route in seen.paths} if seen.probes else {}
    report = Report(
        format=FORMAT,
        project=facts.project,
        run=facts.run,
        command=facts.command,
        outcome=facts.outcome,
        began=Moment(round(seen.moment, 3)),
        seconds=_since(seen, seen.ended),
        release=facts.release,
        previous=facts.previous,
        source=facts.source,
        target=facts.target,
        by=facts.by,
        revision=facts.revision,
        message=facts.message[:500],
        live=next((_since(seen, at) for at, users in seen.moves if users == facts.target), None),
        switches=tuple((_since(seen, at), users) for at, users in seen.moves),
        held=_rounded(facts.held),
        paged=_rounded(facts.paged),
        phases=tuple(_phases(seen)),
        measured=facts.measured,
        users=_users(seen, moved),
        prober=prober,
        faults=tuple(_faults(seen))[:_FAULTS],
        holes=tuple(_holes(seen, moved, served=facts.source is not None)) if facts.measured else (),
        drained=_drained(facts, seen),
        diff=tuple(line[:200] for line in facts.diff[:30]),
        series=_series(seen, 1.0) if facts.measured else None,
    )
    return _fitting(report, seen)


def _fitting(report: Report, seen: Seen) -> Report:
    """Return *report* with coarser columns, and at last without, until it is small enough."""
    step = 1.0
    while len(msgspec.json.encode(report)) > LARGEST and report.series is not None:
        step *= 2
        report = structs.replace(report, series=_series(seen, step) if step < 1e5 else None)
    if len(msgspec.json.encode(report)) > LARGEST:
        report = structs.replace(report, faults=report.faults[:5], phases=report.phases[:40], diff=())
    return report


def _since(seen: Seen, at: float) -> Seconds:
    return Seconds(round(at - seen.began, 3))


def _rounded(value: float | None) -> Seconds | None:
    return None if value is None else Seconds(round(value, 3))


def _phases(seen: Seen) -> Iterator[Phase]:
    for step in seen.steps:
        yield Phase(step.name, _since(seen, step.began), Seconds(round(step.seconds, 3)), step.side)


# --- what the proxy counted


def _users(seen: Seen, moved: Sequence[float]) -> Users | None:
    readings = seen.readings
    if len(readings) < 2:
        return None
    whole = _between(readings)
    both = _both(whole)
    codes, methods = Counter[str](), Counter[str]()
    for (status, method), count in both.requests.items():
        codes[str(status)] += count
        methods[method] += count
    before = after = around = None
    if moved:
        at = next((n for n in range(len(readings) - 1, -1, -1) if readings[n].at <= moved[0]), 0)
        quiet = max(_quiet(seen, moved), moved[-1])
        over = next((n for n, each in enumerate(readings) if each.at >= quiet), len(readings) - 1)
        before = _stretch(readings[: at + 1])
        around = _stretch(readings[at : over + 1])
        after = _stretch(readings[over:])
    return Users(
        since=_since(seen, readings[0].at),
        until=_since(seen, readings[-1].at),
        requests=both.total,
        errors=both.errors,
        codes=dict(sorted(codes.items())),
        methods=dict(sorted(methods.items())),
        colors={str(side): whole.of(side).total for side in COLORS if whole.of(side).total},
        before=before,
        around=around,
        after=after,
    )


def _quiet(seen: Seen, moved: Sequence[float]) -> float:
    """Return when nothing of the old color was in flight any more, as far as that was looked at."""
    drains = [step.began + step.seconds for step in seen.steps if step.name == "drain" and step.began >= moved[0]]
    return max(drains, default=moved[-1])


def _between(readings: Sequence[Reading]) -> Counts:
    """Return what was counted from the first reading to the last; where it began anew, what is known."""
    total = Counts()
    for earlier, later in pairwise(readings):
        total = total.and_then(later.counts.since(earlier.counts))
    return total


def _both(counts: Counts) -> ColorCounts:
    """Return both colors as one."""
    return Counts(counts.blue).and_then(Counts(counts.green)).blue


def _stretch(readings: Sequence[Reading]) -> Stretch | None:
    if len(readings) < 2:
        return None
    both = _both(_between(readings))
    p50, p95, slowest = (_bound(both.quantile(share)) for share in (0.5, 0.95, 1.0))
    return Stretch(both.total, both.errors, p50, p95, slowest)


def _bound(value: float | None) -> Seconds | None:
    return None if value is None or value == float("inf") else Seconds(value)


# --- what the prober met


def _probed(seen: Seen, route: str, moved: Sequence[float]) -> RouteProbed:
    probes = [each for each in seen.probes if each.route == route]
    found = pauses(probes, end=_moment(seen, seen.ended))
    worst = longest(found)
    first = _moment(seen, moved[0]) if moved else None
    before = longest(each for each in found if first is not None and each.over <= first)
    took = [each.took for each in probes if each.good]
    failed = Counter(each.what for each in probes if not each.good)
    p50, p95 = quantile(took, 0.5), quantile(took, 0.95)
    return RouteProbed(
        path=seen.paths[route],
        sent=len(probes),
        failed=dict(failed.most_common(8)),
        pause=_rounded(worst.seconds) if worst else None,
        pause_at=Seconds(round(worst.at - seen.moment, 3)) if worst else None,
        pause_before=_rounded(before.seconds) if before else None,
        p50=None if p50 is None else Seconds(round(p50, 4)),
        p95=None if p95 is None else Seconds(round(p95, 4)),
        colors=dict(sorted(Counter(each.led for each in probes if each.led).items())),
    )


def _moment(seen: Seen, at: float) -> float:
    return seen.moment + at - seen.began


def _faults(seen: Seen) -> Iterator[Fault]:
    found = [
        Fault(
            route,
            met.what,
            Seconds(round(met.since - seen.moment, 2)),
            Seconds(round(met.until - met.since, 2)),
            met.times,
        )
        for route in seen.paths
        for met in faults([each for each in seen.probes if each.route == route])
    ]
    yield from sorted(found, key=lambda each: each.since)


# --- when a witness was away


def _holes(seen: Seen, moved: Sequence[float], *, served: bool) -> Iterator[Hole]:
    """Yield when a witness was away though users were about to be moved (where any were *served*), or had been."""
    if not moved:
        return
    since, until = max(seen.began, moved[0] - AHEAD), seen.ended
    if served:
        yield from _unprobed(seen, moved[0], since, until)
        yield from _uncounted(seen, moved[0], until)
    else:  # the witnesses can come only once there is something to see
        yield from _unprobed(seen, moved[0] + LATE, moved[0], until)
        yield from _uncounted(seen, moved[0] + LATE, until)


def _unprobed(seen: Seen, moved: float, since: float, until: float) -> Iterator[Hole]:
    if seen.asking is None or not seen.probes:
        yield Hole("prober", _since(seen, since), _since(seen, until), seen.unasked or "it got nowhere")
        return
    if seen.asking > moved:
        yield Hole("prober", _since(seen, since), _since(seen, seen.asking), seen.unasked or "it began late")
    for route in seen.paths:
        probes = [each for each in seen.probes if each.route == route]
        away = absences(
            probes, since=_moment(seen, max(since, seen.asking)), until=_moment(seen, until), every=seen.every
        )
        for begin, end in away:
            first, last = (Seconds(round(each - seen.moment, 3)) for each in (begin, end))
            yield Hole("prober", first, last, f"nothing was asked of {route}")


def _uncounted(seen: Seen, moved: float, until: float) -> Iterator[Hole]:
    readings = seen.readings
    why = seen.uncounted or "it was not asked"
    if len(readings) < 2:
        yield Hole("proxy", _since(seen, seen.began), _since(seen, until), why)
        return
    if readings[0].at > moved:
        yield Hole("proxy", _since(seen, seen.began), _since(seen, readings[0].at), why)
    for earlier, later in pairwise(readings):
        if later.counts.since(earlier.counts).anew:
            reloaded = "the proxy began to count anew: it was reloaded or restarted"
            yield Hole("proxy", _since(seen, earlier.at), _since(seen, later.at), reloaded)
    if readings[-1].at < until - LATE or readings[-1].at < moved:
        yield Hole("proxy", _since(seen, readings[-1].at), _since(seen, until), why)


# --- second by second


def _drained(facts: Facts, seen: Seen) -> Draining | None:
    if facts.drained is None or facts.source is None:
        return None
    seconds, requests, websockets, counted = facts.drained
    drains = [step.side for step in seen.steps if step.name == "drain" and step.side is not None]
    side = drains[-1] if drains else facts.source  # a release that was taken back has been drained itself
    looks = [each for each in seen.flying if each.side is side]
    every = max(1, -(-len(looks) // _SEEN))
    kept = (*looks[::every], *(looks[-1:] if looks and (len(looks) - 1) % every else ()))
    shown = tuple((_since(seen, each.at), each.requests, each.websockets) for each in kept)
    return Draining(side, Seconds(round(seconds, 3)), requests, websockets, counted, shown)


def _series(seen: Seen, step: float) -> Series | None:
    length = seen.ended - seen.began
    if not (seen.probes or len(seen.readings) > 1) or length <= 0:
        return None
    while length / step > _POINTS:
        step *= 2
    count = int(length / step) + 1
    edges = [seen.began + step * n for n in range(count + 1)]
    blue, green, errors = (list(_rates(seen.readings, edges, pick)) for pick in (_blue, _green, _errors))
    bins: list[list[Probe]] = [[] for _ in range(count)]
    for probe in seen.probes:
        at = int((probe.sent - seen.moment) / step)
        if 0 <= at < count:
            bins[at].append(probe)
    good = [sorted(each.took for each in found if each.good) for found in bins]
    return Series(
        step=Seconds(step),
        since=Seconds(0.0),
        blue=tuple(blue) if any(blue) else (),
        green=tuple(green) if any(green) else (),
        errors=tuple(errors) if any(value is not None for value in errors) else (),
        asked=tuple(len(found) for found in bins),
        failed=tuple(sum(not each.good for each in found) for found in bins),
        slowest=tuple(round(1000 * found[-1]) if found else None for found in good),
        usual=tuple(round(1000 * found[len(found) // 2]) if found else None for found in good),
    )


def _blue(counts: Counts) -> int:
    return counts.blue.total


def _green(counts: Counts) -> int:
    return counts.green.total


def _errors(counts: Counts) -> int:
    return counts.blue.errors + counts.green.errors


def _rates(
    readings: Sequence[Reading], edges: Sequence[float], pick: Callable[[Counts], int]
) -> Iterator[float | None]:
    """Yield the requests a second in each bin; between two readings they are spread evenly, beyond them unknown."""
    spans = [
        (earlier.at, later.at, pick(later.counts.since(earlier.counts)))
        for earlier, later in pairwise(readings)
        if later.at > earlier.at and not later.counts.since(earlier.counts).anew
    ]
    for left, right in pairwise(edges):
        known, counted = 0.0, 0.0
        for begin, end, number in spans:
            shared = min(right, end) - max(left, begin)
            if shared > 0:
                known += shared
                counted += number * shared / (end - begin)
        yield round(counted / known, 1) if known > 0.3 * (right - left) else None
