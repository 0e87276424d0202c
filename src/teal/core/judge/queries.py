"""The statements of the release that serves, planned against the schema that a change makes. None is ever run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from teal.core.judge.values import Finding, Script
from teal.core.migrations.sql import Unreadable, kind_of, parse
from teal.core.model.migrations import Phase
from teal.errors import ConfigError

_PLANNED = ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")


@dataclass(frozen=True, slots=True)
class Unplanned:
    """A statement that could be planned before the script *after*, and can't any more."""

    after: str
    query: str
    error: str


def read_queries(text: str, name: str) -> tuple[str, ...]:
    """Return the statements of a file; ``ConfigError`` where PostgreSQL's grammar ends."""
    try:
        return tuple(one.sql for one in parse(text) if kind_of(one.node) in _PLANNED)
    except Unreadable as error:
        line = text.count("\n", 0, error.at) + 1
        raise ConfigError(f"{name}:{line}: {error.message}", hint="write plain SQL, parameters as $1") from error


def readable(queries: Iterable[str]) -> tuple[str, ...]:
    """Return those of *queries* that can be planned: one statement each, of rows."""
    found = []
    for query in queries:
        try:
            statements = parse(query)
        except Unreadable:  # cut short by the server, or no SQL of this version
            continue
        if len(statements) == 1 and kind_of(statements[0].node) in _PLANNED:
            found.append(statements[0].sql)
    return tuple(found)


def steps(scripts: Sequence[Script]) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Return the expands by name, with their statements that a transaction can hold."""
    found = []
    for script in scripts:
        if script.phase is Phase.EXPAND:
            inside = (one for one in parse(script.sql) if kind_of(one.node) != "TransactionStmt")
            found.append((script.name, tuple(one.sql for one in inside if not one.outside_transaction)))
    return tuple(found)


def findings(unplanned: Iterable[Unplanned]) -> tuple[Finding, ...]:
    """Return what is said of statements that can't be planned any more."""
    return tuple(
        Finding(
            one.after,
            1,
            "old-statement",
            f"the release that serves asks `{' '.join(one.query.split())[:80]}`, which fails then: {one.error}",
            "give the new column or function another name, or deploy first a release that asks otherwise (each column"
            " with its table, no SELECT * into a table)",
        )
        for one in unplanned
    )
