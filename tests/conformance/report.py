"""Prints the table: what became of each key of the specification on each kind of service."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Literal

from tests.conformance.case import ROLES, SHARED, Case
from tests.conformance.compare import Verdict
from tests.conformance.left_out import LEFT_OUT
from tests.conformance.run import Found, keys_of

Kind = Literal["unlisted", "different", "equal", "refused", "left out"]
SIGNS: dict[Kind, str] = {"unlisted": "!!", "different": "~", "equal": "=", "refused": "x", "left out": "-"}


@dataclass
class Cell:
    """What became of a key on one kind of service, over all cases that use it."""

    notes: dict[Kind, list[str]] = field(default_factory=dict)

    def add(self, kind: Kind, note: str = "") -> None:
        notes = self.notes.setdefault(kind, [])
        if note and note not in notes:
            notes.append(note)

    @property
    def kind(self) -> Kind:
        return next((kind for kind in SIGNS if kind in self.notes), "left out")


Table = dict[str, dict[str, Cell]]  # key -> role -> cell


def table(found: Found, cases: Sequence[Case], keys: Iterable[str]) -> Table:
    """Return what became of each of *keys* on each kind of service."""
    rows: Table = {key: {role: Cell() for role in ROLES} for key in sorted(keys)}
    using = {case.name: keys_of(case, rows) & rows.keys() for case in cases}
    for verdict, name in ((each, name) for each in found.verdicts for name in each.cases):
        for key in using[name]:
            _add(rows[key][verdict.role], verdict, name, key)
    for case in cases:
        for role in ROLES:
            kind, note = _not_tried(case, role)
            for key in using[case.name] if kind else ():
                rows[key][role].add(kind or "left out", note)
    for key in LEFT_OUT.keys() & rows.keys():
        for cell in rows[key].values():
            cell.add("left out", LEFT_OUT[key])
    return rows


def _not_tried(case: Case, role: str) -> tuple[Kind | None, str]:
    """Return what becomes of *case* on a kind of service on which it isn't compared; None where it is."""
    if role in case.refused:
        return "refused", "; ".join(case.refused[role])
    if role in case.left_out:
        return "left out", case.left_out[role]
    if case.created and role == SHARED:
        return "left out", "it is created from the owner's own files, by Compose itself"
    return None, ""


def _add(cell: Cell, verdict: Verdict, case: str, key: str) -> None:
    if verdict.unlisted:
        cell.add("unlisted", "; ".join(map(str, verdict.unlisted)))
        return
    for reason in verdict.reasons(case, key):
        cell.add("different", reason)
    if not verdict.reasons(case, key):
        cell.add("equal")


def kind_of(row: dict[str, Cell]) -> Kind:
    """Return what became of a key as a whole: equal, if it is equal wherever it was tried."""
    kinds = {cell.kind for cell in row.values()}
    for kind in ("unlisted", "different", "equal", "refused"):
        if kind in kinds:
            return kind  # type: ignore[return-value]
    return "left out"


def written(rows: Table) -> Iterator[str]:
    """Yield the lines of the table, then what its numbers mean, then the counts."""
    notes: dict[str, int] = {}
    width = max(map(len, rows))
    yield f"{'':{width}}  " + "  ".join(f"{role:10}" for role in ROLES)
    for key, row in rows.items():
        yield f"{key:{width}}  " + "  ".join(f"{_cell(row[role], notes):10}" for role in ROLES)
    yield ""
    yield "= equal   ~ different for a reason   x refused   - left out   !! different, and nobody has reviewed it"
    yield from (f"{number:4} {note}" for note, number in notes.items())
    yield ""
    counts = Counter(map(kind_of, rows.values()))
    partly = sum("refused" in cell.notes for row in rows.values() for cell in row.values())
    told = ", ".join(f"{counts[kind]} {kind}" for kind in SIGNS if counts[kind])
    yield f"{len(rows)} keys: {told} (refused on some kind of service: {partly} cells of {len(rows) * len(ROLES)})"


def _cell(cell: Cell, notes: dict[str, int]) -> str:
    found = []
    for kind in SIGNS:
        if kind in cell.notes:
            numbers = [str(notes.setdefault(note, len(notes) + 1)) for note in cell.notes[kind]]
            found.append(SIGNS[kind] + ",".join(numbers))
    return " ".join(found) or "-"
