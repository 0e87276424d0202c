"""The statements of the release that serves, planned against the schema that a change makes. None is ever run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from teal.core.judge.rule import EXPAND, Nature, Rule, always
from teal.core.judge.values import Finding, Part, Query, Script, Unplanned
from teal.core.migrations.header import Notes, read_notes
from teal.core.migrations.sql import Statement, Unreadable, function_names, inside, kind_of, parse
from teal.core.model.migrations import BY_STATISTICS, Phase
from teal.errors import ConfigError

OLD_STATEMENT = Rule(
    "old-statement",
    Nature.LOSS,
    (EXPAND,),
    frozenset(),
    why="a statement of the release that serves fails from then on: {it}",
    remedy="give what is new another name, or deploy first a release that asks otherwise (each column with its table)",
    check=always,  # the server's planner is asked, by the statements that `queries` in teal.yml names
)
_PLANNED = ("SelectStmt", "InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt")
_LONGEST = 80  # characters of a statement that a finding shows
# The server puts $1 for each constant, also where its own grammar wants one.
_TYPED = re.compile(r"\b(interval|date|time|timestamp|timestamptz)\s+(\$\d+)(?!\w)", re.I)
_FIELD = re.compile(r"\bextract\s*\(\s*\$\d+\s+from\b", re.I)
# What a transaction that is rolled back does not take back, or what waits, by the names of functions.
_STAYS = re.compile(r"(?i)^(setval|nextval|lo_\w+|dblink\w*|http\w*|pg_(?!notify$|get_|typeof$)\w+)$")
_TRIED_CALLS = frozenset({"create_hypertable", "add_dimension", "by_range", "by_hash", "set_config"})
_SETTINGS = ("search_path", "role", "check_function_bodies")


def read_queries(text: str, name: str) -> tuple[Query, ...]:
    """Return the statements of a file; ``ConfigError`` where it has none, or something else."""
    try:
        statements = parse(text)
    except Unreadable as error:
        line = text.count("\n", 0, error.at) + 1
        raise ConfigError(
            f"migrations.queries: {name}:{line}: {error.message}",
            hint="write plain SQL that ends in semicolons, its parameters as $1, $2",
        ) from error
    for one in statements:
        if kind_of(one.node) not in _PLANNED:
            raise ConfigError(
                f"migrations.queries: {name}:{one.line}: only SELECT, INSERT, UPDATE, DELETE and MERGE can be planned",
                hint="take that statement out of the file",
            )
    if not statements:
        raise ConfigError(
            f"migrations.queries: {name} holds no statement",
            hint=f"write what your application asks into it, say {BY_STATISTICS}, or take `queries` out of teal.yml",
        )
    return tuple(Query(one.sql, f"{name}:{one.line}") for one in statements)


def readable(queries: Iterable[str]) -> tuple[Query, ...]:
    """Return those of a server's *queries* that are one statement of rows each: no utility, none that is cut short."""
    found = []
    for query in queries:
        try:
            statements = parse(_with_constants(query))
        except Unreadable:
            continue
        if len(statements) == 1 and kind_of(statements[0].node) in _PLANNED:
            found.append(Query(statements[0].sql, BY_STATISTICS))
    return tuple(found)


def _with_constants(query: str) -> str:
    return _FIELD.sub("extract(epoch FROM", _TYPED.sub(r"(\2)::\1", query))


def parts(scripts: Sequence[Script]) -> tuple[tuple[Part, ...], tuple[str, ...]]:
    """Return the statements of the expands that are tried, and in words those that are left out."""
    tried, left = [], []
    for script in (one for one in scripts if one.phase is Phase.EXPAND):
        for statement in parse(script.sql):
            why = _stays(statement)
            if why:
                left.append(f"{script.name}:{statement.line} ({why})")
            elif kind_of(statement.node) != "TransactionStmt" and _is_schema(statement):
                tried.append(Part(script.name, statement.line, statement.sql))
    return tuple(tried), tuple(left)


def _is_schema(statement: Statement) -> bool:
    kind, node = kind_of(statement.node), inside(statement.node)
    return kind != "VariableSetStmt" or str(node.get("name", "")).lower() in _SETTINGS


def _stays(statement: Statement) -> str:
    """Return why a statement is not tried: it can't be in a transaction, or its effect would outlast the rollback."""
    if statement.outside_transaction:
        return statement.outside_transaction
    kind, node = kind_of(statement.node), inside(statement.node)
    if kind == "CopyStmt" and (node.get("is_program") or node.get("filename")):
        return "COPY to or from a file"
    called = [name.rsplit(".", 1)[-1] for name in function_names(statement.node)]
    unknown = [name for name in called if name not in _TRIED_CALLS]
    if kind == "SelectStmt" and unknown:
        return f"{unknown[0]}()"
    if kind in ("DoStmt", "CreateTableAsStmt", *_PLANNED):
        words = re.findall(r"\w+(?=\s*\()", statement.sql)
        return next((f"{word}()" for word in words if _STAYS.match(word)), "")
    return ""


def findings(unplanned: Iterable[Unplanned], scripts: Sequence[Script]) -> tuple[Finding, ...]:
    """Return what is said of statements that can't be planned any more."""
    return tuple(_finding(one, scripts) for one in unplanned)


def _finding(one: Unplanned, scripts: Sequence[Script]) -> Finding:
    asked = " ".join(one.query.sql.split())
    short = asked if len(asked) <= _LONGEST else f"{asked[:_LONGEST]}…"
    why = OLD_STATEMENT.why.format(it=f"`{short}` ({one.query.at}): {one.error}")
    remedy = f"{OLD_STATEMENT.remedy}{OLD_STATEMENT.excuse}"
    notes = _notes(one.part, scripts)
    excused = notes.reason or None if OLD_STATEMENT.name in notes.allow else None
    return Finding(one.part.script, one.part.line, OLD_STATEMENT.name, why, remedy, excused)


def _notes(part: Part, scripts: Sequence[Script]) -> Notes:
    found = (each for script in scripts if script.name == part.script for each in parse(script.sql))
    return next(read_notes(each.comments) for each in found if each.sql == part.sql and each.line == part.line)
