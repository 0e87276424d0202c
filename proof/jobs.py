"""Jobs lost, done twice, or begun by a release that was aborted; singletons that overlapped. Pure.

Any stack can feed it: the ids that its producer accepted, and one record for each time that a worker took
up a job.
"""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import groupby


@dataclass(frozen=True, slots=True)
class Run:
    """A worker took up a job; *finished* is None if it did not end it. Times are seconds since the epoch."""

    job: str
    release: str
    color: str
    begun: float
    finished: float | None = None


@dataclass(frozen=True, slots=True)
class JobCount:
    """What became of the jobs, by id. `interrupted` is no fault: the job was begun again and done."""

    enqueued: int
    done: int
    lost: tuple[str, ...]  # accepted and never finished
    twice: tuple[str, ...]  # finished more than once
    aborted: tuple[str, ...]  # begun by a release that was then aborted
    strange: tuple[str, ...]  # run although nobody enqueued them
    interrupted: tuple[str, ...]  # begun more than once, finished once

    @property
    def clean(self) -> bool:
        """Say whether nothing was wrong."""
        return not (self.lost or self.twice or self.aborted or self.strange)


def count_jobs(
    enqueued: Iterable[str], runs: Sequence[Run], *, aborted: Collection[str] = (), doubtful: Collection[str] = ()
) -> JobCount:
    """Count what became of the *enqueued* ids.

    *aborted* names releases that were given up. *doubtful* are ids whose enqueuing failed: they may
    have run once or not at all.
    """
    accepted = set(enqueued)
    begun = Counter(run.job for run in runs)
    finished = Counter(run.job for run in runs if run.finished is not None)
    return JobCount(
        enqueued=len(accepted),
        done=len(accepted & set(finished)),
        lost=tuple(sorted(accepted - set(finished))),
        twice=tuple(sorted(job for job, times in finished.items() if times > 1)),
        aborted=tuple(sorted({run.job for run in runs if run.release in aborted})),
        strange=tuple(sorted(set(begun) - accepted - set(doubtful))),
        interrupted=tuple(sorted(job for job, times in begun.items() if times > 1 and finished[job] == 1)),
    )


@dataclass(frozen=True, slots=True)
class Tick:
    """A sign of life of a singleton; *holder* names its container. *starts*: it has just begun."""

    holder: str
    at: float
    starts: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A holder was alive from *first* to *last*."""

    holder: str
    first: float
    last: float


def spans(ticks: Iterable[Tick], *, gap: float) -> list[Span]:
    """Return when each holder was alive; a silence longer than *gap* seconds, or a start, begins a new span."""
    found: list[Span] = []
    ordered = sorted(ticks, key=lambda tick: (tick.holder, tick.at))
    for holder, own in groupby(ordered, key=lambda tick: tick.holder):
        for tick in own:
            known = found[-1] if found and found[-1].holder == holder else None
            if known is None or tick.starts or tick.at - known.last > gap:
                found.append(Span(holder, tick.at, tick.at))
            else:
                found[-1] = Span(holder, known.first, tick.at)
    return sorted(found, key=lambda span: span.first)


def overlaps(intervals: Iterable[Span]) -> list[tuple[Span, Span]]:
    """Return each pair of neighbours, by their beginning, of which the later began before all earlier had ended."""
    found: list[tuple[Span, Span]] = []
    ordered = sorted(intervals, key=lambda span: span.first)
    longest = ordered[0] if ordered else None
    for span in ordered[1:]:
        assert longest is not None
        if span.first <= longest.last:
            found.append((longest, span))
        longest = max(longest, span, key=lambda one: one.last)
    return found


def silences(intervals: Iterable[Span], *, longer: float) -> list[tuple[float, float]]:
    """Return the times (from, to) longer than *longer* seconds in which no holder was alive."""
    found: list[tuple[float, float]] = []
    until: float | None = None
    for span in sorted(intervals, key=lambda span: span.first):
        if until is not None and span.first - until > longer:
            found.append((until, span.first))
        until = span.last if until is None else max(until, span.last)
    return found
