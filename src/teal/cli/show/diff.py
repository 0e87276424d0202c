"""Says what differs between two releases: for each service which keys, then what is worth a second look."""

from __future__ import annotations

from collections.abc import Sequence

from teal.cli.show.text import paint
from teal.core.rendering.diff import Difference, DiffWarning
from teal.core.rendering.diff_wording import in_short, services
from teal.run.api import DiffResult


def diff(result: DiffResult) -> str:
    """Return *result* as a page."""
    found = result.diff
    head = f"{result.project}: {found.before} → {found.after}"
    if not found.changes:
        return _joined([f"{head}: nothing differs", *_unknown(found)])
    lines = [f"{head}   (+ added, - gone, ~ changed; values are never shown)"]
    width = max(len(each.service or "stack") for each in found.changes)
    for name, said in services(found).items():
        lines += [f"  {(name or 'stack') if at == 0 else '':<{width}}  {line}" for at, line in enumerate(said)]
    return _joined([*lines, *_unknown(found), *doubts(found.warnings)])


def shortly(found: Difference) -> str:
    """Return what differs on one line, and what is worth a second look below it."""
    return _joined([f"  since {found.before}: {in_short(found)}", *doubts(found.warnings)])


def doubts(warnings: Sequence[DiffWarning]) -> list[str]:
    """Return a line for each of *warnings*."""
    return [paint(f"  ! {each.said}", "yellow") for each in warnings]


def _unknown(found: Difference) -> list[str]:
    names = ", ".join(found.unknown)
    return [f"  not compared, since nobody has them yet, or any more: the images of {names}"] if names else []


def _joined(lines: Sequence[str]) -> str:
    return "\n".join(lines)
