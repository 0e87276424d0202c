"""Two columns that stand for one while a change is open: the trigger between them, from its making to its end."""

from __future__ import annotations

from teal.core.judge.actions import Action
from teal.core.judge.context import BEFORE, MAKES_TABLE, Known, Sync, assigned_columns
from teal.core.judge.functions import unlisted
from teal.core.judge.playing import keeps, verdict
from teal.core.judge.rule import BACKFILL, BESIDE_TRAFFIC, CONTRACT, EXPAND, WINDOW, Nature, rule
from teal.core.judge.rules.bodies import uses_column
from teal.core.migrations.sql import column_names, find, inside, joined, kind_of, parse, table_of, words
from teal.core.model.migrations import Phase

_PHASE, _LOSS, _UNKNOWN = Nature.PHASE, Nature.LOSS, Nature.UNKNOWN


def _is_sync(sync: Sync, known: Known) -> bool:
    """Return whether a trigger fills a column that a script adds to its table."""
    return any(one.name in sync.routine.assigned for one in known.of("AT_AddColumn", table=sync.table))


def _made_by(action: Action, known: Known) -> Sync | None:
    return next((sync for sync in known.syncs(action.table) if sync.order == action.order), None)


def _played(action: Action, known: Known, *harms: str) -> str | None:
    """Return what is said of a harm that is seen when writes are played through the triggers of the table.

    They are played together, so it is said once: of the one that is made last.
    """
    made = [one.order for one in known.of("CreateTrigStmt", table=action.table) if one.script.phase is Phase.EXPAND]
    if action.script.phase is not Phase.EXPAND or action.order != max(made):
        return None
    harm, about = verdict(action.table, known)
    tried = known.tried_triggers(action.table)
    if harm in ("", "unread") and tried is not None and not tried.untried:
        harm, about = tried.harm, tried.about
    return about if harm in harms else None


def _is_played(action: Action, known: Known) -> bool:
    """Return whether writes are played through this trigger, so that what it assigns by name says no more."""
    routine = known.function_of(action)
    before = bool(action.node.get("timing", 0) & BEFORE) and bool(action.node.get("row"))
    return before and action.script.phase is Phase.EXPAND and routine is not None and not routine.unread


@rule(
    "backfill-before-trigger",
    _LOSS,
    BACKFILL,
    "UpdateStmt",
    why="no trigger keeps {it} in step: what the release that serves writes after the backfill never reaches it,"
    " and is lost",
    remedy="an expand before it: a trigger BEFORE INSERT OR UPDATE on {table} that keeps both columns in step",
)
def backfill_before_trigger(action: Action, known: Known) -> bool | str:
    for column, expression in assigned_columns(action.node).items():
        added = any(one.order < action.order for one in known.of("AT_AddColumn", table=action.table, name=column))
        derived = column_names(expression) - {column}
        if not added:  # with an earlier deploy, then: filled where it is empty, from columns that may change
            derived = _filled_from(action, column, known)
            added = bool(derived)
        filled = keeps(action.table, column, action.order, known) or _seen_to_fill(action.table, column, known)
        if added and derived and not filled:
            return f"{action.table}.{column}"
    return False


def _seen_to_fill(table: str, column: str, known: Known) -> bool:
    """Return whether triggers that can't be read were seen to fill *column*."""
    tried = known.tried_triggers(table)
    return tried is not None and column in tried.fills


def _filled_from(action: Action, column: str, known: Known) -> set[str]:
    """Return what a backfill copies into *column* of the database where that is NULL; nothing where it is no copy."""
    there = known.column(action.table, column)
    named = column_names(assigned_columns(action.node)[column])
    empty = any(
        test.get("nulltesttype") == "IS_NULL" and column in column_names(test.get("arg", {}))
        for test in find(action.node.get("whereClause", {}), "NullTest")
    )
    if there is None or column in named or not empty:
        return set()
    return (named & set(known.catalog.columns.get(action.table, {}))) - known.keys(action.table)


@rule(
    "sync-one-way",
    _LOSS,
    EXPAND,
    "CreateTrigStmt",
    why="what the new release writes does not reach {it}: after a rollback those writes are lost",
    remedy="let the function set both: the new column from the old one, and the old one from the new",
)
def sync_one_way(action: Action, known: Known) -> bool | str:
    if (column := _played(action, known, "one-way")) is not None:
        return f"{action.table}.{column}"
    sync = _made_by(action, known)
    if sync is None or not _is_sync(sync, known):
        return False
    for drop in known.of("AT_DropColumn", table=action.table):
        goes = drop.script.phase is Phase.CONTRACT and sync.routine.mentions(drop.name)
        if goes and drop.name not in sync.routine.assigned:
            return f"{action.table}.{drop.name}"
    return False


@rule(
    "sync-misses-writes",
    _LOSS,
    EXPAND,
    "CreateTrigStmt",
    why="an INSERT or UPDATE of the release that serves, played through {it}, does not reach the new column as it"
    " was written: for the other release that write is lost",
    remedy="CREATE TRIGGER … BEFORE INSERT OR UPDATE ON {table} FOR EACH ROW, without WHEN, its function setting the"
    ' new column whenever the old one has changed: teal migrate plan "rename …" writes it',
)
def sync_misses_writes(action: Action, known: Known) -> bool:
    sync, routine = _made_by(action, known), known.function_of(action)
    if _played(action, known, "misses") is not None:
        return True
    if routine is not None and not action.node.get("row"):  # a statement's trigger has no row that it could change
        return any(one.name in routine.assigned for one in known.of("AT_AddColumn", table=action.table))
    return sync is not None and _is_sync(sync, known) and not sync.before


@rule(
    "sync-trigger-left",
    _LOSS,
    (CONTRACT, WINDOW),
    "AT_DropColumn",
    why="a trigger of {table} still names {it}: from then on each INSERT and UPDATE fails",
    remedy="drop the trigger in the same transaction, before the column",
)
def sync_trigger_left(action: Action, known: Known) -> bool:
    return any(not _drops(sync, action, known) for sync in _naming(action, known))


@rule(
    "sync-trigger-apart",
    _LOSS,
    CONTRACT,
    "AT_DropColumn",
    why="the trigger and column {it} are dropped in two transactions: in between, writes fail or fall out of step",
    remedy="drop both in one transaction",
)
def sync_trigger_apart(action: Action, known: Known) -> bool:
    drops = [drop for sync in _naming(action, known) for drop in _drops(sync, action, known)]
    return bool(drops) and all(drop.transaction != action.transaction for drop in drops)


def _naming(action: Action, known: Known) -> list[Sync]:
    before = (sync for sync in known.syncs(action.table) if sync.order < action.order)
    return [s for s in before if uses_column(s.routine, action.table, action.name, known, of_row=True)]


def _drops(sync: Sync, action: Action, known: Known) -> list[Action]:
    """Return the contract's DROPs of a trigger."""
    drops = known.of("DROP_TRIGGER", table=sync.table, name=sync.name)
    return [drop for drop in drops if drop.script.phase is action.script.phase]


@rule(
    "trigger-rejects",
    _PHASE,
    (EXPAND, BACKFILL),
    "CreateTrigStmt",
    why="{it} can reject or drop what the release that serves writes",
    remedy="a trigger that only fills columns; let a CHECK … NOT VALID in a contract reject",
)
def trigger_rejects(action: Action, known: Known) -> bool | str:
    if (said := _played(action, known, "fails", "drops")) is not None:
        return f"{action.it} ({said or 'a row that is inserted is dropped'})"
    routine, timing = known.function_of(action), action.node.get("timing", 0)
    drops = routine is not None and routine.skips and bool(timing & BEFORE) and bool(action.node.get("row"))
    return bool(action.node.get("isconstraint")) or drops or (routine is not None and routine.raises)


@rule(
    "trigger-changes-writes",
    _PHASE,
    (EXPAND, BACKFILL),
    "CreateTrigStmt",
    why="the release that serves finds something else in {it} than it wrote",
    remedy="a trigger that fills new columns, and an old one only from the new one that takes its place",
)
def trigger_changes_writes(action: Action, known: Known) -> bool | str:
    if (column := _played(action, known, "changes")) is not None:
        return f"{action.table}.{column}"
    routine = known.function_of(action)
    if _is_played(action, known) and verdict(action.table, known) == ("", ""):
        return False
    assigned = routine.assigned if routine else frozenset()
    old = sorted(name for name in assigned if not any(known.of("AT_AddColumn", table=action.table, name=name)))
    return bool(old) and len(old) == len(assigned) and f"{action.table}.{old[0]}"


@rule(
    "trigger-writes-elsewhere",
    _PHASE,
    (EXPAND, BACKFILL),
    "CreateTrigStmt",
    why="each write of the release that serves now also does {it}",
    remedy="let it write only into tables that the same series makes",
)
def trigger_writes_elsewhere(action: Action, known: Known) -> bool | str:
    if (table := _played(action, known, "elsewhere")) is not None:
        return f"an INSERT or UPDATE of {table}"
    routine = known.function_of(action)
    for piece in routine.embedded if routine else ():
        for statement in parse(piece.sql):
            kind, target = kind_of(statement.node), table_of(inside(statement.node).get("relation"))
            if kind != "SelectStmt" and not any(known.of(*MAKES_TABLE, table=target)):
                return f"{kind.removesuffix('Stmt')} {target}".strip()
    return False


@rule(
    "unread-trigger",
    _UNKNOWN,
    BESIDE_TRAFFIC,
    "CreateTrigStmt",
    why="it can't be told what {it} does to the writes of the release that serves",
    remedy="write its function in plpgsql in the same series, without EXECUTE; or ask a database, where it is tried; or"
    " -- teal: phase=… reason=…",
)
def unread_trigger(action: Action, known: Known) -> bool | str:
    unread = _unread(action, known)
    tried = known.tried_triggers(action.table) if action.script.phase is Phase.EXPAND else None
    if not unread or tried is None:
        return bool(unread) and f"{action.it} ({unread})"
    return bool(tried.untried) and f"{action.it} ({unread}; it could not be tried, either: {tried.untried})"


def _unread(action: Action, known: Known) -> str:
    """Return why a trigger can't be read; "" where it can."""
    routine = known.function_of(action)
    if routine is None:
        return f"its function {joined(words(action.node.get('funcname', [])))} is in none of the files"
    if routine.unread:
        return routine.unread
    if action.script.phase is Phase.EXPAND and (said := _played(action, known, "unread")) is not None:
        return said
    trees = (statement.node for piece in routine.embedded for statement in parse(piece.sql))
    called = next((name for tree in trees if (name := unlisted(tree, known))), "")
    return f"it calls {called}()" if called else ""
