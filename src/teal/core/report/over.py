"""What the runs of some weeks did to users, and DORA's four figures. Pure.

- A deploy counts as a failed change where the next change of hands went back, its bake rolled it back, or a person had
  to look. One that ended before its switch failed without anybody noticing, and is counted apart.
- Restored is a failed change when the run that went back was live.
- The time to lead is from the commit that was deployed until it was live: of deploys from a repository only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from statistics import median

from msgspec import Struct

from teal.core.model.units import Moment, Seconds
from teal.core.report.values import Report
from teal.core.report.words import failures, longest_pause

_WEEK = 7 * 86400.0
_CHANGES = frozenset({"deploy", "migrate-window"})


class RunFacts(Struct, frozen=True):
    """A run as the journal has it."""

    run: int
    command: str
    outcome: str
    started: Moment
    ended: Moment | None


class Summary(Struct, frozen=True):
    """The deploys of a time."""

    project: str
    since: Moment
    until: Moment
    deploys: int  # that reached users
    failed_before: int  # that ended before their switch: nobody noticed
    rolled_back: int
    requests: int  # of users, while a release changed
    failed: int  # of those, answered with 5xx
    asked: int  # by the prober
    unanswered: int
    longest_pause: Seconds | None
    longest_in: int | None  # the run
    unmeasured: tuple[int, ...]  # runs of which not all was measured
    per_week: float
    lead: Seconds | None  # the median from commit to live
    change_failure: float | None  # the share of deploys that had to be taken back
    restore: Seconds | None  # the median from live to live again


def summarize(
    project: str, runs: Iterable[RunFacts], reports: Mapping[int, Report], *, since: Moment, until: Moment
) -> Summary:
    """Return what the *runs* after *since* did, the oldest first; of some there is no report."""
    recent = sorted((run for run in runs if run.started >= since), key=lambda run: run.run)
    changes = [run for run in recent if run.command in _CHANGES]
    live = [run for run in changes if run.outcome in {"done", "needs-person", "healed", "rolled-back"}]
    before = [run for run in changes if run.outcome in {"aborted", "interrupted", "failed"}]
    moving = [run for run in recent if run.command in _CHANGES | {"rollback", "leave"} and run.outcome != "unchanged"]
    measured = [reports[run.run] for run in moving if run.run in reports]
    users = [report.users for report in measured if report.users is not None]
    longest = max(
        ((pause, report.run) for report in measured if (pause := longest_pause(report)) is not None), default=None
    )
    bad = [(run, back) for run in live if (back := _taken_back(run, moving)) is not None or _ill(run, reports)]
    restored = [_live(back, reports) - _live(run, reports) for run, back in bad if back is not None]
    leads = [
        report.began + report.live - report.revision.at
        for run in live
        if (report := reports.get(run.run)) and report.live is not None and report.revision and report.revision.at
    ]
    return Summary(
        project=project,
        since=since,
        until=until,
        deploys=len(live),
        failed_before=len(before),
        rolled_back=sum(run.command == "rollback" and run.outcome == "done" for run in recent)
        + sum(run.outcome == "rolled-back" for run in live),
        requests=sum(each.requests for each in users),
        failed=sum(each.errors for each in users),
        asked=sum(probed.sent for report in measured for probed in report.prober.values()),
        unanswered=sum(sum(failures(report).values()) for report in measured),
        longest_pause=None if longest is None else Seconds(longest[0]),
        longest_in=None if longest is None else longest[1],
        unmeasured=tuple(run.run for run in moving if not _whole(reports.get(run.run))),
        per_week=round(len(live) / max((until - since) / _WEEK, 1e-9), 2),
        lead=_median(leads),
        change_failure=round(len(bad) / len(live), 3) if live else None,
        restore=_median(restored),
    )


def _whole(report: Report | None) -> bool:
    if report is None:
        return False
    return not report.switches or (report.users is not None and bool(report.prober) and not report.holes)


def _taken_back(run: RunFacts, moving: Sequence[RunFacts]) -> RunFacts | None:
    """Return the rollback that was the next change of hands after *run*, where there was one."""
    following = next((each for each in moving if each.run > run.run and each.outcome in {"done", "healed"}), None)
    return following if following is not None and following.command == "rollback" else None


def _ill(run: RunFacts, reports: Mapping[int, Report]) -> bool:
    report = reports.get(run.run)
    baked = report.bake.outcome if report is not None and report.bake is not None else ""
    return run.outcome in {"needs-person", "rolled-back"} or baked == "rolled-back"


def _live(run: RunFacts, reports: Mapping[int, Report]) -> float:
    report = reports.get(run.run)
    if report is not None and report.live is not None:
        return report.began + report.live
    return run.ended or run.started


def _median(values: Sequence[float]) -> Seconds | None:
    return Seconds(round(median(values), 1)) if values else None
