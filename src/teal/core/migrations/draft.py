"""The files that carry one change of a column through expand, backfill and contract, losing no write.

A sentence says the change; the four that exist are in ``docs/migrations.md``. While a change is open, a trigger keeps
the old and the new column in step both ways, so that either release may write either of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from teal.core.model.migrations import Phase
from teal.errors import ConfigError

Kind = Literal["add", "remove", "rename", "change"]
BATCH = 5000  # rows of one transaction of a backfill: tens of milliseconds of row locks
_NAME = r"[a-z_][a-z0-9_]*"
_COLUMN = rf"(?:(?P<schema>{_NAME})\.)?(?P<table>{_NAME})\.(?P<column>{_NAME})"
_TYPE = r"(?P<type>[a-z][a-z0-9_ ]*?(?:\([0-9, ]+\))?(?: with(?:out)? time zone)?(?:\[\])?)"
_TO = rf"(?:(?:{_NAME}\.){{1,2}})?(?P<new>{_NAME})"
_SENTENCES: dict[Kind, re.Pattern[str]] = {
    "add": re.compile(rf"add {_COLUMN} {_TYPE}(?P<required> not null)?(?: default (?P<default>.+))?", re.I),
    "remove": re.compile(rf"(?:remove|drop) {_COLUMN}(?P<required> not null)?", re.I),
    "rename": re.compile(rf"rename {_COLUMN} to {_TO}(?: (?!not null){_TYPE})?(?P<required> not null)?", re.I),
    "change": re.compile(
        rf"change (?:type of )?{_COLUMN} to {_TYPE} as {_TO}(?P<required> not null)?"
        r"(?: using (?P<up>.+?))?(?: back (?P<down>.+))?",
        re.I,
    ),
}
HOW = """write one of
  add reviews.stars integer [not null] [default 0]
  remove reviews.author [not null]
  rename reviews.author to reviews.writer [text] [not null]
  change reviews.stars to numeric(3,1) as score [not null] [using stars::numeric] [back round(score)::integer]"""


@dataclass(frozen=True, slots=True)
class ColumnChange:
    """One change of one column, as its sentence says it."""

    kind: Kind
    table: str  # with its schema where one was named
    column: str
    new: str = ""  # rename, change: the column that takes its place
    type: str = ""  # add, rename, change: of the new column; rename: empty where the database is to tell
    default: str = ""
    required: bool = False  # NOT NULL
    up: str = ""  # change: the new value from the old one
    down: str = ""  # change: the old value from the new one

    @property
    def slug(self) -> str:
        """Return what its files and its trigger are called by."""
        table = self.table.rsplit(".", 1)[-1]
        return "_".join((self.kind, table, self.column, self.new) if self.new else (self.kind, table, self.column))


@dataclass(frozen=True, slots=True)
class Draft:
    """One file of the series, ready to be committed, and what it is for."""

    name: str
    phase: Phase
    sql: str
    why: str


@dataclass(frozen=True, slots=True)
class Series:
    """What was drafted for a sentence, and whether it was written to a folder."""

    files: tuple[Draft, ...]
    written: bool = False


def read_sentence(sentence: str) -> ColumnChange:
    """Return the change that *sentence* says; ``ConfigError`` with the four forms where it says none."""
    said = " ".join(sentence.strip().rstrip(".;").split())
    for kind, form in _SENTENCES.items():
        found = form.fullmatch(said)
        if found is not None:
            return _change(kind, {name: text.strip() for name, text in found.groupdict(default="").items()})
    raise ConfigError(f"{sentence[:80]!r} is not a change that Teal can plan", hint=HOW)


def _change(kind: Kind, said: dict[str, str]) -> ColumnChange:
    table = f"{said['schema']}.{said['table']}" if said["schema"] else said["table"]
    column, new, of = said["column"], said.get("new", ""), said.get("type", "")
    if new == column:
        raise ConfigError(
            f"{table}.{column} can't replace itself",
            hint="both columns stand side by side while the change is open: give the new one another name",
        )
    required = bool(said.get("required"))
    if kind == "add" and required and not said["default"]:
        raise ConfigError(
            f"{table}.{column} not null without a default: the release that serves now could not insert any more",
            hint="add `default …`, or leave `not null` to a contract of a later release",
        )
    return ColumnChange(
        kind, table, column, new, of, said.get("default", ""), required, said.get("up", ""), said.get("down", "")
    )


def series(change: ColumnChange, number: int, *, hypertable: bool = False) -> tuple[Draft, ...]:
    """Return the files of *change*, numbered *number*; all are committed with the release that uses its new shape."""
    writers = {"add": _add, "remove": _remove, "rename": _replace, "change": _replace}
    drafts = writers[change.kind](change, hypertable=hypertable)
    stem = f"{number:04}_{change.slug}"
    return tuple(Draft(f"{stem}.{phase}.sql", phase, text.replace("{stem}", stem), why) for phase, text, why in drafts)


Written = Iterator[tuple[Phase, str, str]]


def _add(change: ColumnChange, *, hypertable: bool) -> Written:
    del hypertable
    tail = (f" DEFAULT {change.default}" if change.default else "") + (" NOT NULL" if change.required else "")
    text = f"ALTER TABLE {change.table} ADD COLUMN {change.column} {change.type}{tail};\n"
    yield Phase.EXPAND, text, "before the new release starts; the one that serves doesn't see the column"


def _remove(change: ColumnChange, *, hypertable: bool) -> Written:
    del hypertable
    if change.required:
        text = f"ALTER TABLE {change.table} ALTER COLUMN {change.column} DROP NOT NULL;\n"
        yield Phase.EXPAND, text, "the new release inserts rows without the column"
    text = f"ALTER TABLE {change.table} DROP COLUMN {change.column};\n"
    yield Phase.CONTRACT, text, "when no release that uses the column can come back"


def _replace(change: ColumnChange, *, hypertable: bool) -> Written:
    assert change.type, "the type of the new column is known by now"
    yield Phase.EXPAND, _expand(change), "the new column beside the old one, and the trigger that keeps both in step"
    yield Phase.BACKFILL, _backfill(change, hypertable=hypertable), "the rows that were there before the trigger"
    yield Phase.CONTRACT, _contract(change), "when no release that uses the old column can come back"


def _expand(change: ColumnChange) -> str:
    table, old, new, name = change.table, change.column, change.new, f"teal_{change.slug}"
    up, down = _conversions(change, "NEW.")
    check = (
        f"-- every write fills {new}: the trigger runs before the check, whichever release writes\n"
        f'-- teal: phase=expand reason="the trigger above fills {new} before this check sees it"\n'
        f"ALTER TABLE {table} ADD CONSTRAINT {_filled(change)} CHECK ({new} IS NOT NULL) NOT VALID;\n"
    )
    return f"""ALTER TABLE {table} ADD COLUMN {new} {change.type};

-- The release that serves writes {old}, the new one writes {new}; the trigger carries each write over to the other.
CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        IF NEW.{new} IS NULL THEN
            NEW.{new} := {up};
        ELSIF NEW.{new} IS DISTINCT FROM {up} THEN
            NEW.{old} := {down};
        END IF;
    ELSIF NEW.{new} IS DISTINCT FROM OLD.{new} AND NEW.{new} IS DISTINCT FROM {up} THEN
        NEW.{old} := {down};
    ELSIF NEW.{old} IS DISTINCT FROM OLD.{old} OR NEW.{new} IS NULL THEN
        NEW.{new} := {up};
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER {name} BEFORE INSERT OR UPDATE ON {table}
    FOR EACH ROW EXECUTE FUNCTION {name}();
{check if change.required else ""}"""


def _backfill(change: ColumnChange, *, hypertable: bool) -> str:
    table, old, new = change.table, change.column, change.new
    up, _ = _conversions(change, "")
    todo = f"SELECT {{row}} FROM {table} WHERE {new} IS NULL AND {old} IS NOT NULL LIMIT {BATCH}"
    # The rows of a hypertable lie in many tables: only both together name one.
    mine = f"(tableoid, ctid) IN ({todo.format(row='tableoid, ctid')})"
    if not hypertable:
        mine = f"ctid = ANY (ARRAY({todo.format(row='ctid')}))"
    valid = f"ALTER TABLE {table} VALIDATE CONSTRAINT {_filled(change)};\n" if change.required else ""
    return f"UPDATE {table} SET {new} = {up}\nWHERE {mine} AND {new} IS NULL;\n{valid}"


def _contract(change: ColumnChange) -> str:
    table, name = change.table, f"teal_{change.slug}"
    null = ""
    if change.required:
        null = (
            f"ALTER TABLE {table} ALTER COLUMN {change.new} SET NOT NULL;\n"
            f"ALTER TABLE {table} DROP CONSTRAINT {_filled(change)};\n"
        )
    return f"""-- teal: requires={{stem}}.backfill assert="{assertion(change)}"
DROP TRIGGER {name} ON {table};
DROP FUNCTION {name}();
{null}ALTER TABLE {table} DROP COLUMN {change.column};
"""


def assertion(change: ColumnChange) -> str:
    """Return the query that counts the rows in which the two columns are out of step.

    A row is in step where either conversion gives the other column: a narrower old type can't hold each new value.
    """
    up, down = _conversions(change, "")
    apart = f"{change.new} IS DISTINCT FROM {up}"
    if change.kind == "change":
        apart += f" AND {change.column} IS DISTINCT FROM {down}"
    return f"SELECT count(*) FROM {change.table} WHERE {apart}"


def _conversions(change: ColumnChange, row: str) -> tuple[str, str]:
    """Return the new value from the old one and the old from the new, for columns of *row* ("NEW." or "")."""
    if change.kind == "rename":
        return f"{row}{change.column}", f"{row}{change.new}"
    up = change.up or f"{change.column}::{change.type}"
    down = change.down or change.new
    return _of(up, change.column, row), _of(down, change.new, row)


def _of(expression: str, column: str, row: str) -> str:
    """Return *expression* with *column* taken from *row*."""
    return re.sub(rf"(?<![\w.']){re.escape(column)}(?![\w'(])", f"{row}{column}", expression)


def _filled(change: ColumnChange) -> str:
    return f"{change.table.rsplit('.', 1)[-1]}_{change.new}_filled"
