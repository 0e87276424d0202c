"""Columns: how they are added, freed of NOT NULL and dropped without a rewrite, a scan or a failing writer."""

from __future__ import annotations

from teal.core.judge import phase_table
from teal.core.judge.actions import Action
from teal.core.judge.context import Known, is_required
from teal.core.judge.functions import volatile
from teal.core.judge.needs import is_gone, needs_of
from teal.core.judge.rule import ALWAYS, BESIDE_TRAFFIC, CONTRACT, EXPAND, WINDOW, Nature, always, rule
from teal.core.judge.values import Index
from teal.core.judge.widening import widens
from teal.core.migrations.sql import Node, constraints, find, table_of, type_of
from teal.core.model.migrations import Phase

_PHASE, _LOCK, _LOSS = Nature.PHASE, Nature.LOCK, Nature.LOSS
_ADDS = "AT_AddColumn"
_SILENT_DELETES = ("c", "n", "d")  # ON DELETE CASCADE, SET NULL, SET DEFAULT


def _default(column: Node) -> Node | None:
    found = constraints(column, "CONSTR_DEFAULT")
    return found[0].get("raw_expr") if found else None


@rule(
    "not-null-without-default",
    _LOSS,
    ALWAYS,
    _ADDS,
    why="{it} is NOT NULL without a default: adding it fails if {table} has rows, and afterwards the release that"
    " serves can't INSERT",
    remedy="add it nullable or with a constant default; SET NOT NULL in a contract",
)
def not_null_without_default(action: Action, known: Known) -> bool:
    return is_required(action.node["def"])


@rule(
    "volatile-default",
    _LOCK,
    BESIDE_TRAFFIC,
    _ADDS,
    why="{it} is not known to give all rows the same value, so all of {table} is rewritten while everybody waits",
    remedy="add the column without a default, then SET DEFAULT for new rows, and fill the others in a backfill",
)
def volatile_default(action: Action, known: Known) -> bool | str:
    column = action.node["def"]
    if "serial" in type_of(column.get("typeName")):
        return f"{action.name} {type_of(column['typeName'])}"
    if constraints(column, "CONSTR_IDENTITY"):
        return f"{action.name} GENERATED AS IDENTITY"
    return (found := volatile(_default(column) or {}, known)) and f"{action.name} DEFAULT {found}()"


@rule(
    "stored-generated",
    _LOCK,
    BESIDE_TRAFFIC,
    _ADDS,
    why="a stored generated column rewrites all of {table} while everybody waits",
    remedy="add an ordinary column, fill it by trigger, backfill the rest",
)
def stored_generated(action: Action, known: Known) -> bool:
    return bool(constraints(action.node["def"], "CONSTR_GENERATED"))


@rule(
    "constrained-domain",
    _LOCK,
    BESIDE_TRAFFIC,
    _ADDS,
    why="the type of {it} is a domain with a constraint, so all of {table} is rewritten while everybody waits",
    remedy="add it with the domain's base type; in a contract CHECK … NOT VALID",
)
def constrained_domain(action: Action, known: Known) -> bool:
    return _is_constrained(type_of(action.node["def"].get("typeName")), action, known)


def _is_constrained(domain: str, action: Action, known: Known) -> bool:
    """Return whether *domain*, or one that it is made of, has a constraint."""
    if known.catalog.domains.get(domain, False):
        return True
    made = [one for one in known.of("CreateDomainStmt") if one.name == domain and one.order < action.order]
    added = (one for one in known.of("AlterDomainStmt") if one.name == domain and one.order < action.order)
    if any(constraints(one.node, "CONSTR_CHECK", "CONSTR_NOTNULL") for one in made) or any(
        one.node.get("subtype") in ("C", "O") for one in added
    ):
        return True
    return any(_is_constrained(type_of(one.node.get("typeName")), one, known) for one in made)


@rule(
    "inline-check",
    _LOCK,
    BESIDE_TRAFFIC,
    _ADDS,
    why="a CHECK within ADD COLUMN {it} reads all of {table} while everybody waits",
    remedy="add the column alone; in a contract ADD CONSTRAINT … CHECK … NOT VALID, in a later one VALIDATE",
)
def inline_check(action: Action, known: Known) -> bool:
    return bool(constraints(action.node["def"], "CONSTR_CHECK"))


@rule(
    "inline-unique",
    _LOCK,
    BESIDE_TRAFFIC,
    _ADDS,
    why="the index for {it} is built while nobody can use {table}",
    remedy="add the column alone; in a contract CREATE UNIQUE INDEX CONCURRENTLY",
)
def inline_unique(action: Action, known: Known) -> bool:
    return bool(constraints(action.node["def"], "CONSTR_UNIQUE", "CONSTR_PRIMARY"))


@rule(
    "inline-foreign-key",
    _LOCK,
    BESIDE_TRAFFIC,
    _ADDS,
    why="with a default, every row of {table} is looked up in the other table while writers of both wait",
    remedy="add the column without the reference; FOREIGN KEY … NOT VALID in a contract",
)
def inline_foreign_key(action: Action, known: Known) -> bool:
    return bool(constraints(action.node["def"], "CONSTR_FOREIGN")) and _default(action.node["def"]) is not None


@rule(
    "foreign-key-blocks-deletes",
    _PHASE,
    EXPAND,
    (_ADDS, "CreateStmt", "AT_AddConstraint"),
    why="once the new release refers to a row of {it}, the release that serves can't delete that row: it knows"
    " nothing of what refers to it",
    remedy="ON DELETE CASCADE or SET NULL, or the foreign key in a contract",
    spares_fresh=False,
)
def foreign_key_blocks_deletes(action: Action, known: Known) -> bool | str:
    if action.kind == "AT_AddConstraint" and not known.fresh(action):
        return False  # foreign-key-in-expand says it
    for key in find(
        {"Constraint": action.node["def"]} if action.kind == "AT_AddConstraint" else action.node, "Constraint"
    ):
        if key.get("contype") == "CONSTR_FOREIGN" and key.get("fk_del_action", "a") not in _SILENT_DELETES:
            target = table_of(key.get("pktable"))
            if target != action.table and not known.fresh(_about(action, target)):
                return target
    return False


def _about(action: Action, table: str) -> Action:
    """Return *action* as if it were about *table*."""
    return Action(action.kind, action.node, action.script, action.line, table, order=action.order)


@rule(
    "drop-not-null-unpaired",
    _PHASE,
    EXPAND,
    "AT_DropNotNull",
    why="the release that serves reads {it} and does not expect NULL there",
    remedy="only for a column that a contract among the files drops: write that contract too",
)
def drop_not_null_unpaired(action: Action, known: Known) -> bool:
    return not known.fresh_column(action, action.name) and not known.contract_drops(action.table, action.name)


@rule(
    "default-unpaired",
    _PHASE,
    EXPAND,
    "AT_ColumnDefault",
    why="rows that the release that serves inserts without {it} get a value that it does not expect",
    remedy="only for a column that a contract among the files drops, or that the same expand adds",
)
def default_unpaired(action: Action, known: Known) -> bool:
    own = known.fresh_column(action, action.name) or known.contract_drops(action.table, action.name)
    return not own and bool(action.node.get("def"))


@rule(
    "drop-default-in-expand",
    _PHASE,
    EXPAND,
    "AT_ColumnDefault",
    why="the release that serves inserts without {it} and relies on its default",
    remedy="move DROP DEFAULT to a contract",
)
def drop_default_in_expand(action: Action, known: Known) -> bool:
    return not action.node.get("def") and (
        _is_filled_by_default(action, known) or not known.fresh_column(action, action.name)
    )


def _is_filled_by_default(action: Action, known: Known) -> bool:
    """Return whether the column was just added as NOT NULL: only its default lets old INSERTs pass."""
    added = known.of("AT_AddColumn", table=action.table, name=action.name)
    return any(one.order < action.order and constraints(one.node["def"], "CONSTR_NOTNULL") for one in added)


rule(
    "set-not-null-in-expand",
    _PHASE,
    EXPAND,
    "AT_SetNotNull",
    why="the release that serves may insert rows without {it}: they are rejected",
    remedy="SET NOT NULL in a contract, after a validated CHECK ({name} IS NOT NULL)",
)(always)


@rule(
    "set-not-null-scans",
    _LOCK,
    CONTRACT,
    "AT_SetNotNull",
    why="no validated CHECK ({name} IS NOT NULL) is known, so all of {table} is read while everybody waits",
    remedy="ADD CONSTRAINT … CHECK ({name} IS NOT NULL) NOT VALID, VALIDATE it in a transaction of its own, then this",
)
def set_not_null_scans(action: Action, known: Known) -> bool:
    if action.table in known.catalog.compressed:
        return False  # no check can be validated there: a rule of its own says so
    if known.required(action, action.name):
        return False  # it is so already
    return action.name not in known.not_null_checks(action, valid=True)


@rule(
    "view-in-the-way",
    _LOSS,
    ALWAYS,
    ("AT_DropColumn", "AT_AlterColumnType"),
    why="{it} selects {name}: until that view is gone the column can be neither dropped nor given another type,"
    " and this fails",
    remedy="drop the view before (a continuous aggregate: once no release reads it), or make it anew without {name}",
)
def view_in_the_way(action: Action, known: Known) -> bool | str:
    if action.kind == "AT_AlterColumnType" and action.script.phase is not WINDOW and not widens(action, known):
        return False  # it belongs into a window first of all
    left = [] if action.node.get("behavior") == "DROP_CASCADE" else known.views_of(action)
    return bool(left) and f"the view {left[0]}"


@rule(
    "unique-index-goes-along",
    _LOSS,
    CONTRACT,
    "AT_DropColumn",
    why="the unique index {it} is silently dropped together with {name}: from then on duplicates get in, and ON"
    " CONFLICT no longer finds it",
    remedy="first CREATE UNIQUE INDEX CONCURRENTLY on what stays, in a contract of a lower number; or DROP INDEX"
    " CONCURRENTLY by name, where it is no longer wanted",
)
def unique_index_goes_along(action: Action, known: Known) -> bool | str:
    drops = known.of("AT_DropColumn", table=action.table)
    going = {one.name for one in drops if known.before(one, action)}
    gone = {one.name for one in known.of("DROP_INDEX", "AT_DropConstraint") if known.before(one, action)}
    here = {name: one for name, one in known.catalog.indexes.items() if one.table == action.table and one.valid}
    stay = [frozenset(one.keys) for one in here.values() if one.unique and one.whole and not one.uses & going]
    made = (one for one in known.of("IndexStmt", table=action.table) if known.before(one, action))
    stay += [_plain_keys(one) for one in made if one.node.get("unique") and "whereClause" not in one.node]
    for name, index in here.items():
        if action.name not in index.uses or not index.unique or {name, name.rpartition(".")[2]} & gone:
            continue
        left = frozenset(one for one in index.keys if one and one not in going)
        told_apart = any("" not in keys and keys <= left for keys in stay)
        if left and not told_apart and not _never_bound(action, index, known):
            return name
    return False


def _plain_keys(made: Action) -> frozenset[str]:
    return frozenset(one.get("IndexElem", {}).get("name", "") for one in made.node.get("indexParams", []))


def _never_bound(action: Action, index: Index, known: Known) -> bool:
    """Return whether rows that leave the column NULL, as all do that no longer know it, never met the index."""
    column = known.column(action.table, action.name)
    null = column is not None and column.nullable and column.default is None
    return null and action.name in index.keys and not index.nulls_equal and index.whole and "" not in index.keys


@rule(
    "partition-key-dropped",
    _LOSS,
    ALWAYS,
    "AT_DropColumn",
    why="{table} is partitioned by {name}: dropping it fails",
    remedy="leave the column, or make a new table without it",
)
def partition_key_dropped(action: Action, known: Known) -> bool:
    return action.name in known.catalog.partition_keys.get(action.table, ())


@rule(
    "still-needed",
    _LOSS,
    ALWAYS,
    tuple(phase_table.REMOVES),
    why="{it}: until that is gone this fails, and by then the way back has been given up",
    remedy="drop that before, by name; in one file the order of the statements decides",
)
def still_needed(action: Action, known: Known) -> str:
    if action.node.get("behavior") == "DROP_CASCADE":
        return ""  # drop-cascade speaks of it
    left = next((need for need in needs_of(action, known) if not is_gone(need, action, known)), None)
    return f"the {left.kind} {left.by} needs {left.of}" if left else ""


@rule(
    "required-column-in-the-way",
    _LOSS,
    CONTRACT,
    "AT_DropColumn",
    why="{it} is NOT NULL without a default: a release that no longer knows the column can't INSERT at all",
    remedy="an earlier expand: ALTER COLUMN {name} DROP NOT NULL (or SET DEFAULT, or a trigger that fills it)",
)
def required_column_in_the_way(action: Action, known: Known) -> bool:
    column = known.column(action.table, action.name)
    if column is None or column.nullable or column.default is not None:
        return False
    freed = known.of("AT_DropNotNull", "AT_ColumnDefault", table=action.table, name=action.name)
    if any(one.script.phase is Phase.EXPAND and one.order < action.order for one in freed):
        return False
    return not any(action.name in sync.routine.assigned for sync in known.syncs(action.table))
