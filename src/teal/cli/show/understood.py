"""Says what Teal has understood of a stack: before the first deploy, and in the comments of a new teal.yml."""

from __future__ import annotations

import re
from collections.abc import Iterator

from teal.cli.show.text import paint
from teal.core.model.own_proxy import OWN
from teal.run.api import RoleRow, Understood

_ORDER = ("route", "worker", "singleton", "one-shot", "shared", "tool")
_PLAIN = re.compile(r"\S+ is an? .*|the proxy|Teal's own proxy.*")  # reasons that nobody needs to look at


def summary(understood: Understood) -> str:
    """Return what was understood, on few lines."""
    head = f"What Teal has understood of {paint(understood.project, '', bold=True)}:"
    return "\n".join([head, *(f"  {kind:<10} {text}" for kind, text in _lines(understood))])


def _lines(understood: Understood) -> Iterator[tuple[str, str]]:
    for role in _ORDER:
        rows = (each for each in understood.roles if each.role == role and each.service != OWN)
        for place, row in enumerate(rows):
            port = f", port {understood.ports[row.service]}" if row.service in understood.ports else ""
            yield ("" if place else role), f"{row.service}{port}: {row.reason}"
    yield "in front", understood.front
    for place, taken in enumerate(understood.takes):
        yield ("" if place else "own proxy"), taken
    yield from (("costs", text) for text in understood.costs)
    for place, text in enumerate(understood.data):
        yield ("" if place else "data"), text


def new_file(understood: Understood) -> str:
    """Return a teal.yml that says nothing yet: what was proposed, and why, stands in its comments."""
    rows = [row for row in understood.roles if not _PLAIN.fullmatch(row.reason)]
    routes = [
        (f"{row.service}: {{port: {understood.ports[row.service]}}}", row.reason)
        for row in rows
        if _is_route(row, understood)
    ]
    others = [(f"{row.service}: {row.role}", row.reason) for row in rows if not _is_route(row, understood)]
    told = (
        f"# How Teal understands {understood.project}. The commented lines are what it found by itself, and why:",
        "# where one is wrong, remove its # and write what is right. All keys: docs/teal-yml.md",
        *_commented("routes", routes),
        *_commented("services", others),
        *(f"# {text}" for text in understood.data),
    )
    return "".join(f"{line}\n" for line in told)


def _is_route(row: RoleRow, understood: Understood) -> bool:
    return row.role == "route" and row.service in understood.ports


def _commented(key: str, entries: list[tuple[str, str]]) -> Iterator[str]:
    if entries:
        yield f"# {key}:"
    width = max((len(entry) for entry, _ in entries), default=0)
    for entry, reason in entries:
        yield f"#   {entry:<{width}}  # {reason}"
