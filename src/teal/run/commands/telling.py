"""Which runs have ended that others were not told of yet, and what serves now."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from msgspec import structs

from teal.core.model.observed import Observed
from teal.core.model.stack import Stack
from teal.core.model.traffic import Mode
from teal.core.model.units import Moment, Seconds
from teal.core.planning.step_names import Command, StepName
from teal.core.report.values import Report
from teal.core.report.words import longest_pause, noticed
from teal.core.telling.endings import Notification, Word, text_of, word_of
from teal.core.telling.metrics import Facts, Run
from teal.core.telling.spans import Trace, Traced, trace_of
from teal.errors import TealError, Unavailable
from teal.ports import RunRecord
from teal.run.commands.status import status
from teal.run.context import Ports
from teal.run.observe import observe

RUNS = 50  # how many past runs are looked at
EVERY = 1_000_000  # more runs than a journal keeps
RECENT = Seconds(3600.0)  # what ended earlier is nobody's news: nobody was to be told then, or it was long ago
_KEPT_AWAY = {Mode.HOLD: "the proxy", Mode.MAINTENANCE: "the maintenance page"}


@dataclass(frozen=True, slots=True)
class Teller:
    """Who tells, and how far others were told before."""

    host: str
    by: str
    began: Moment  # when the command began that this follows
    told: int | None = None  # the last run that they were told of
    open: int | None = None  # a run that waits for a person, of which they were told


@dataclass(frozen=True, slots=True)
class News:
    """What others are to be told, and how far they are told then."""

    told: tuple[Notification, ...]
    last: int | None
    open: int | None


async def news(ports: Ports, stack: Stack, teller: Teller) -> News:
    """Return what has ended since others were told last, the oldest first."""
    records = ports.journal.history(RUNS)
    busy = ports.lock.holder() is not None
    waits = next((each for each in records if not each.outcome and not busy), None)
    due = [each for each in reversed(records) if _is_due(each, teller)]
    rows: list[tuple[RunRecord, Word]] = [
        (each, word) for each in due if (word := word_of(each.command, each.outcome, each.message))
    ]
    if waits is not None and waits.id != teller.open:
        rows.append(_waiting(ports, waits))
    serving = await _serving(ports, stack) if rows else ""
    made = tuple(
        _notification(stack, record, word, serving, teller, ports.reports.read(record.id)) for record, word in rows
    )
    last = max((each.id for each in records if each.outcome), default=teller.told)
    return News(made, last, waits.id if waits else None)


def _is_due(record: RunRecord, teller: Teller) -> bool:
    if not record.outcome or record.ended is None or record.ended < teller.began - RECENT:
        return False
    if record.id == teller.open and record.outcome == "needs-person":
        return False
    if teller.told is None:
        return record.ended >= teller.began
    return record.id > teller.told or (record.id == teller.open and record.ended >= teller.began)


def _waiting(ports: Ports, record: RunRecord) -> tuple[RunRecord, Word]:
    """Return the open *record* with what its log warned of last, and whether it is a watch or waits for a person."""
    lines = ports.logs.read(record.id)
    said = [each for each in lines if each.event == "said" and each.kind == "warning"]
    message = said[-1].text.splitlines()[0] if said else ""
    steps = [each.step for each in lines if each.event == "step-began"]
    held = bool(steps) and steps[-1] == StepName.BAKE
    return replace(record, message=message, ended=lines[-1].time if lines else None), "held" if held else "needs-person"


def _notification(
    stack: Stack, record: RunRecord, word: Word, serving: str, teller: Teller, report: Report | None
) -> Notification:
    took = None if record.ended is None else Seconds(round(record.ended - record.started, 3))
    own = record.started >= teller.began
    told = Notification(
        project=stack.project,
        on=word,
        text="",
        run=record.id,
        command=record.command,
        outcome=record.outcome or "open",
        release=record.release,
        serving=serving,
        started=record.started,
        ended=record.ended,
        seconds=took if own else None,  # of one that was killed nobody knows for how long it worked
        message=record.message,
        phases=record.phases,
        host=teller.host,
        by=teller.by if own else "",
        report=noticed(report) if report is not None and report.measured else "",
    )
    return structs.replace(told, text=text_of(told))


async def facts(ports: Ports, stack: Stack, counted: int | None, totals: Mapping[str, int]) -> tuple[Facts, int | None]:
    """Return what metrics tell, and the last run that is counted; *totals* are those up to the run *counted*."""
    now = await status(ports, stack)
    records = ports.journal.history(EVERY)
    found = Counter(dict(totals))
    ended = [each for each in records if each.outcome and (counted is None or each.id > counted)]
    found.update(f"{each.command} {each.outcome}" for each in ended)
    runs = tuple(Run(each.command, each.outcome, each.started, each.ended, each.phases) for each in records[:RUNS])
    measured = (ports.reports.read(each.id) for each in records[:RUNS] if each.command == Command.DEPLOY)
    report = next((each for each in measured if each is not None and each.measured), None)
    made = Facts(
        project=stack.project,
        colors={name: (each.role, each.release) for name, each in now.colors.items()},
        rollback=now.rollback is not None and now.rollback.how not in {"gone", "failed"},
        locked=now.lock.since if now.lock else None,
        runs=runs,
        totals={(command, outcome): n for key, n in found.items() for command, _, outcome in [key.partition(" ")]},
        open=bool(now.interrupted),
        users=_users(report),
        gap=_gap(report),
    )
    return made, max((each.id for each in records if each.outcome), default=counted)


def _users(report: Report | None) -> Mapping[str, int] | None:
    if report is None or report.users is None:
        return None
    return {"ok": report.users.requests - report.users.errors, "failed": report.users.errors}


def _gap(report: Report | None) -> Seconds | None:
    longest = longest_pause(report) if report is not None else None
    return None if longest is None else Seconds(longest)


def traces(
    ports: Ports, stack: Stack, teller: Teller, traced: int | None, *, parent: str, revision: str
) -> tuple[tuple[Trace, ...], int | None]:
    """Return the runs that have ended since the last that was *traced*, each as a trace, and the last of them.

    Those that this command began join *parent*.
    """
    records = [each for each in ports.journal.history(RUNS) if each.outcome and each.ended is not None]
    made: list[Trace] = []
    for record in reversed(records):
        assert record.ended is not None
        if record.ended < teller.began - (RECENT if traced is not None else 0) or record.id <= (traced or 0):
            continue
        own = record.started >= teller.began
        run = Traced(
            stack.project, record.id, record.command, record.outcome, record.message, record.release,
            record.started, record.ended,
        )  # fmt: skip
        joined = (parent, revision) if own else ("", "")
        made.append(trace_of(run, ports.logs.read(record.id), parent=joined[0], revision=joined[1]))
    return tuple(made), max((each.id for each in records), default=traced)


async def trial(ports: Ports, stack: Stack, teller: Teller) -> Notification:
    """Return what `teal notify test` tells."""
    serving = await _serving(ports, stack)
    now = teller.began
    told = Notification(
        stack.project,
        "test",
        "",
        None,
        "notify test",
        "done",
        None,
        serving,
        now,
        now,
        None,
        host=teller.host,
        by=teller.by,
    )
    return structs.replace(told, text=text_of(told))


async def _serving(ports: Ports, stack: Stack) -> str:
    """Return what users get now, in words; by the engine too, where it answers."""
    try:
        return serving_of(await observe(ports, stack))
    except Unavailable:
        traffic = ports.proxy.read()
        return str(traffic.users) if traffic else "the plain stack"
    except TealError:
        return "nobody knows what"


def serving_of(observed: Observed) -> str:
    """Return what users get now, in words."""
    if observed.traffic is None or observed.traffic.users is Mode.PLAIN:
        return "the plain stack"
    if observed.traffic.users in _KEPT_AWAY:
        return _KEPT_AWAY[observed.traffic.users]
    release = observed.active_release
    return f"release {release}" if release is not None else str(observed.traffic.users)
