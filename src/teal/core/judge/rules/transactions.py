"""Transactions, locks and timeouts: what may not be in one, and how long one may keep others out."""

from __future__ import annotations

import re

from teal.core.judge.actions import Action
from teal.core.judge.context import MAKES_TABLE, Known
from teal.core.judge.functions import calls
from teal.core.judge.rule import ALWAYS, BACKFILL, BESIDE_TRAFFIC, CONTRACT, EXPAND, Nature, rule
from teal.core.migrations.sql import Node, find, function_names, number, outside_transaction, table_of, text, type_of

_LOCK, _LOSS = Nature.LOCK, Nature.LOSS
_PATIENT = frozenset({"AT_ValidateConstraint", "AT_SetStatistics", "AT_AttachPartition", "AT_SetOptions"})
_LONG = ("UpdateStmt", "InsertStmt", "DeleteStmt", "CreateTableAsStmt", "RefreshMatViewStmt", "SelectStmt")
_MILLISECONDS = {"": 1, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}
_LONGEST_WAIT = 5_000  # ms


@rule(
    "not-in-transaction",
    _LOSS,
    ALWAYS,
    ("IndexStmt", "DROP_INDEX", "ReindexStmt", "VacuumStmt", "AT_DetachPartition", "DoStmt", "SelectStmt", "CallStmt"),
    why="{it} fails within a transaction",
    remedy="as a statement by itself (in no block, no function, between no BEGIN and COMMIT) in an expand or a contract"
    " whose first line is -- teal: transaction=no",
    spares_fresh=False,
)
def not_in_transaction(action: Action, known: Known) -> bool | str:
    if action.kind in ("CallStmt", "SelectStmt"):  # a function is always in the transaction of its caller
        inside = action.kind == "SelectStmt" or action.wrapped or _each_wrapped(action)
        return inside and _ending(action, known)
    if action.block and action.kind != "DoStmt":  # a block is a transaction, whatever runs it
        return _needs_none(action)
    return (action.wrapped or _each_wrapped(action)) and _needs_none(action)


def _ending(action: Action, known: Known) -> str:
    """Return the called function or procedure that ends transactions itself."""
    called = [(name, known.routine(name)) for name in function_names(action.node)]
    found = next((f"{name}() with COMMIT" for name, routine in called if routine and routine.commits), "")
    refreshes = action.kind == "CallStmt" and calls(action, "refresh_continuous_aggregate")
    return found or ("refresh_continuous_aggregate()" if refreshes else "")


def _each_wrapped(action: Action) -> bool:
    """Return whether the runner gives each statement of a backfill's file a transaction of its own."""
    return action.script.phase is BACKFILL and action.script.name.endswith(".sql")


def _needs_none(action: Action) -> str:
    """Return what of *action* needs to be outside a transaction; "" where nothing does."""
    kind = _PARSED.get(action.kind, action.kind)
    return outside_transaction(kind, action.node, commits=bool(action.routine and action.routine.commits))


_PARSED = {"DROP_INDEX": "DropStmt", "AT_DetachPartition": "AlterTableCmd"}  # what the parser calls it


def locked(action: Action, known: Known) -> set[str]:
    """Return the tables in use whose readers or writers wait for *action*, and until its transaction ends."""
    tables = {table_of(key.get("pktable")) for key in find(action.node, "Constraint") if "pktable" in key}
    if action.kind == "AT_AddConstraint":
        tables |= {table_of(action.node["def"].get("pktable"))}
    own = action.kind.startswith(("AT_", "RENAME_")) and action.kind not in _PATIENT
    if own or action.kind in ("CreateTrigStmt", "DROP_TRIGGER", "TruncateStmt", "CreatePolicyStmt"):
        tables |= {action.table}
    return {table for table in tables if table and not _fresh(action, table, known)}


def _fresh(action: Action, table: str, known: Known) -> bool:
    return known.fresh(Action("", {}, action.script, action.line, table, order=action.order)) or (
        action.kind in MAKES_TABLE and table == action.table
    )


def _before(action: Action, known: Known) -> set[str]:
    """Return the tables that are locked already when *action* begins."""
    if not action.wrapped:
        return set()
    earlier = (
        one
        for one in known.actions
        if one.transaction == action.transaction
        and one.order < action.order
        and one.statement != action.statement
        and not one.tried & action.undone
    )
    return {table for one in earlier for table in locked(one, known)}


@rule(
    "locks-several-tables",
    _LOCK,
    (EXPAND, CONTRACT),
    why="while it waits for {it}, tables of earlier statements of the same transaction stay locked: an"
    " application that uses them in the other order ends in a deadlock",
    remedy="one table in use per transaction: another file, or -- teal: transaction=no in the first line of this one",
    spares_fresh=False,
)
def locks_several_tables(action: Action, known: Known) -> bool | str:
    tables = locked(action, known)
    before = _before(action, known)
    new = sorted(tables - before)
    return bool(new and before) and new[-1]


@rule(
    "lock-held",
    _LOCK,
    BESIDE_TRAFFIC,
    _LONG,
    why="an earlier statement of the same transaction keeps {it} locked while this one goes through rows",
    remedy="a transaction of its own: another file, or -- teal: transaction=no in the first line of this one",
    spares_fresh=False,
)
def lock_held(action: Action, known: Known) -> bool | str:
    source = action.node.get("selectStmt", action.node)
    reads = list(find(source, "RangeVar")) or action.kind in ("UpdateStmt", "DeleteStmt")
    rows = "valuesLists" not in str(source) if action.kind == "InsertStmt" else bool(reads)
    rows = rows or calls(action, "pg_sleep")
    before = sorted(_before(action, known))
    return bool(before and rows and not _is_ledger(action, known)) and before[0]


def _is_ledger(action: Action, known: Known) -> bool:
    return action.table in BOOKKEEPING | known.lint.bookkeeping


_LEDGERS = """
alembic_version django_migrations schema_migrations flyway_schema_history _prisma_migrations knex_migrations
knex_migrations_lock SequelizeMeta goose_db_version __diesel_schema_migrations migrations typeorm_metadata
teal_migrations ar_internal_metadata databasechangelog databasechangeloglock
"""
BOOKKEEPING = frozenset(_LEDGERS.split())


@rule(
    "label-not-yet-usable",
    _LOSS,
    ALWAYS,
    "AlterEnumStmt",
    why="the same transaction uses the new value {it}: it fails (unsafe use of a new value)",
    remedy="the new value in a file by itself, with a lower number",
    spares_fresh=False,
)
def label_not_yet_usable(action: Action, known: Known) -> bool | str:
    label = action.node.get("newVal", "")
    there = label in known.catalog.labels.get(action.name, ())
    if not label or "oldVal" in action.node or there or not action.wrapped or _is_own_type(action, known):
        return False
    later = (one for one in known.actions if one.transaction == action.transaction and one.order > action.order)
    return any(_uses(one, action.name, label, known) for one in later) and f"'{label}' of {action.name}"


def _is_own_type(action: Action, known: Known) -> bool:
    made = known.of("CreateEnumStmt", name=action.name)
    return any(one.transaction == action.transaction and one.order < action.order for one in made)


def _uses(action: Action, enum: str, label: str, known: Known) -> bool:
    """Return whether *action* holds *label* as a value of *enum*, by a cast or by the columns that it is about."""
    if label not in {str(one["sval"].get("sval", "")) for one in find(action.node, "A_Const") if "sval" in one}:
        return False
    columns = [known.column(table, name) for table in _tables(action) for name in known.catalog.columns.get(table, {})]
    added = known.of("AT_AddColumn", "CreateStmt", table=action.table)
    named = find([action.node, action.node.get("def", {}), *(one.node for one in added)], "TypeName", "typeName")
    types = {type_of(one) for one in named} | {one.type.removeprefix("public.") for one in columns if one}
    return enum in types


def _tables(action: Action) -> set[str]:
    return {action.table} | {table_of(one) for one in find(action.node, "RangeVar")}


@rule(
    "triggers-silenced",
    _LOSS,
    ALWAYS,
    "VariableSetStmt",
    why="with {it} no trigger runs: what this script writes falls out of step, and foreign keys are not checked",
    remedy="leave it out",
)
def triggers_silenced(action: Action, known: Known) -> bool:
    return action.name == "session_replication_role" and action.node.get("kind") == "VAR_SET_VALUE"


@rule(
    "lock-timeout-off",
    _LOCK,
    BESIDE_TRAFFIC,
    "VariableSetStmt",
    why="it may now wait longer than 5 s for its lock, and all later queries wait behind it",
    remedy="leave lock_timeout to the runner (1 s, tried again)",
)
def lock_timeout_off(action: Action, known: Known) -> bool:
    if action.name != "lock_timeout" or action.node.get("kind") != "VAR_SET_VALUE":
        return False
    wait = _milliseconds(action)
    return wait == 0 or wait > _LONGEST_WAIT


def _milliseconds(action: Action) -> int:
    value: Node = next(iter(action.node.get("args", [])), {})
    said = re.fullmatch(r"\s*(\d+)\s*(ms|s|min|h|)\s*", text(value) or str(number(value)))
    return int(said.group(1)) * _MILLISECONDS[said.group(2)] if said else 0


@rule(
    "search-path",
    Nature.UNKNOWN,
    ALWAYS,
    "VariableSetStmt",
    why="which tables are meant after {it} can't be told",
    remedy="name the schema of each table; or -- teal: phase={phase} reason=…",
)
def search_path(action: Action, known: Known) -> bool:
    said = [text(one) for one in action.node.get("args", [])]
    return action.name == "search_path" and bool(set(said) - {"public", "$user", "pg_catalog", ""})


@rule(
    "prepared-transaction",
    _LOCK,
    ALWAYS,
    "TransactionStmt",
    why="the locks of a prepared transaction stay, even after a restart, until somebody ends it by hand",
    remedy="COMMIT",
)
def prepared_transaction(action: Action, known: Known) -> bool:
    return action.node.get("kind") == "TRANS_STMT_PREPARE"
