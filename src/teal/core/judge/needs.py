"""What can't be dropped as long as something else needs it, by the database and by the scripts before."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.judge.actions import Action
from teal.core.judge.context import Known
from teal.core.judge.values import Need
from teal.core.migrations.sql import argument_types, find, joined, table_of, words

_KINDS = {
    "DROP_TABLE": "relation",
    "DROP_VIEW": "relation",
    "DROP_MATVIEW": "relation",
    "DROP_FOREIGN_TABLE": "relation",
    "DROP_SEQUENCE": "relation",
    "DROP_INDEX": "relation",
    "DROP_FUNCTION": "function",
    "DROP_PROCEDURE": "function",
    "DROP_ROUTINE": "function",
    "DROP_AGGREGATE": "function",
    "DROP_TYPE": "type",
    "DROP_DOMAIN": "type",
    "DROP_SCHEMA": "schema",
    "DROP_EXTENSION": "extension",
    "AT_DropColumn": "column",
    "AT_DropConstraint": "constraint",
}
_VIEWS = ("DROP_VIEW", "DROP_MATVIEW")
_TABLES = ("DROP_TABLE", "DROP_FOREIGN_TABLE")


def needs_of(action: Action, known: Known) -> Iterator[Need]:
    """Yield what needs what *action* drops; views of a column have a rule of their own."""
    kind = _KINDS.get(action.kind)
    if kind is None:
        return
    for need in known.catalog.needs:
        if _is_of(need, kind, action) and not _own(need, action):
            yield need
    index = known.catalog.indexes.get(action.name) if action.kind == "DROP_INDEX" else None
    if index is not None and index.constraint:
        yield Need("relation", action.name, "constraint", f"{index.table}.{action.name}")
    yield from _by_scripts(action, known)


def _is_of(need: Need, kind: str, action: Action) -> bool:
    if kind == "column":
        return need.of_kind == "column" and need.of == action.it and need.kind != "view"
    if kind == "constraint":
        schema = action.table.rpartition(".")[0]
        index = f"{schema}.{action.name}" if schema else action.name
        return (need.of_kind, need.of) in (("constraint", action.it), ("relation", index))
    if kind == "relation":
        parts = need.of_kind == "column" and need.of.rpartition(".")[0] == _named(action)
        return parts or (need.of_kind == "relation" and need.of == _named(action))
    if kind == "function":
        return need.of_kind == "function" and _same_function(need.of, action)
    return need.of_kind == kind and need.of == action.name


def _named(action: Action) -> str:
    return action.table or action.name


def _same_function(of: str, action: Action) -> bool:
    name, _, arguments = of.partition("(")
    if name != action.name:
        return False
    unspecified = action.node.get("args_unspecified", False)
    return unspecified or arguments == f"{','.join(argument_types(action.node.get('arguments', [])))})"


def _own(need: Need, action: Action) -> bool:
    """Return whether what needs a table goes with it."""
    table = _named(action)
    of_table = need.kind in ("constraint", "trigger", "policy", "column", "default")
    if action.kind in _TABLES:
        return of_table and need.by.rpartition(".")[0] == table
    return need.by == action.it and need.kind in ("column", "default")


def _by_scripts(action: Action, known: Known) -> Iterator[Need]:
    """Yield what the scripts have made that needs it: triggers of a function, views of a table."""
    if action.kind in ("DROP_FUNCTION", "DROP_ROUTINE"):
        for made in known.of("CreateTrigStmt"):
            if made.order < action.order and joined(words(made.node.get("funcname", []))) == action.name:
                yield Need("function", f"{action.name}()", "trigger", f"{made.table}.{made.name}")
    if action.kind in _TABLES:
        for made in known.of("ViewStmt"):
            if made.order < action.order and action.table in {table_of(one) for one in find(made.node, "RangeVar")}:
                yield Need("relation", action.table, "view", made.table)


def is_gone(need: Need, action: Action, known: Known) -> bool:
    """Return whether a script drops what needs it, before or in the same statement."""
    table, _, name = need.by.rpartition(".")
    before = [one for one in known.actions if known.before(one, action) and one is not action]
    if need.kind in ("view", "relation"):
        ends = (*_VIEWS, *_TABLES, "DROP_SEQUENCE", "DROP_INDEX")
        anew = ("ViewStmt",) if need.kind == "view" else ()
        return any(
            _named(one) == need.by and (one.kind in ends or (one.kind in anew and bool(one.node.get("replace"))))
            for one in before
        )
    if need.kind == "function":
        routines = ("DROP_FUNCTION", "DROP_PROCEDURE", "DROP_ROUTINE")
        return any(one.kind in routines and _same_function(need.by, one) for one in before)
    if need.kind == "type":
        return any(one.kind in ("DROP_TYPE", "DROP_DOMAIN") and one.name == need.by for one in before)
    on_table = [one for one in before if one.table == table]
    if any(one.kind in _TABLES for one in on_table):
        return True
    columns = known.catalog.constraint_columns.get(need.by, frozenset()) if need.kind == "constraint" else frozenset()
    on = {
        "constraint": ("AT_DropConstraint",),
        "trigger": ("DROP_TRIGGER",),
        "policy": ("DROP_POLICY",),
        "column": ("AT_DropColumn", "AT_AlterColumnType"),
        "default": ("AT_ColumnDefault", "AT_DropColumn"),
    }.get(need.kind, ())
    return any(
        (one.kind in on and one.name == name) or (one.kind == "AT_DropColumn" and one.name in columns)
        for one in on_table
    )
