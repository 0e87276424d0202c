"""What can't be told by reading is to be tried on a copy of its table: here is said what, and with which statements.

A trigger's body that is put together while it runs, a loop, a function of the database; a batch whose end can't be
shown. What a rollback does not undo is not tried: that is told from the words of all that may be run.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from teal.core.judge.actions import Action, read
from teal.core.judge.context import MAKES_TABLE, Known, assigned_columns, batch_at, limits, triggers_of
from teal.core.judge.evaluate import in_order
from teal.core.judge.playing import filled_columns
from teal.core.judge.trying import Attempt
from teal.core.judge.values import Catalog, Finding, Lint, Script
from teal.core.migrations.sql import Statement, column_names, find, inside, kind_of, number, parse, table_of
from teal.core.model.migrations import Phase

SAMPLE = 20_000  # rows of a table that a batch is tried on
_ROUNDS = 200  # of a batch: a small LIMIT is tried on fewer rows
_MAKES = (
    "CreateFunctionStmt",
    "CreateEnumStmt",
    "CompositeTypeStmt",
    "CreateDomainStmt",
    "CreateSeqStmt",
    "CreateStmt",
)
# No rollback undoes them, or somebody else sees them at once.
_LASTING = re.compile(
    r"\b(?:copy(?=\s)|(?:nextval|setval|dblink\w*|https?_\w+|http|pg_background\w*|lo_export|lo_import|pg_file_\w+"
    r"|net\.http_\w+|pg_(?:terminate|cancel)_backend|pg_reload_conf|pg_rotate_logfile|pg_switch_wal"
    r"|pg_logical_emit_message|pg(?:_try)?_advisory_(?!xact)\w+|pg_create_\w+_slot|pg_drop_replication_slot"
    r"|pg_stat_reset\w*|cron\.\w+|aws_\w+(?:\.\w+)?)(?=\s*\())",
    re.I,
)
_COMPOSES = re.compile(r"\bexecute\b(?!\s+(?:function|procedure)\b)", re.I)
_WRITES = re.compile(rf'\b(?:insert|merge)\s+into\b|\bupdate\s+["\w]|\bdelete\s+from\b|{_COMPOSES.pattern}', re.I)
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.S)


def wanted(scripts: Sequence[Script], catalog: Catalog, lint: Lint, findings: Sequence[Finding]) -> tuple[Attempt, ...]:
    """Return what is to be tried, for *findings* that say that something can't be told."""
    known = Known(read(in_order(scripts)), catalog, lint)
    found: dict[str, Attempt] = {}
    for action in known.actions:
        said = {each.rule for each in findings if (each.script, each.line) == (action.script.name, action.line)}
        if action.kind == "CreateTrigStmt" and "unread-trigger" in said and action.script.phase is Phase.EXPAND:
            found[triggers_of(action.table)] = _of_triggers(action.table, known)
        elif action.kind == "UpdateStmt" and "never-done" in said:
            found[batch_at(action)] = _of_batch(action, known)
    return tuple(found.values())


def _of_triggers(table: str, known: Known) -> Attempt:
    key = triggers_of(table)
    made = [one for one in known.of("CreateTrigStmt", table=table) if one.script.phase is Phase.EXPAND]
    statements = list(_expands(known))
    text = _reached("\n".join(one.sql for one in statements if _triggers(one, table)), known)
    serving = frozenset(known.catalog.columns.get(table, {})) - filled_columns(table, known)
    return Attempt(
        key,
        table,
        tuple(_making(statements, table)),
        tuple(one.sql for one in statements if _triggers(one, table)),
        serving,
        composes=_COMPOSES.search(text) is not None,
        refused=_why_not(table, text, known) or _unplaced(made),
    )


def _of_batch(action: Action, known: Known) -> Attempt:
    key, table = batch_at(action), action.table
    statements = list(_expands(known))
    mine = next((one for one in parse(action.script.sql) if one.line == action.line), None)
    there = (one.function for one in known.catalog.triggers.get(table, ()))
    text = _reached("\n".join([mine.sql if mine else "", *there, *(one.sql for one in statements)]), known)
    read_of = {table_of(one) for one in find(action.node, "RangeVar")} - {table}
    fresh = next((one for one in sorted(read_of) if any(known.of(*MAKES_TABLE, table=one))), "")
    sizes = [size for size in map(number, limits(action.node)) if size]
    why = _why_not(table, text, known)
    if mine is None or action.block or not sizes:
        why = why or "it is no statement by itself with a number as its LIMIT"
    if fresh:
        why = why or f"it reads {fresh}, which the change itself makes"
    return Attempt(
        key,
        table,
        tuple(_making(statements, table)),
        tuple(one.sql for one in statements if _triggers(one, table)),
        batch=mine.sql if mine else "",
        nullable=_nullable(action, known),
        rows=min(SAMPLE, _ROUNDS * min(sizes, default=1)),
        composes=_COMPOSES.search(text) is not None,
        refused=why,
    )


def _nullable(action: Action, known: Known) -> tuple[str, ...]:
    there = known.catalog.columns.get(action.table, {})
    named = column_names(action.node) | set(assigned_columns(action.node))
    return tuple(sorted(name for name in named & set(there) if there[name].nullable))


# --- with which statements


def _expands(known: Known) -> Iterator[Statement]:
    """Yield the statements of the expands, in the order in which they are run."""
    scripts = dict.fromkeys(one.script for one in known.actions if one.script.phase is Phase.EXPAND)
    for script in scripts:
        yield from parse(script.sql)


def _triggers(statement: Statement, table: str) -> bool:
    node = inside(statement.node)
    return kind_of(statement.node) == "CreateTrigStmt" and table_of(node.get("relation")) == table


def _making(statements: Sequence[Statement], table: str) -> Iterator[str]:
    """Yield what changes the table itself or makes something that is new; a foreign key would lock its other table."""
    mine = {table}
    for one in statements:
        kind, node = kind_of(one.node), inside(one.node)
        of = table_of(node.get("relation"))
        if any(_is_foreign(each) for each in find(node, "Constraint")) or "inhRelations" in node:
            continue
        if kind in _MAKES or (kind == "AlterTableStmt" and of in mine):
            mine |= {of} if kind == "CreateStmt" else set()
            yield one.sql
        elif kind == "CreateTrigStmt" and of in mine - {table}:
            yield one.sql


def _is_foreign(constraint: dict[str, object]) -> bool:
    return constraint.get("contype") == "CONSTR_FOREIGN"


# --- whether it may be


def _unplaced(made: Sequence[Action]) -> str:
    return "it is made within a block" if any(one.block for one in made) else ""


def _why_not(table: str, text: str, known: Known) -> str:
    if table not in known.catalog.columns:
        return f"{table} is not in the database yet"
    lasting = _LASTING.search(text)
    if lasting is not None:
        return f"{lasting[0]} would not be undone by a rollback"
    return next((f"{name}() is not written in SQL or plpgsql" for name in _foreign(text, known)), "")


def _reached(text: str, known: Known) -> str:
    """Return *text* with the bodies of all functions that it names, of those that they name, and so on.

    What writes into a table, or may, runs that one's triggers.
    """
    bodies = {name.rpartition(".")[2]: list(sources) for name, sources in known.catalog.bodies.items()}
    for made in known.of("CreateFunctionStmt"):
        bodies.setdefault(made.name.rpartition(".")[2], []).append(made.routine.text if made.routine else "")
    found, left = [_COMMENT.sub(" ", text)], set(bodies)
    for part in found:  # it grows
        named = left & set(re.findall(r"\w+", part))
        left -= named
        found += [_COMMENT.sub(" ", body) for name in sorted(named) for body in bodies[name]]
        if _WRITES.search(part):
            functions = {one.function for each in known.catalog.triggers.values() for one in each} & left
            left -= functions
            found += [_COMMENT.sub(" ", body) for name in sorted(functions) for body in bodies[name]]
    return "\n".join(found)


def _foreign(text: str, known: Known) -> Iterator[str]:
    """Yield the functions of the scripts and the database in another language, where *text* names them."""
    for made in known.of("CreateFunctionStmt"):
        if made.routine and made.routine.unread.startswith("a body in the language") and made.name in text:
            yield made.name
    there = set(known.catalog.functions) - set(known.catalog.bodies)
    named = set(re.findall(r"\w+", text))
    yield from (name for name in sorted(there) if name.rpartition(".")[2] in named)
