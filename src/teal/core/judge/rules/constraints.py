"""Constraints and indexes: whom they reject, and how long their making locks."""

from __future__ import annotations

from teal.core.judge.actions import Action
from teal.core.judge.context import Known
from teal.core.judge.functions import plain
from teal.core.judge.rule import ALWAYS, BACKFILL, BESIDE_TRAFFIC, CONTRACT, EXPAND, Nature, always, rule
from teal.core.migrations.sql import (
    column_names,
    constraints,
    find,
    function_names,
    option,
    per_chunk,
    table_of,
    type_of,
)

_PHASE, _LOCK, _LOSS = Nature.PHASE, Nature.LOCK, Nature.LOSS
_ADD = "AT_AddConstraint"
_UNIQUE = ("CONSTR_UNIQUE", "CONSTR_PRIMARY")


def _is(action: Action, *kinds: str) -> bool:
    return action.node.get("def", {}).get("contype") in kinds


@rule(
    "check-in-expand",
    _PHASE,
    EXPAND,
    _ADD,
    why="also NOT VALID it holds for new rows: what the release that serves writes to {table} may be rejected",
    remedy="move it to a contract; or say why no old write breaks it: -- teal: phase=expand reason=…",
)
def check_in_expand(action: Action, known: Known) -> bool:
    return _is(action, "CONSTR_CHECK")


@rule(
    "check-scans",
    _LOCK,
    BESIDE_TRAFFIC,
    _ADD,
    why="without NOT VALID all of {table} is read while everybody waits",
    remedy="add NOT VALID, then VALIDATE CONSTRAINT in a transaction of its own",
)
def check_scans(action: Action, known: Known) -> bool:
    return _is(action, "CONSTR_CHECK") and not action.node["def"].get("skip_validation")


@rule(
    "foreign-key-in-expand",
    _PHASE,
    EXPAND,
    _ADD,
    why="also NOT VALID it holds for new rows: what the release that serves writes and deletes may be rejected",
    remedy="move it to a contract; or say why no old write breaks it: -- teal: phase=expand reason=…",
)
def foreign_key_in_expand(action: Action, known: Known) -> bool:
    return _is(action, "CONSTR_FOREIGN")


@rule(
    "foreign-key-scans",
    _LOCK,
    BESIDE_TRAFFIC,
    _ADD,
    why="without NOT VALID each row of {table} is looked up while writers of both tables wait",
    remedy="add NOT VALID, then VALIDATE CONSTRAINT in a transaction of its own",
)
def foreign_key_scans(action: Action, known: Known) -> bool:
    return _is(action, "CONSTR_FOREIGN") and not action.node["def"].get("skip_validation")


@rule(
    "unique-in-expand",
    _PHASE,
    EXPAND,
    (_ADD, "IndexStmt"),
    why="the release that serves may write the same value twice into {table}: it is rejected from then on",
    remedy="move it to a contract",
)
def unique_in_expand(action: Action, known: Known) -> bool:
    if action.kind == "IndexStmt":
        return bool(action.node.get("unique")) and not _old_leaves_null(action, known)
    return _is(action, *_UNIQUE)


def _old_leaves_null(action: Action, known: Known) -> bool:
    """Return whether all columns of an index are so new that the release that serves leaves them NULL."""
    if action.node.get("nulls_not_distinct"):
        return False
    names = [one.get("IndexElem", {}).get("name", "") for one in action.node.get("indexParams", [])]
    return all(_is_left_null(action, name, known) for name in names)


def _is_left_null(action: Action, column: str, known: Known) -> bool:
    if not column or any(column in sync.routine.assigned for sync in known.syncs(action.table)):
        return False
    added = (one for one in known.of("AT_AddColumn", table=action.table, name=column) if one.order < action.order)
    return any(not constraints(one.node["def"], "CONSTR_DEFAULT") for one in added)


@rule(
    "index-rejects",
    _PHASE,
    EXPAND,
    "IndexStmt",
    why="the index computes {it} for each row: where that fails for a value that the release that serves writes, its"
    " write fails",
    remedy="an expression that can't fail (lower, coalesce …), a new column that a trigger fills, or a contract",
)
def index_rejects(action: Action, known: Known) -> bool | str:
    for part in [*action.node.get("indexParams", []), action.node.get("whereClause", {})]:
        expression = part.get("IndexElem", {}).get("expr", part)
        casts = [one for one in find(expression, "TypeCast") if column_names(one.get("arg", {}))]
        risky = [
            type_of(one.get("typeName")) for one in casts if type_of(one.get("typeName")) not in ("text", "varchar")
        ]
        called = [name for name in function_names(expression) if plain(name) not in _NEVER_FAIL]
        if risky or called:
            return f"a cast to {risky[0]}" if risky else f"{called[0]}()"
    return False


_SAFE = "lower upper btrim ltrim rtrim length md5 coalesce abs date_trunc to_tsvector setweight"
_NEVER_FAIL = frozenset(_SAFE.split())


@rule(
    "unique-scans",
    _LOCK,
    BESIDE_TRAFFIC,
    _ADD,
    why="the index of {it} is built while everybody waits for {table}",
    remedy="CREATE UNIQUE INDEX CONCURRENTLY first, then ADD CONSTRAINT … USING INDEX",
)
def unique_scans(action: Action, known: Known) -> bool:
    return _is(action, *_UNIQUE) and not action.node["def"].get("indexname")


@rule(
    "primary-key-scans",
    _LOCK,
    CONTRACT,
    _ADD,
    why="{it} may be NULL: making it a key reads all of {table} while everybody waits",
    remedy="first a validated CHECK (… IS NOT NULL) and SET NOT NULL, then the key",
)
def primary_key_scans(action: Action, known: Known) -> bool | str:
    if not _is(action, "CONSTR_PRIMARY") or not action.node["def"].get("indexname"):
        return False
    sure = known.not_null_checks(action, valid=True) | {
        one.name for one in known.of("AT_SetNotNull", table=action.table) if one.order < action.order
    }
    for name in _index_columns(action, known):
        column = known.column(action.table, name)
        if name not in sure and (column is None or column.nullable):
            return f"{action.table}.{name}"
    return False


def _index_columns(action: Action, known: Known) -> list[str]:
    """Return the columns of the index that a constraint takes over, where a script makes it."""
    made = [one for one in known.of("IndexStmt", name=action.node["def"]["indexname"]) if one.order < action.order]
    parts = made[-1].node.get("indexParams", []) if made else []
    return [one["IndexElem"]["name"] for one in parts if one.get("IndexElem", {}).get("name")]


@rule(
    "index-not-concurrent",
    _LOCK,
    BESIDE_TRAFFIC,
    "IndexStmt",
    why="nobody can write to {table} while {it} is built",
    remedy="CREATE INDEX CONCURRENTLY, outside a transaction (a hypertable: WITH (timescaledb.transaction_per_chunk))",
)
def index_not_concurrent(action: Action, known: Known) -> bool | str:
    patient = action.node.get("concurrent") or per_chunk(action.node)
    only = known.catalog.partitioned and action.node["relation"].get("inh") is not True  # ON ONLY: nothing to build
    return not patient and not only and (action.name or "the index")


@rule(
    "partitioned-index",
    _LOSS,
    ALWAYS,
    "IndexStmt",
    why="{table} is partitioned: CONCURRENTLY fails there",
    remedy="CREATE INDEX … ON ONLY {table}, CONCURRENTLY on each partition, then ALTER INDEX … ATTACH PARTITION",
)
def partitioned_index(action: Action, known: Known) -> bool:
    return action.table in known.catalog.partitioned and bool(action.node.get("concurrent"))


@rule(
    "drop-index-not-concurrent",
    _LOCK,
    BESIDE_TRAFFIC,
    "DROP_INDEX",
    why="all queries on the table of {it} queue behind the lock, which itself waits for the longest one",
    remedy="DROP INDEX CONCURRENTLY, outside a transaction",
)
def drop_index_not_concurrent(action: Action, known: Known) -> bool:
    table = known.catalog.indexes.get(action.name, "")
    made = {one.table for one in known.of("IndexStmt", name=action.name) if one.order < action.order}
    if any(known.hypertable(one) for one in {table, *made}):
        return False  # CONCURRENTLY does not exist there
    return not action.node.get("concurrent")


@rule(
    "reindex-locks",
    _LOCK,
    BESIDE_TRAFFIC,
    "ReindexStmt",
    why="nobody can write, and no query can use the index, while it is rebuilt",
    remedy="REINDEX … CONCURRENTLY, outside a transaction",
)
def reindex_locks(action: Action, known: Known) -> bool:
    return option(action.node.get("params", []), "concurrently") is None


rule(
    "validate-in-expand",
    _LOCK,
    EXPAND,
    "AT_ValidateConstraint",
    why="it reads all of {table}, longer than an expand may take",
    remedy="move VALIDATE CONSTRAINT to a backfill",
)(always)


@rule(
    "validate-with-lock",
    _LOCK,
    (BACKFILL, CONTRACT),
    "AT_ValidateConstraint",
    why="{table} is read while the lock of an earlier statement of the same transaction keeps everybody out",
    remedy="VALIDATE CONSTRAINT in a transaction of its own: in the backfill, or after a COMMIT",
)
def validate_with_lock(action: Action, known: Known) -> bool:
    before = (one for one in known.actions if one.order < action.order and one.transaction == action.transaction)
    return any(one.table == action.table and one.kind.startswith("AT_") and one.kind != action.kind for one in before)


@rule(
    "attach-partition-scans",
    _LOCK,
    BESIDE_TRAFFIC,
    "AT_AttachPartition",
    why="the rows of {it} are read behind a lock that keeps everybody out of it",
    remedy="first a validated CHECK that repeats the bounds; then -- teal: allow=attach-partition-scans reason=…",
)
def attach_partition_scans(action: Action, known: Known) -> bool | str:
    name = str(action.node["def"].get("name", {}).get("relname", ""))
    made = (one for one in known.of("CreateStmt", table=name) if one.order < action.order)
    return not any(one.script is action.script for one in made) and name


@rule(
    "partition-of",
    _LOCK,
    BESIDE_TRAFFIC,
    "CreateStmt",
    why="all queries on the parent of {table} queue behind the lock, and a default partition is read under it",
    remedy="CREATE TABLE … (LIKE parent INCLUDING ALL), then ALTER TABLE parent ATTACH PARTITION",
    spares_fresh=False,
)
def partition_of(action: Action, known: Known) -> bool:
    if "partbound" not in action.node:
        return False
    parents = [table_of(one["RangeVar"]) for one in action.node.get("inhRelations", [])]
    own = {one.table for one in known.of("CreateStmt") if one.script is action.script and one.order < action.order}
    return not own & set(parents)
