"""Says how the schema stands, and what migrate did to it.

Says how the gate before a contract stands, and how a contract ended.

Says what the files of a planned change are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from teal.cli.show.deploy import planned as deploy_planned
from teal.cli.show.text import age, goes, paint, seconds, stamp
from teal.core.model.units import Moment, Seconds
from teal.run.api import OpenRow

if TYPE_CHECKING:  # `teal status` comes here for what is open, and needs none of these
    from teal.core.judge.values import Finding
    from teal.core.migrations.draft import Draft, Series
    from teal.core.migrations.gate import Condition
    from teal.run.migrations.results import ContractResult, MigrateCheckResult, MigrateResult, MigrateStatus, PendingRow

_NEXT = {
    "done": ("green", "all done"),
    "broken": ("red", "broken"),
    "expand": ("yellow", "expand is next: `teal deploy`, or `teal migrate expand`"),
    "backfill": ("yellow", "a backfill is next: `teal migrate backfill`"),
    "contract": ("yellow", "expanded; a contract is pending"),
    "unknown": ("yellow", "unknown"),
}


def status(result: MigrateStatus, *, now: Moment) -> str:
    """Return what is next, pending and open."""
    ink, said = _NEXT[result.state]
    said = f"{said}: {result.unknown}" if result.unknown else said
    lines = [f"{paint(result.project, bold=True)}: {paint(said, ink)}"]
    lines += [f"  pending: {_pending(result.pending)}"] if result.pending else []
    if result.floor:
        lines.append(f"  rollback floor: release {result.floor}")
    lines += [f"  {line}" for each in result.open for line in opened(each, now)]
    lines += [f"  excused: {each}" for each in result.excused]
    return "\n".join([*lines, *(paint(f"! {problem}", "yellow") for problem in result.problems)])


def _pending(rows: tuple[PendingRow, ...]) -> str:
    return ", ".join(row.name if row.name.endswith(row.phase) else f"{row.name} ({row.phase})" for row in rows)


def opened(row: OpenRow, now: Moment) -> Iterator[str]:
    """Yield the lines of an open change."""
    since = f"since release {row.release}, {stamp(row.opened)} ({age(row.opened, now)})"
    yield f"open: {row.name}{goes(row.removes)}, {since}"
    if row.due > now:
        yield f"  waits for its contract_delay: {seconds(Seconds(row.due - now))} more"
    if not row.waits and row.due <= now:
        yield f"  it can be run now: teal migrate contract {row.name}"
    for each in row.waits:
        yield f"  waits for {each}"


def checked(result: MigrateCheckResult) -> str:
    """Return what would hurt, and the safe way."""
    lines = [line for each in result.findings for line in _finding(each)]
    count = f"{len(result.scripts)} script{'s' * (len(result.scripts) != 1)}"
    safe = paint(f"✓ {count} judged, safe beside traffic", "green") if result.scripts else _nothing(result)
    verdict = safe if result.safe else paint(f"✗ {count} judged: {_refused(result)}", "red")
    notes = [paint(f"  note: {note}", "yellow") for note in result.notes]
    return "\n".join([*lines, f"{result.project}: {verdict}", *notes])


def _refused(result: MigrateCheckResult) -> str:
    """Return whether a deploy would refuse what hurts, or only the later command that runs it."""
    hurting = {each.script for each in result.findings if each.excused is None}
    later = {name for name in hurting if {"contract", "window"} & {*name.split(".")}}
    return "a deploy would refuse them" if hurting - later else "a deploy would go on, their own phase would be refused"


def _nothing(result: MigrateCheckResult) -> str:
    """Return what is true where nothing was judged."""
    if result.unknown:
        return paint(f"unknown: {result.unknown}", "yellow")
    return "nothing was judged" if result.notes else "nothing is pending"


def _finding(row: Finding) -> Iterator[str]:
    place = f"{row.script}:{row.line}"
    if row.excused is not None:
        yield f"{paint('excused', dim=True)}: {place}: {row.why} ({row.rule}): {row.excused}"
        return
    yield f"{paint('error', 'red')}: {place}: {row.why} ({row.rule})"
    yield f"  {row.remedy}"


def migrated(result: MigrateResult) -> str:
    """Return what was done, or would be."""
    if result.outcome == "planned":
        title = f"migrate {result.command} {result.project}"
        due = f"\n  due: {_pending(result.pending)}" if result.pending else ""
        return deploy_planned(title, result.steps) + due
    said = {"done": "done", "unchanged": "nothing was due"}[result.outcome]
    head = paint(f"✓ migrate {result.command} {result.project}: {said}", "green", bold=True)
    took = "  ".join(f"{name} {seconds(each)}" for name, each in result.phases.items() if each >= 0.05)
    healed = [f"first repaired: {result.healed}"] if result.healed else []
    notes = [paint(f"  note: {note}", "yellow") for note in result.notes]
    return "\n".join([*healed, head, *([f"  {took}"] if took else []), *notes])


def contracted(result: ContractResult) -> str:
    """Return each condition with its evidence, and what came of it."""
    return "\n".join([*_healed(result), _head(result), *_gate(result), *_notes(result)])


def _head(result: ContractResult) -> str:
    name = f"{result.project}: contract {result.contract}"
    match result.outcome:
        case "planned":
            return f"{name} needs release {result.release} or newer; its gate:"
        case "undone":
            return paint(f"✓ {name}: what its soft form had renamed is back", "green", bold=True)
        case "soft":
            back = f"`teal migrate undo {result.contract}` brings the columns back"
            return paint(f"✓ {name} was run in its soft form", "green", bold=True) + f": {back}; {_floor(result)}"
        case _:
            return paint(f"✓ {name} was run", "green", bold=True) + f": {_floor(result)}"


def _floor(result: ContractResult) -> str:
    gone = f"; the way back to release {', '.join(map(str, result.gives_up))} was given up" if result.gives_up else ""
    return f"no release before {result.release} can come back{gone}"


def _gate(result: ContractResult) -> Iterator[str]:
    for condition in result.conditions:
        yield f"  {_mark(condition)} {condition.name:<10} {condition.evidence}"
        if not condition.met:
            yield f"    {'':<10} {paint(condition.opens, 'yellow')}"


def _mark(condition: Condition) -> str:
    return paint("✓", "green") if condition.met else paint("✗", "red")


def _healed(result: ContractResult) -> Iterator[str]:
    if result.healed:
        yield f"first repaired: {result.healed}"


def _notes(result: ContractResult) -> Iterator[str]:
    for note in result.notes:
        yield paint(f"  note: {note}", "yellow")


def planned(result: Series) -> str:
    """Return each file with what it is for; its text, too, where it was not written."""
    return "\n".join(_said(draft, written=result.written) for draft in result.files).rstrip()


def _said(draft: Draft, *, written: bool) -> str:
    head = f"{draft.name}: {draft.why}"
    return head if written else f"-- {head}\n\n{draft.sql}"
