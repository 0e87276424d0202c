"""Another type of a column that takes all that the old one took, and touches no row."""

from __future__ import annotations

import re

from teal.core.judge.actions import Action
from teal.core.judge.context import Known, expression_of
from teal.core.migrations.sql import Node, column_names, inside, number, type_of

_SPELLED = {
    "character varying": "varchar",
    "bit varying": "varbit",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "time with time zone": "timetz",
}
_LENGTHS = ("varchar", "varbit", "timestamp", "timestamptz", "time", "timetz", "interval")
_NO_LIMIT = 1_000_000_000
_PRECISE = 6  # digits of a second, where none are said
_TYPE = re.compile(r"([a-z ]+?)(?:\((\d+)(?:,(-?\d+))?\))?( with(?:out)? time zone)?")


def widens(action: Action, known: Known) -> bool:
    """Return whether *action* is such a change, and no index and no check has to be made anew for it."""
    if action.kind != "AT_AlterColumnType":
        return False
    column = known.column(action.table, action.name)
    definition = inside({"ColumnDef": action.node["def"]})
    if column is None or "raw_default" in definition or definition.get("collClause"):
        return False
    old, new = _known(column.type), _said(definition.get("typeName", {}))
    return old is not None and new is not None and _fits(*old, *new) and not _rebuilt(action, known)


def _known(text: str) -> tuple[str, int, int] | None:
    """Return the type that the database spells *text*, with its length (or digits) and scale."""
    found = _TYPE.fullmatch(text)
    if found is None:
        return None
    name = (found[1] + (found[4] or "")).strip()
    return _SPELLED.get(name, name), int(found[2] or _NO_LIMIT), int(found[3] or 0)


def _said(type_name: Node) -> tuple[str, int, int] | None:
    if type_name.get("arrayBounds"):
        return None
    numbers = [number(one) for one in type_name.get("typmods", [])]
    if type_of(type_name) == "interval" and numbers:
        return None
    length, scale = [*numbers, *[_NO_LIMIT, 0][len(numbers) :]][:2]
    return type_of(type_name), length, scale


def _fits(old: str, length: int, scale: int, new: str, longer: int, new_scale: int) -> bool:
    if old == new == "numeric":
        return longer == _NO_LIMIT or (longer >= length and scale == new_scale)
    if old == new and old in _LENGTHS:
        return longer >= length or (longer >= _PRECISE and length == _NO_LIMIT and "t" in old and "var" not in old)
    return (old, new) in (("varchar", "text"), ("cidr", "inet")) or (
        (old, new) == ("text", "varchar") and longer == _NO_LIMIT
    )


def _rebuilt(action: Action, known: Known) -> bool:
    """Return whether something of the table is made anew, or stands in the way, when the type changes."""
    table, name, catalog = action.table, action.name, known.catalog
    if name in catalog.partition_keys.get(table, ()):
        return True
    checks = (expression_of(one) for one in catalog.checks.get(table, {}).values())
    if any(name in column_names(one) for one in checks):
        return True
    if any(
        one.table == table and name in one.uses and ("" in one.keys or not one.whole)
        for one in catalog.indexes.values()
    ):
        return True
    made = (one for one in known.of("IndexStmt", table=table) if one.order < action.order)
    if any(name in column_names(one.node) for one in made):
        return True
    added = (one for one in known.of("AT_AddConstraint", table=table) if one.order < action.order)
    if any(name in column_names(one.node) for one in added):
        return True
    of = f"{table}.{name}"
    stands = (need for need in catalog.needs if need.of == of and need.kind not in ("view", "constraint"))
    return any(need.kind != "default" or need.by != of for need in stands)
