"""A attempt, move by move: which rows are written into the copy of a table, and what follows from what is then read.

The moves depend on what was seen, so they are a generator: it yields a play and is sent what came of it. The old
release knows the columns that serve now, the new one writes into those that are added.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation

from teal.core.judge.values import Tried

Row = Mapping[str, str | None]  # column -> its value as text
# Tried as values of a type where the table has none: those that it doesn't take are left out.
MADE_UP = """
11|12|13|0.11|0.12|a1|b2|c3|true|false|2024-01-02|2024-02-03|2024-03-04 05:06:07|05:06:07|06:07:08
|6f1c1e5e-0000-4000-8000-000000000001|6f1c1e5e-0000-4000-8000-000000000002|{"a": 1}|{"b": 2}|{11}|{12}|{a1}|{b2}
|{2024-01-02}|{2024-02-03}|10.0.0.1|10.0.0.2|08:00:2b:01:02:03|08:00:2b:01:02:04|(1,2)|(3,4)|[1,3)|[4,6)
|[2024-01-01,2024-02-01)|[2024-03-01,2024-04-01)|<a/>|<b/>
""".replace("\n", "").split("|")
LONGEST = 500  # characters of a value that is taken from the table


# Extensions whose functions reach out of the transaction: text that is put together may call them.
REACHING = ("dblink", "http", "pg_net", "pg_background", "pg_cron", "aws_lambda", "aws_commons", "aws_s3", "plsh")


@dataclass(frozen=True, slots=True)
class Attempt:
    """What is to be tried of *table*: its triggers, or a *batch* over so many of its rows.

    *statements* make of a copy what the change makes of the table, *triggers* come when its rows are there.
    """

    key: str
    table: str
    statements: tuple[str, ...] = ()
    triggers: tuple[str, ...] = ()
    serving: frozenset[str] = frozenset()  # the columns that the old release writes
    batch: str = ""
    rows: int = 0
    nullable: tuple[str, ...] = ()  # columns that the batch names and that may be NULL
    composes: bool = False  # it runs SQL that is put together
    refused: str = ""  # why it had better not be tried


@dataclass(frozen=True, slots=True)
class Step:
    """A row that is inserted, or what of it is updated."""

    row: Row
    update: bool = False


Play = tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The row after each step, None where it is gone; *fails*: what the server said of the step after the last row."""

    rows: tuple[Row | None, ...] = ()
    fails: str = ""
    wrote: str = ""  # another table that was written into


@dataclass(frozen=True, slots=True)
class Copy:
    """The copy of a table: its columns, each with the values that it takes (the first one is that of the first row)."""

    values: Mapping[str, tuple[str, ...]]
    required: frozenset[str]
    defaults: Mapping[str, str]
    serving: frozenset[str]
    samples: tuple[Row, ...] = ()

    @property
    def added(self) -> list[str]:
        """Return the columns that the change adds."""
        return sorted(set(self.values) - self.serving)


Moves = Generator[Play, Outcome, Tried]
_Seen = Generator[Play, Outcome, Row]
_Nothing = Generator[Play, Outcome, None]


class _Harm(Exception):
    """A write fails or is lost."""

    def __init__(self, harm: str, about: str) -> None:
        super().__init__(harm)
        self.harm, self.about = harm, about


class _Untried(Exception):
    """Nothing can be said."""


def moves(copy: Copy) -> Moves:
    """Play the writes of both releases through the triggers of *copy*; return what was seen."""
    game = _Game(copy)
    try:
        yield from game.play()
    except _Harm as found:
        return Tried(found.harm, found.about)
    except _Untried as why:
        return Tried(untried=str(why))
    return Tried(fills=frozenset(name for name, used in game.used.items() if used))


@dataclass
class _Game:
    """What is known so far."""

    copy: Copy
    base: Row = field(default_factory=dict)  # the row that the first INSERT leaves
    used: dict[str, set[str]] = field(default_factory=dict)  # a new column -> the old ones that it comes from
    plain: dict[str, set[str]] = field(default_factory=dict)  # and those of which it is a copy
    seen: dict[str, list[str]] = field(default_factory=dict)  # values of new columns
    asked: dict[tuple[str, str | None], Row] = field(default_factory=dict)  # a changed column -> what INSERT leaves

    def play(self) -> _Nothing:
        yield from self._inserts()
        yield from self._updates()
        for name in sorted(self.used):
            yield from self._by_both(name)
        for name in sorted(self.plain):
            yield from self._new_insert(name)

    @property
    def first(self) -> dict[str, str | None]:
        return {name: self._first(name) for name in sorted(self.copy.serving)}

    def _first(self, name: str) -> str | None:
        if self.copy.samples and self.copy.samples[0].get(name) in self.copy.values[name]:
            return self.copy.samples[0][name]
        if not self.copy.values[name] and name in self.copy.required:
            raise _Untried(f"no value for {name} can be made up")
        return next(iter(self.copy.values[name]), None)

    def _others(self, name: str, than: str | None, *, many: int = 2) -> list[str | None]:
        """Return other values of an old column: NULL among them where it may be."""
        found = [one for one in self.copy.values[name] if one != than][:many]
        return [*found, *([None] if name not in self.copy.required and than is not None else [])]

    # --- the old release

    def _inserts(self) -> _Nothing:
        """See what an INSERT of the old release leaves, and which column it comes from."""
        first = self.first
        self.base = yield from self._inserted(first)
        again = yield from self._inserted(first)
        steady = [name for name in self.copy.added if self.base[name] == again[name]]
        self.used = {name: set() for name in steady}
        self.plain = {name: {one for one in first if alike(self.base[name], first[one])} for name in steady}
        self.seen = {name: _given([self.base[name]]) for name in steady}
        for name in first:
            for value in self._others(name, first[name]):
                row = yield from self._inserted({**first, name: value})
                self.asked[name, value] = row
                self._learn(name, value, row)
        self.plain = {name: found & self.used[name] for name, found in self.plain.items() if found & self.used[name]}

    def _learn(self, name: str, value: str | None, row: Row) -> None:
        for new, used in self.used.items():
            if row[new] != self.base[new]:
                used.add(name)
            if value is not None and not alike(row[new], value):
                self.plain[new].discard(name)
            self.seen[new] += [one for one in _given([row[new]]) if one not in self.seen[new]]

    def _inserted(self, row: Row) -> _Seen:
        outcome = yield (Step(row),)
        return _untouched(outcome, row)

    def _updates(self) -> _Nothing:
        first = self.first
        for (name, value), inserted in self.asked.items():
            outcome = yield (Step(first), Step({name: value}, update=True))
            row = _untouched(outcome, {**first, name: value})
            self._reached(name, row, inserted)

    def _reached(self, name: str, row: Row, inserted: Row) -> None:
        """Find that a write of *name* has reached the new columns as an INSERT would have."""
        for new, used in self.used.items():
            emptied = row[new] is None and self.base[new] is None  # what is empty is the backfill's
            if name in used and not emptied and row[new] != inserted[new]:
                raise _Harm("misses", new)

    # --- both

    def _by_both(self, new: str) -> _Nothing:
        """Write as the new release does, then as the old one."""
        value = next((one for one in self.seen[new] if one != self.base[new]), None)
        if not self.used[new] or value is None:
            return
        first = self.first
        write = (Step(first), Step({new: value}, update=True))
        outcome = yield write
        if outcome.fails or outcome.rows[-1] is None:
            raise _Harm("fails", outcome.fails or "a new release's write is dropped")
        state = outcome.rows[-1]
        if state[new] != value:
            if new in self.plain:
                raise _Harm("one-way", new)
            return  # it is worked out from the old ones, whatever is written
        if new in self.plain and all(state[one] == self.base[one] for one in self.used[new]):
            raise _Harm("one-way", min(self.plain[new]))
        olds = {name: state[name] for name in self.copy.serving}
        for name in sorted({one for used in self.used.values() for one in used}):
            for other in [one for one in (first[name], *self._others(name, first[name])) if one != olds[name]]:
                outcome = yield (*write, Step({name: other}, update=True))
                row = _untouched(outcome, {**olds, name: other})
                inserted = yield from self._inserted({**olds, name: other})
                self._reached(name, row, inserted)

    # --- the new release

    def _new_insert(self, new: str) -> _Nothing:
        """Insert as the new release does, which leaves out what its column takes the place of."""
        used, reflected = self.used[new], []
        if any("nextval" in self.copy.defaults.get(name, "") for name in used):
            return
        for value in self.seen[new][:2]:
            outcome = yield (Step({**{one: v for one, v in self.first.items() if one not in used}, new: value}),)
            row = outcome.rows[-1] if outcome.rows else None
            if row is None and "null value" in outcome.fails:
                raise _Harm("one-way", min(self.plain[new]))
            if row is None:
                raise _Harm("fails", outcome.fails or "a new release's write is dropped")
            if row[new] != value:
                raise _Harm("one-way", new)
            reflected.append([row[one] for one in sorted(used)])
        if len(reflected) > 1 and reflected[0] == reflected[1]:
            raise _Harm("one-way", min(self.plain[new]))


def _untouched(outcome: Outcome, written: Row) -> Row:
    """Return the last row, when the old release finds in it what it has written."""
    if outcome.fails:
        raise _Harm("fails", outcome.fails)
    row = outcome.rows[-1]
    if row is None:
        raise _Harm("drops", "")
    if outcome.wrote:
        raise _Harm("elsewhere", outcome.wrote)
    for name, value in written.items():
        if row[name] != value:
            raise _Harm("changes", name)
    return row


def _given(values: Iterable[str | None]) -> list[str]:
    return [one for one in values if one is not None]


_DAY = re.compile(r"\d{4}-\d\d-\d\d")


def alike(one: str | None, other: str | None) -> bool:
    """Return whether two values are the same, though of different types: 5 and 5.00, a day and its midnight."""
    if one is None or other is None or one == other:
        return one == other and one is not None
    try:
        return Decimal(one) == Decimal(other)
    except InvalidOperation:
        shorter, longer = sorted((one, other), key=len)
        return _DAY.match(shorter) is not None and re.fullmatch(r"[ T0:.+-]*", longer.removeprefix(shorter)) is not None


def values_of(samples: Sequence[Row], name: str, taken: Sequence[str]) -> tuple[str, ...]:
    """Return up to four different values of a column: of its rows, then those *taken* that were made up."""
    there = [one for one in _given(row.get(name) for row in samples) if len(one) <= LONGEST]
    return tuple(dict.fromkeys((*there[:30], *taken)))[:4]


def fullest(samples: Iterable[Row]) -> tuple[Row, ...]:
    """Return rows, those with the fewest NULLs first."""
    return tuple(sorted(samples, key=lambda row: sum(value is None for value in row.values())))


def placed(sql: str, table: str, schema: str) -> str:
    """Return *sql* with the copy in *schema* for *table*, where it is named with its schema."""
    own, _, name = table.rpartition(".")
    named = rf'(?<![\w."$])"?{re.escape(own or "public")}"?\s*\.\s*"?{re.escape(name)}"?(?![\w"$])'
    return re.sub(named, f'{schema}."{name}"', sql)


# --- batches


def ends(changed: Sequence[int], rows: int) -> Tried | None:
    """Return what the *changed* rows of each round so far say of a batch over *rows*; None: another round is needed."""
    if changed and changed[-1] == 0:
        if sum(changed) == 0:
            return Tried(untried="no row of its table meets its condition now")
        return Tried()
    if sum(changed) > 2 * rows + 10:
        return Tried("endless", f"{sum(changed)} rows changed of {rows}")
    return None
