"""The counting: samples and switches in, a report out. Pure; this is where failures are decided.

A request belongs to the release that its answer names. Around a switch both releases are right for
`grace` seconds, because "begun" is when the client started sending.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from proof.load.report import Example, Kind, Latency, Report, SwitchSeen
from proof.load.sample import FAST, LONG, Action, Fault, Sample

PROPER_CODES = frozenset({1000, 1001, 1012, 1013})  # what a server that goes away may say
CUTS = frozenset({Fault.TRUNCATED, Fault.CLOSED, Fault.RESET})
SUSPECT_LAG = 0.02  # seconds at p99: beyond it the generator itself was too slow


@dataclass(frozen=True, slots=True)
class Limits:
    """What is allowed around a switch, in seconds."""

    grace: float = 0.05
    drain: float = 30.0  # DRAIN_TIMEOUT
    websocket_drain: float = 10.0


@dataclass(frozen=True, slots=True)
class Switch:
    """From *at* on the named release is the active one; None means any."""

    at: float
    release: str | None = None
    color: str | None = None

    def names(self, sample: Sample) -> bool:
        """Say whether *sample* was answered by this release."""
        return self.release in (None, sample.release) and self.color in (None, sample.color)


@dataclass(frozen=True, slots=True)
class Judged:
    """One sample and what it counts as; *failed* and *excused* exclude each other."""

    sample: Sample
    failed: bool = False
    excused: bool = False  # cut, but only after the drain had ended
    cut: bool = False
    late: bool = False
    early: bool = False


def judge(sample: Sample, switches: Sequence[Switch], limits: Limits) -> Judged:
    """Decide what *sample* counts as."""
    if not sample.fault:
        late, early = misplaced(sample, switches, limits)
        return Judged(sample, late=late, early=early)
    if excused(sample, switches, limits):
        return Judged(sample, excused=True)
    return Judged(sample, failed=True, cut=was_cut(sample))


def was_cut(sample: Sample) -> bool:
    """Say whether an answer, a stream or a WebSocket was cut while it ran."""
    if sample.action is Action.WS:
        return sample.status == 101 and sample.fault in CUTS
    return sample.fault is Fault.TRUNCATED or (sample.fault is Fault.RESET and sample.action in LONG)


def excused(sample: Sample, switches: Iterable[Switch], limits: Limits) -> bool:
    """Say whether *sample* was cut only after the drain of the release that served it.

    A WebSocket must then have been closed with a proper code.
    """
    if not was_cut(sample):
        return False
    socket = sample.action is Action.WS
    if socket and sample.code not in PROPER_CODES:
        return False
    drain = limits.websocket_drain if socket else limits.drain
    left = _left(sample, switches, limits)
    return left is not None and sample.ended >= left.at + drain


def _left(sample: Sample, switches: Iterable[Switch], limits: Limits) -> Switch | None:
    """Return the first switch away from the release that served *sample*, once it had begun."""
    for switch in switches:
        if sample.begun - limits.grace <= switch.at <= sample.ended and not switch.names(sample):
            return switch
    return None


def misplaced(sample: Sample, switches: Sequence[Switch], limits: Limits) -> tuple[bool, bool]:
    """Say whether the answer is late (of a release no longer active) or early (of one not yet active).

    Not judged: what began before the first switch that was told.
    """
    before = [switch for switch in switches if switch.at <= sample.begun - limits.grace]
    if not before or not sample.release:
        return False, False
    after = switches[len(before) :]
    meanwhile = [switch for switch in after if switch.at <= sample.ended + limits.grace]
    if any(switch.names(sample) for switch in (before[-1], *meanwhile)):
        return False, False
    was_active = any(switch.names(sample) for switch in before)
    unknown = len(before) == 1 and not any(switch.names(sample) for switch in after)
    return was_active or unknown, not (was_active or unknown)


def count(
    samples: Sequence[Sample],
    switches: Sequence[Switch],
    limits: Limits,
    *,
    since: float,
    until: float,
    cpu: float = 0.0,
) -> Report:
    """Count *samples*; *switches* in order of time. *since* and *until* are the span of the schedule."""
    judged = [judge(sample, switches, limits) for sample in samples]
    seconds = until - since
    lag = summarize([sample.lag for sample in samples])
    return Report(
        since=since,
        until=until,
        sent=len(judged),
        failed=sum(one.failed for one in judged),
        mixed=sum(bool(one.sample.mixed) for one in judged),
        late=sum(one.late for one in judged),
        early=sum(one.early for one in judged),
        cut_streams=sum(one.cut and one.sample.action is not Action.WS for one in judged),
        cut_websockets=sum(one.cut and one.sample.action is Action.WS for one in judged),
        excused_streams=sum(one.excused and one.sample.action is not Action.WS for one in judged),
        excused_websockets=sum(one.excused and one.sample.action is Action.WS for one in judged),
        faults=dict(Counter(str(one.sample.fault) for one in judged if one.failed)),
        releases=dict(Counter(_mark(sample) for sample in samples if sample.release or sample.color)),
        kinds=kinds(judged),
        examples=examples(judged),
        fast=summarize(latencies(samples)),
        rate=len(judged) / seconds if seconds > 0 else 0.0,
        lag=lag,
        suspect=lag.p99 > SUSPECT_LAG,
        cpu=cpu,
        switches=tuple(seen(switch, samples) for switch in switches if switch.at >= since),
    )


def latencies(
    samples: Iterable[Sample], *, since: float = 0.0, until: float = float("inf"), fast: bool = True
) -> list[float]:
    """Return the latencies (s) of good answers to requests due within the window; *fast*: only GET, POST."""
    return [
        one.latency
        for one in samples
        if not one.fault and since <= one.begun - one.lag < until and (one.action in FAST or not fast)
    ]


def summarize(values: Iterable[float]) -> Latency:
    """Return the percentiles (nearest rank, s) of *values*; zeros if there are none."""
    ranked = sorted(values)
    if not ranked:
        return Latency()
    p50, p99, p999 = (percentile(ranked, share) for share in (0.5, 0.99, 0.999))
    return Latency(len(ranked), p50, p99, p999, ranked[-1])


def percentile(ranked: Sequence[float], share: float) -> float:
    """Return the nearest-rank percentile of the sorted, non-empty *ranked*."""
    rank = -(-len(ranked) * round(share * 1000) // 1000)
    return ranked[max(0, rank - 1)]


def kinds(judged: Iterable[Judged]) -> dict[str, Kind]:
    """Return the counts by kind of request, in alphabetical order."""
    groups: dict[str, list[Judged]] = {}
    for one in judged:
        groups.setdefault(one.sample.kind, []).append(one)
    return {name: _kind(groups[name]) for name in sorted(groups)}


def _kind(group: Sequence[Judged]) -> Kind:
    return Kind(
        sent=len(group),
        failed=sum(one.failed for one in group),
        mixed=sum(bool(one.sample.mixed) for one in group),
        late=sum(one.late for one in group),
        latency=summarize(one.sample.latency for one in group if not one.sample.fault),
    )


def examples(judged: Iterable[Judged]) -> tuple[Example, ...]:
    """Return, for each kind and each thing wrong, the first in time and how many there were."""
    first: dict[tuple[str, str], Example] = {}
    for one in sorted(judged, key=lambda one: one.sample.ended):
        for what, detail in _wrongs(one):
            key = (what, one.sample.kind)
            known = first.get(key)
            times = known.times + 1 if known else 1
            at, shown = (known.at, known.detail) if known else (one.sample.ended, detail)
            first[key] = Example(what, one.sample.kind, at, shown, times)
    return tuple(first.values())


def _wrongs(one: Judged) -> list[tuple[str, str]]:
    wrongs = [(str(one.sample.fault), one.sample.detail)] if one.failed else []
    wrongs += [("mixed", one.sample.mixed)] if one.sample.mixed else []
    wrongs += [("late", _mark(one.sample))] if one.late else []
    return wrongs + ([("early", _mark(one.sample))] if one.early else [])


def _mark(sample: Sample) -> str:
    return f"{sample.release} {sample.color}".strip()


def seen(switch: Switch, samples: Iterable[Sample]) -> SwitchSeen:
    """Return how soon *switch* took effect, by the stamps of client and application (seconds after it)."""
    near = [one for one in samples if not one.fault and -5.0 <= one.begun - switch.at <= 5.0 and one.release]
    new = [one.ended for one in near if switch.names(one) and one.ended >= switch.at]
    old = [one for one in near if not switch.names(one)]
    return SwitchSeen(
        at=switch.at,
        release=switch.release,
        color=switch.color,
        first_new=min(new) - switch.at if new else None,
        last_old_begun=max(one.begun for one in old) - switch.at if old else None,
        last_old_started=max((one.started for one in old if one.started), default=switch.at) - switch.at
        if old
        else None,
    )
