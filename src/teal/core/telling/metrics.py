"""What Prometheus is told: which release serves, how runs ended and how long they took, whether a way back is there."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from teal.core.model.units import Moment, ReleaseId, Seconds


@dataclass(frozen=True, slots=True)
class Metric:
    """A metric with its samples."""

    name: str
    help: str
    kind: Literal["gauge", "counter"]
    labels: tuple[str, ...]
    samples: tuple[tuple[tuple[str, ...], float], ...]  # the labels' values, and the number


@dataclass(frozen=True, slots=True)
class Run:
    """A run as the journal has it."""

    command: str
    outcome: str
    started: Moment
    ended: Moment | None
    phases: Mapping[str, Seconds]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is so now, and what has been."""

    project: str
    colors: Mapping[str, tuple[str, ReleaseId | None]]  # color -> its role, and the release there
    rollback: bool  # the release before could come back
    locked: Moment | None  # since when a command works
    runs: tuple[Run, ...]  # the latest first
    totals: Mapping[tuple[str, str], int]  # command and outcome -> runs
    users: Mapping[str, int] | None = None  # result -> requests in the last deploy that was measured
    gap: Seconds | None = None  # the longest between two good answers in it
    open: bool = False  # a run was interrupted, and the next command goes on with it


def metrics(facts: Facts) -> tuple[Metric, ...]:
    """Return everything that is told of *facts*; what nobody has measured is left out."""
    project = (facts.project,)
    latest = _latest(facts.runs)
    made = [
        Metric(
            "teal_release",
            "The release whose containers stand on a color.",
            "gauge",
            ("project", "color", "role"),
            tuple(
                ((*project, color, role), float(number))
                for color, (role, number) in facts.colors.items()
                if number is not None
            ),
        ),
        Metric(
            "teal_run_info",
            "When the latest run of each command ended, by its outcome, in seconds since the epoch.",
            "gauge",
            ("project", "command", "outcome"),
            tuple(((*project, run.command, run.outcome), float(run.ended or 0)) for run in latest),
        ),
        Metric(
            "teal_run_seconds",
            "How long each phase of the latest deploy that was done took.",
            "gauge",
            ("project", "phase"),
            tuple(((*project, phase), float(took)) for phase, took in _phases(facts.runs).items()),
        ),
        Metric(
            "teal_runs",
            "Runs that have ended, by command and outcome.",
            "counter",
            ("project", "command", "outcome"),
            tuple(((*project, *which), float(count)) for which, count in sorted(facts.totals.items())),
        ),
        _one("teal_rollback_ready", "Whether the release before could come back.", project, float(facts.rollback)),
        _one(
            "teal_run_open",
            "Whether a run was left open for the next command.",
            project,
            float(facts.open),
        ),
        _one(
            "teal_lock_since_seconds",
            "Since when a command works on the stack, in seconds since the epoch; 0 where none does.",
            project,
            float(facts.locked or 0),
        ),
    ]
    if facts.users is not None:
        results = tuple(((*project, result), float(count)) for result, count in sorted(facts.users.items()))
        said = "Requests of users during the latest deploy that was measured."
        made.append(Metric("teal_deploy_requests", said, "gauge", ("project", "result"), results))
    if facts.gap is not None:
        said = "The longest time between two good answers in the latest deploy that was measured."
        made.append(_one("teal_longest_gap_seconds", said, project, float(facts.gap)))
    return tuple(each for each in made if each.samples)


def _one(name: str, help_: str, project: tuple[str, ...], value: float) -> Metric:
    return Metric(name, help_, "gauge", ("project",), ((project, value),))


def _latest(runs: Iterable[Run]) -> tuple[Run, ...]:
    """Return the latest run of each command that has ended."""
    found: dict[str, Run] = {}
    for run in runs:
        if run.outcome and run.ended is not None:
            found.setdefault(run.command, run)
    return tuple(found.values())


def _phases(runs: Iterable[Run]) -> Mapping[str, Seconds]:
    return next((run.phases for run in runs if run.command == "deploy" and run.outcome == "done"), {})
