"""TimescaleDB: what hypertables, columnstores and continuous aggregates can't take, or only elsewhere."""

from __future__ import annotations

from teal.core.judge.actions import Action
from teal.core.judge.context import Known, is_required
from teal.core.judge.functions import calls
from teal.core.judge.rule import ALWAYS, BACKFILL, BESIDE_TRAFFIC, CONTRACT, EXPAND, Nature, rule
from teal.core.migrations.sql import Node, constraints, find, option, per_chunk, spelled, text, type_of

_PHASE, _LOCK, _LOSS = Nature.PHASE, Nature.LOCK, Nature.LOSS


@rule(
    "hypertable-index-concurrently",
    _LOSS,
    ALWAYS,
    "IndexStmt",
    why="{table} is a hypertable, where CONCURRENTLY fails",
    remedy="CREATE INDEX … WITH (timescaledb.transaction_per_chunk), outside a transaction",
)
def hypertable_index_concurrently(action: Action, known: Known) -> bool:
    return known.hypertable(action.table) and bool(action.node.get("concurrent"))


@rule(
    "not-a-hypertable",
    _LOSS,
    ALWAYS,
    "IndexStmt",
    why="{table} is no hypertable, so transaction_per_chunk fails",
    remedy="CREATE INDEX CONCURRENTLY, outside a transaction",
)
def not_a_hypertable(action: Action, known: Known) -> bool:
    return known.catalog.asked and per_chunk(action.node) and not known.hypertable(action.table)


@rule(
    "hypertable-unique",
    _PHASE,
    BESIDE_TRAFFIC,
    ("IndexStmt", "AT_AddConstraint"),
    why="{table} is a hypertable: a unique index there can't be built chunk by chunk, concurrently or from an"
    " index that exists, so nobody can write until it is done",
    remedy="use a window",
)
def hypertable_unique(action: Action, known: Known) -> bool:
    if not known.hypertable(action.table):
        return False
    kind = action.node.get("def", {}).get("contype") if action.kind == "AT_AddConstraint" else None
    return bool(action.node.get("unique")) or kind in ("CONSTR_UNIQUE", "CONSTR_PRIMARY")


@rule(
    "hypertable-conversion",
    _PHASE,
    BESIDE_TRAFFIC,
    ("SelectStmt", "CallStmt"),
    why="{it} is in use: all its rows are moved into chunks while everybody waits",
    remedy="a new hypertable beside it with a trigger and a backfill, or a window",
)
def hypertable_conversion(action: Action, known: Known) -> bool | str:
    table = _first_argument(action) if calls(action, "create_hypertable") else None
    if table is None:
        return calls(action, "create_hypertable") and "the table"
    about = Action("AT", {}, action.script, action.line, table.removeprefix("public."), order=action.order)
    return not known.fresh(about) and table


def _first_argument(action: Action) -> str | None:
    """Return the first text that a function of *action* is given."""
    for call in find(action.node, "FuncCall", "funccall"):
        first: Node = next(iter(call.get("args", [])), {})
        return text(first.get("TypeCast", {}).get("arg", first) if "TypeCast" in first else first)
    return None


@rule(
    "hypertable-transition-table",
    _LOSS,
    ALWAYS,
    "CreateTrigStmt",
    why="{table} is a hypertable, where a trigger with transition tables (REFERENCING) fails",
    remedy="a trigger FOR EACH ROW without REFERENCING",
)
def hypertable_transition_table(action: Action, known: Known) -> bool:
    return known.hypertable(action.table) and "transitionRels" in action.node


@rule(
    "retention-outside-contract",
    _PHASE,
    (EXPAND, BACKFILL),
    ("SelectStmt", "CallStmt"),
    why="{it} removes rows that the release that serves still reads",
    remedy="move it to a contract",
)
def retention_outside_contract(action: Action, known: Known) -> bool | str:
    return next((name for name in ("drop_chunks", "add_retention_policy") if calls(action, name)), "")


@rule(
    "columnstore-default",
    _LOSS,
    ALWAYS,
    "AT_AddColumn",
    why="{table} has a columnstore: a new column there must be nullable or have a constant default",
    remedy="a constant default, or none and a backfill",
)
def columnstore_default(action: Action, known: Known) -> bool:
    defaults = constraints(action.node["def"], "CONSTR_DEFAULT")
    return action.table in known.catalog.compressed and not all(_is_constant(each["raw_expr"]) for each in defaults)


def _is_constant(expression: Node) -> bool:
    """Return whether a columnstore takes *expression* for a constant: a literal, and of casts that to boolean alone."""
    cast = expression.get("TypeCast", {})
    return "A_Const" in (cast.get("arg", {}) if type_of(cast.get("typeName")) == "bool" else expression)


@rule(
    "columnstore-column",
    _LOSS,
    ALWAYS,
    "AT_AddColumn",
    why="{table} has a columnstore: a new column with {it} fails there",
    remedy="add it alone: nullable, or with a constant default",
)
def columnstore_column(action: Action, known: Known) -> bool | str:
    if action.table not in known.catalog.compressed:
        return False
    column = action.node["def"]
    more = [one for one in column.get("constraints", []) if one["Constraint"]["contype"] not in _ON_A_NEW_COLUMN]
    return "a constraint of its own" if more else is_required(column) and "NOT NULL and no default"


_ON_A_NEW_COLUMN = ("CONSTR_NULL", "CONSTR_NOTNULL", "CONSTR_DEFAULT")


@rule(
    "columnstore-validate",
    _LOSS,
    ALWAYS,
    "AT_ValidateConstraint",
    why="{table} has a columnstore: VALIDATE CONSTRAINT fails there",
    remedy="in a window SET NOT NULL, or the constraint without NOT VALID: each reads all rows itself",
)
def columnstore_validate(action: Action, known: Known) -> bool:
    return action.table in known.catalog.compressed


@rule(
    "columnstore-check",
    _LOCK,
    BESIDE_TRAFFIC,
    "AT_AddConstraint",
    why="{table} has a columnstore: a CHECK reads all its rows while everybody waits, even with NOT VALID",
    remedy="use a window",
)
def columnstore_check(action: Action, known: Known) -> bool:
    return action.table in known.catalog.compressed and action.node["def"].get("contype") == "CONSTR_CHECK"


@rule(
    "columnstore-not-null",
    _LOCK,
    CONTRACT,
    "AT_SetNotNull",
    why="{table} has a columnstore: SET NOT NULL reads all its rows while everybody waits, even after a validated"
    " CHECK",
    remedy="use a window, or let the column be nullable",
)
def columnstore_not_null(action: Action, known: Known) -> bool:
    return action.table in known.catalog.compressed


@rule(
    "columnstore-row-security",
    _LOSS,
    ALWAYS,
    "AT_EnableRowSecurity",
    why="{table} has a columnstore: row security fails there",
    remedy="a view for each role that selects its rows",
)
def columnstore_row_security(action: Action, known: Known) -> bool:
    return action.table in known.catalog.compressed


@rule(
    "columnstore-key",
    _LOSS,
    ALWAYS,
    "AT_DropColumn",
    why="the columnstore of {table} is ordered or segmented by {it}: dropping it fails",
    remedy="leave the column, or make a new hypertable without it",
)
def columnstore_key(action: Action, known: Known) -> bool:
    return action.name in known.catalog.columnstore_keys.get(action.table, frozenset())


@rule(
    "columnstore-type",
    _LOSS,
    ALWAYS,
    "AT_AlterColumnType",
    why="{table} has a columnstore: the type of {it} can't be changed on compressed chunks, not even in a window",
    remedy="a new column of the new type, with a trigger and a backfill",
)
def columnstore_type(action: Action, known: Known) -> bool:
    return action.table in known.catalog.compressed


@rule(
    "aggregate-altered",
    _LOSS,
    ALWAYS,
    ("ViewStmt", "MATVIEW:AT_AddColumn", "MATVIEW:AT_AlterColumnType", "RENAME_COLUMN"),
    why="{table} is a continuous aggregate: its query can't be changed",
    remedy="create a new one, refresh it in an expand with -- teal: transaction=no,"
    " let the new release read it, drop the old one in a contract",
)
def aggregate_altered(action: Action, known: Known) -> bool:
    return action.table in known.catalog.aggregates


@rule(
    "aggregate-with-data",
    _LOCK,
    (EXPAND, BACKFILL),
    "CreateTableAsStmt",
    why="{table} is filled while it is made, which takes longer than an expand may",
    remedy="WITH NO DATA, then CALL refresh_continuous_aggregate in an expand with -- teal: transaction=no",
    spares_fresh=False,
)
def aggregate_with_data(action: Action, known: Known) -> bool:
    into = action.node.get("into", {})
    continuous = option(into.get("options", []), "continuous", "timescaledb") is not None
    return continuous and not into.get("skipData")


@rule(
    "columnstore-switch",
    _PHASE,
    BESIDE_TRAFFIC,
    "AT_SetRelOptions",
    why="with a columnstore, {table} refuses later schema changes and some writes of the release that serves",
    remedy="a new hypertable, or a window",
)
def columnstore_switch(action: Action, known: Known) -> bool:
    return any(spelled(one.get("defnamespace", "")) == "timescaledb" for one in find(action.node, "DefElem"))
