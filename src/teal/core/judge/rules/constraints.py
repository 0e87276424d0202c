"""Constraints and indexes: whom they reject, and how long their making locks."""

from __future__ import annotations

from teal.core.judge.actions import Action
from teal.core.judge.context import Known, assigned_columns, not_null_columns
from teal.core.judge.expressions import named, risk
from teal.core.judge.playing import rejects_unfilled
from teal.core.judge.rule import ALWAYS, BACKFILL, BESIDE_TRAFFIC, CONTRACT, EXPAND, Nature, always, rule
from teal.core.migrations.sql import (
    Node,
    column_names,
    constraints,
    is_on,
    option,
    per_chunk,
    table_of,
    type_of,
    words,
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
    why="even with NOT VALID it applies to new rows: what the release that serves writes to {table} may be rejected",
    remedy="move it to a contract; or say why no old write breaks it: -- teal: phase=expand reason=…",
)
def check_in_expand(action: Action, known: Known) -> bool:
    return _is(action, "CONSTR_CHECK")


@rule(
    "check-before-filled",
    _LOSS,
    (EXPAND, BACKFILL),
    "AT_AddConstraint",
    why="rows that are there already have NULL in {it}, and the check rejects that even with NOT VALID: every"
    " UPDATE of such a row fails until the backfill has reached it",
    remedy="move the check to a contract, NOT VALID: the rows are filled by then",
)
def check_before_filled(action: Action, known: Known) -> bool | str:
    if not _is(action, "CONSTR_CHECK"):
        return False
    column = rejects_unfilled(action.table, action.node["def"].get("raw_expr", {}), known)
    later = known.of("UpdateStmt", table=action.table)
    fills = [one for one in later if column in assigned_columns(one.node) and one.script.phase is BACKFILL]
    filled = bool(fills) and all(one.order < action.order for one in fills)
    return bool(column) and not filled and f"{action.table}.{column}"


@rule(
    "check-scans",
    _LOCK,
    BESIDE_TRAFFIC,
    _ADD,
    why="without NOT VALID, all of {table} is read while everybody waits",
    remedy="add NOT VALID, then VALIDATE CONSTRAINT in a transaction of its own",
)
def check_scans(action: Action, known: Known) -> bool:
    return _is(action, "CONSTR_CHECK") and not action.node["def"].get("skip_validation")


@rule(
    "foreign-key-in-expand",
    _PHASE,
    EXPAND,
    _ADD,
    why="even with NOT VALID it applies to new rows: writes and deletes of the release that serves may be rejected",
    remedy="move it to a contract; or say why no old write breaks it: -- teal: phase=expand reason=…",
)
def foreign_key_in_expand(action: Action, known: Known) -> bool:
    return _is(action, "CONSTR_FOREIGN")


@rule(
    "foreign-key-scans",
    _LOCK,
    BESIDE_TRAFFIC,
    _ADD,
    why="without NOT VALID, every row of {table} is looked up while writers of both tables wait",
    remedy="add NOT VALID, then VALIDATE CONSTRAINT in a transaction of its own",
)
def foreign_key_scans(action: Action, known: Known) -> bool:
    return _is(action, "CONSTR_FOREIGN") and not action.node["def"].get("skip_validation")


@rule(
    "unique-in-expand",
    _PHASE,
    EXPAND,
    (_ADD, "IndexStmt"),
    why="the release that serves may write the same value twice to {table}: from then on that is rejected",
    remedy="move it to a contract",
)
def unique_in_expand(action: Action, known: Known) -> bool:
    if action.kind == "IndexStmt":
        return bool(action.node.get("unique")) and not _old_leaves_null(action, known)
    return _is(action, *_UNIQUE)


def _old_leaves_null(action: Action, known: Known) -> bool:
    """Return whether an index meets no row of the release that serves, which leaves a new column NULL.

    One such column is enough, as NULLs differ; or one that the index' condition wants not to be NULL.
    """
    names = [_null_with(one.get("IndexElem", {})) for one in action.node.get("indexParams", [])]
    names = [] if action.node.get("nulls_not_distinct") else names
    wanted = _never_null_in(action.node.get("whereClause", {}))
    return any(_is_left_null(action, name, known) for name in {*names, *wanted})


def _null_with(part: Node) -> str:
    """Return the column with which a part of an index is NULL: itself, or within a function that is strict."""
    call: Node = part.get("expr", {}).get("FuncCall", {})
    strict = words(call.get("funcname", []))[-1:] and words(call["funcname"])[-1] in _STRICT
    arguments = call.get("args", []) if strict else []
    column: Node = next((one for one in arguments if "ColumnRef" in one), {})
    return str(part.get("name") or next(iter(column_names(column)), ""))


_STRICT = ("lower", "upper", "btrim", "ltrim", "rtrim", "md5", "initcap", "date_trunc", "left", "right")


def _never_null_in(condition: Node) -> set[str]:
    """Return the columns of which *condition* is not true while they are NULL."""
    if condition.get("BoolExpr", {}).get("boolop") == "AND_EXPR":
        return {name for part in condition["BoolExpr"]["args"] for name in _never_null_in(part)}
    test = condition.get("A_Expr", {})
    if test.get("kind") in ("AEXPR_OP", "AEXPR_IN", "AEXPR_BETWEEN", "AEXPR_LIKE"):
        return {
            name for one in ("lexpr", "rexpr") if "ColumnRef" in test.get(one, {}) for name in column_names(test[one])
        }
    return column_names(condition) if "ColumnRef" in condition else not_null_columns(condition)


def _is_left_null(action: Action, column: str, known: Known) -> bool:
    if not column or any(column in sync.routine.assigned for sync in known.syncs(action.table)):
        return False
    if not known.fresh_column(action, column) and known.catalog.asked:
        return False
    added = (one for one in known.of("AT_AddColumn", table=action.table, name=column) if one.order < action.order)
    return any(not _is_filled(one.node["def"]) and not one.node.get("missing_ok", False) for one in added)


def _is_filled(column: Node) -> bool:
    """Return whether a new column gets a value of itself."""
    fills = constraints(column, "CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED")
    return bool(fills) or "serial" in type_of(column.get("typeName"))


@rule(
    "index-rejects",
    _PHASE,
    EXPAND,
    "IndexStmt",
    why="the index computes {it} for every row: a write for which that fails is rejected",
    remedy="an expression that can't fail: lower, coalesce, a comparison, a division by a constant or by nullif(x, 0)",
)
def index_rejects(action: Action, known: Known) -> str:
    types = types_of(action, known)
    for part in [*action.node.get("indexParams", []), action.node.get("whereClause", {})]:
        expression = part.get("IndexElem", {}).get("expr", {}) if "IndexElem" in part else part
        if found := risk(expression, types):
            return found
    return ""


def types_of(action: Action, known: Known) -> dict[str, str]:
    """Return the types of the columns of the action's table, as far as they are known."""
    types = {name: named(one.type) for name, one in known.catalog.columns.get(action.table, {}).items()}
    for added in known.of("AT_AddColumn", table=action.table):
        types[added.name] = type_of(added.node["def"].get("typeName"))
    return types


@rule(
    "unique-scans",
    _LOCK,
    BESIDE_TRAFFIC,
    _ADD,
    why="the index for {it} is built while nobody can use {table}",
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
    sure = known.not_null_checks(action, valid=True)
    for name in _index_columns(action, known):
        if name not in sure and not known.required(action, name):
            return f"{action.table}.{name}"
    return False


def _index_columns(action: Action, known: Known) -> list[str]:
    """Return the columns of the index that a constraint takes over: a script makes it, or the database has it."""
    name = action.node["def"]["indexname"]
    made = [one for one in known.of("IndexStmt", name=name) if one.order < action.order]
    schema = action.table.rpartition(".")[0]
    index = known.catalog.indexes.get(f"{schema}.{name}" if schema else name)
    if not made and index is not None:
        return list(index.keys)
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
    only = action.node["relation"].get("inh") is not True  # ON ONLY: of a partitioned table nothing is built
    only = only and (action.table in known.catalog.partitioned or not known.catalog.asked)
    return not patient and not only and (action.name or "the index")


@rule(
    "partitioned-index",
    _LOSS,
    ALWAYS,
    "IndexStmt",
    why="{table} is partitioned, where CONCURRENTLY fails",
    remedy="CREATE INDEX … ON ONLY {table}, CONCURRENTLY on each partition, then ALTER INDEX … ATTACH PARTITION",
)
def partitioned_index(action: Action, known: Known) -> bool:
    return action.table in known.catalog.partitioned and bool(action.node.get("concurrent"))


@rule(
    "drop-index-not-concurrent",
    _LOCK,
    BESIDE_TRAFFIC,
    "DROP_INDEX",
    why="DROP INDEX waits for the longest query on the table of {it}, and all later queries wait behind it",
    remedy="DROP INDEX CONCURRENTLY, outside a transaction",
)
def drop_index_not_concurrent(action: Action, known: Known) -> bool:
    table = known.catalog.indexes[action.name].table if action.name in known.catalog.indexes else ""
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
    return not is_on(option(action.node.get("params", []), "concurrently"))


rule(
    "validate-in-expand",
    _LOCK,
    EXPAND,
    "AT_ValidateConstraint",
    why="it reads all of {table}, which takes longer than an expand may",
    remedy="move VALIDATE CONSTRAINT to a backfill",
)(always)


@rule(
    "validate-with-lock",
    _LOCK,
    (BACKFILL, CONTRACT),
    "AT_ValidateConstraint",
    why="all of {table} is read while an earlier statement of the same transaction keeps everybody out of it",
    remedy="VALIDATE CONSTRAINT in a transaction of its own: in a backfill, or with -- teal: transaction=no",
)
def validate_with_lock(action: Action, known: Known) -> bool:
    before = (one for one in known.actions if one.order < action.order and one.transaction == action.transaction)
    return any(one.table == action.table and one.kind.startswith("AT_") and one.kind != action.kind for one in before)


@rule(
    "attach-partition-scans",
    _LOCK,
    BESIDE_TRAFFIC,
    "AT_AttachPartition",
    why="all rows of {it} are read while nobody can use it",
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
    why="all queries on the parent of {table} wait for this, and a default partition is read meanwhile",
    remedy="CREATE TABLE … (LIKE parent INCLUDING ALL), then ALTER TABLE parent ATTACH PARTITION",
    spares_fresh=False,
)
def partition_of(action: Action, known: Known) -> bool:
    if "partbound" not in action.node:
        return False
    parents = [table_of(one["RangeVar"]) for one in action.node.get("inhRelations", [])]
    own = {one.table for one in known.of("CreateStmt") if one.script is action.script and one.order < action.order}
    return not own & set(parents)
