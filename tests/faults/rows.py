"""The faults that Teal must bear, a row each: which tests try a row, and what users' requests went through meanwhile.

A test belongs to a row by ``@pytest.mark.row("engine")``. One that takes long is marked ``long`` too: `make test`
leaves it out, `make faults` has all of them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
import pytest

from proof.load import Report

LOAD = "load"  # the property under which a test says what it has counted
ROWS = {
    "killed": "SIGKILL of Teal at each step boundary of deploy, rollback, adoption and leave",
    "signals": "SIGINT, SIGTERM, SIGHUP, closed terminal, closed pipe in each phase",
    "exits": "a service that exits at once, in a loop, after 5 s, right after the gate, right after the switch",
    "unhealthy": "never healthy; flapping; a healthcheck that hangs; no healthcheck",
    "checks": "a check or a hook that says no, or hangs",
    "memory": "out of memory: container limit; machine nearly full",
    "build": "build failure; missing Dockerfile; image that can't be pulled; registry that hangs",
    "disk": "disk full, under the state and under the engine's data and build",
    "engine": "engine restarted, killed, stopped for a while, with and without live-restore, in each phase",
    "power": "the power fails: Teal, engine and containers end at once, and the engine starts again",
    "proxy": "proxy killed, restarted, reloaded, its files edited; state file deleted, emptied, garbage, unreadable",
    "database": "database restarted during a deploy",
    "by-hand": "containers, networks, images of either color changed by hand; a plain copy; down --remove-orphans",
    "prune": "docker system prune -a between deploys",
    "locks": "many commands at once; two checkouts; a lock holder that was killed or whose pid lives on",
    "journal": "journal truncated, corrupted, deleted, newer, read-only; .deployment-color missing, wrong, unwritable",
    "clock": "clock jumps by an hour, both ways, in each phase; a tenth of a CPU",
    "own-proxy": "Teal killed while its own proxy takes or gives ports; that, engine or power fails; plain up by habit",
    "drain": "DRAIN_TIMEOUT reached with streams, uploads and WebSockets open",
}

NOTES = (
    "failed: though the active color, the proxy and the database ran;",
    "taken: by the fault itself, while it had one of them down; twin: by the same fault without Teal, where it ends",
    "without a person's hand; cut: streams and WebSockets, at the drain's limit or by the fault",
)


class Counted(msgspec.Struct, frozen=True, kw_only=True):
    """What became of the requests of one test."""

    sent: int = 0
    failed: int = 0  # though the active color, the proxy and the database ran: more than the fault itself takes
    taken: int = 0  # by the fault itself, until something was there again to answer
    twin: int | None = None  # the same fault took so many without Teal, where that was measured
    mixed: int = 0  # one answer of two releases
    wrong: int = 0  # answered by a release that was not active
    cut: int = 0  # streams and WebSockets, those included that the drain may cut

    def __add__(self, other: Counted) -> Counted:
        known = [each.twin for each in (self, other) if each.twin is not None]
        return Counted(
            sent=self.sent + other.sent,
            failed=self.failed + other.failed,
            taken=self.taken + other.taken,
            twin=sum(known) if known else None,
            mixed=self.mixed + other.mixed,
            wrong=self.wrong + other.wrong,
            cut=self.cut + other.cut,
        )


def record(node: pytest.Item, report: Report, *, failed: int, taken: int, twin: int | None) -> None:
    """Let the table of `make faults` count *report* for the test *node*, and what the faults themselves have cost."""
    counted = Counted(
        sent=report.sent,
        failed=failed,
        taken=taken,
        twin=twin,
        mixed=report.mixed,
        wrong=report.late + report.early,
        cut=report.cut_streams + report.cut_websockets + report.excused_streams + report.excused_websockets,
    )
    node.user_properties.append((LOAD, msgspec.to_builtins(counted)))


def row_of(node: pytest.Item) -> str:
    """Return the row that a test belongs to, "" for none; ``UsageError`` where there is no such row."""
    marker = node.get_closest_marker("row")
    name = str(marker.args[0]) if marker and marker.args else ""
    if marker and name not in ROWS:
        raise pytest.UsageError(f"{node.nodeid}: there is no row {name!r} in {__name__}")
    return name


@dataclass(slots=True)
class Tried:
    """What has been seen of one row."""

    cases: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)
    counted: Counted = field(default_factory=Counted)
    seconds: float = 0.0

    @property
    def passed(self) -> bool:
        """Tell whether there were cases, and all passed."""
        return bool(self.cases) and not self.failed

    @property
    def verdict(self) -> str:
        """Return it in words."""
        if not self.cases:
            return "NO CASE"
        return f"{len(self.failed)} FAILED" if self.failed else "ok"


def table(rows: dict[str, Tried]) -> str:
    """Return the table that `make faults` prints."""
    lines = [
        _line("fault", "cases", "requests", "failed", "taken", "twin", "mixed", "wrong", "cut", "seconds", "verdict")
    ]
    lines += [_row(name, tried) for name, tried in rows.items()]
    if len(rows) > 1:
        lines.append(_row("all", _all(rows.values())))
    lines += ["", *NOTES, "", *(f"{name:10} {ROWS[name]}" for name in rows)]
    return "\n".join(lines)


def _all(every: Iterable[Tried]) -> Tried:
    whole = Tried()
    for tried in every:
        whole.cases |= tried.cases
        whole.failed |= tried.failed
        whole.counted += tried.counted
        whole.seconds += tried.seconds
    return whole


def _row(name: str, tried: Tried) -> str:
    got = tried.counted
    twin = "" if got.twin is None else f"{got.twin:,}"
    numbers = (
        f"{got.sent:,}",
        f"{got.failed:,}",
        f"{got.taken:,}",
        twin,
        f"{got.mixed:,}",
        f"{got.wrong:,}",
        f"{got.cut:,}",
    )
    return _line(name, f"{len(tried.cases)}", *numbers, f"{tried.seconds:.0f}", tried.verdict)


def _line(name: str, *columns: str) -> str:
    *numbers, verdict = columns
    return f"{name:10}{''.join(f'{number:>10}' for number in numbers)}  {verdict}"
