"""Small words of presentation: durations, ages, tables, color."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import click

from teal.cli.output import colored
from teal.core.model.duration import said
from teal.core.model.units import Moment, Seconds


def seconds(value: Seconds | None) -> str:
    """Return a duration as people say it, a dash for none."""
    return "-" if value is None else said(value)


def age(since: Moment | None, now: Moment) -> str:
    """Return how long ago *since* was."""
    return "-" if not since else seconds(Seconds(max(0.0, round(now - since))))


def stamp(when: Moment | None) -> str:
    """Return a moment in the local time, to the second."""
    return "-" if when is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(when))


def goes(removes: Sequence[str]) -> str:
    """Return what a contract will remove, in brackets."""
    return f" (removes {', '.join(removes)})" if removes else ""


def paint(text: str, color: str = "", *, bold: bool = False, dim: bool = False) -> str:
    """Return *text* in *color*, where standard output wants colors."""
    return click.style(text, fg=color or None, bold=bold or None, dim=dim or None) if colored() else text


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return aligned columns; cells may be painted."""
    every = [[paint(each, dim=True) for each in head], *[list(row) for row in rows]]
    widths = [max(_width(row[at]) for row in every) for at in range(len(head))]
    lines = ("  ".join(_fill(cell, width) for cell, width in zip(row, widths, strict=True)) for row in every)
    return "\n".join(line.rstrip() for line in lines)


def _width(cell: str) -> int:
    return len(click.unstyle(cell))


def _fill(cell: str, width: int) -> str:
    return cell + " " * (width - _width(cell))
