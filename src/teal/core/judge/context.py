"""What is known when an action is judged: the catalog, and what the scripts before and after it do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from teal.core.judge.actions import TEMPORARY, Action
from teal.core.judge.routines import Routine, read_trigger_body
from teal.core.judge.values import Catalog, Column, Lint, Signature, Tried
from teal.core.migrations.sql import (
    Node,
    Unreadable,
    argument_types,
    column_names,
    constraints,
    find,
    inside,
    joined,
    option,
    parse,
    words,
)
from teal.core.model.migrations import Phase

_INSERT, _UPDATE, BEFORE = 4, 16, 2  # bits of pg_trigger.tgtype
_INTERNAL = "_timescaledb"  # begins the schemas of views that belong to a continuous aggregate
MAKES_TABLE = ("CreateStmt", "CreateTableAsStmt")


@dataclass(frozen=True, slots=True)
class Sync:
    """A row trigger that may keep two columns in step."""

    table: str
    name: str
    order: int  # of the action that makes it; -1: the database has it
    routine: Routine
    insert: bool
    update: bool
    before: bool = True


@dataclass(frozen=True, slots=True)
class Known:
    """All that rules ask about the surroundings of an action."""

    actions: Sequence[Action]
    catalog: Catalog
    lint: Lint
    tried: Mapping[str, Tried] = field(default_factory=dict)  # what was tried, since it could not be read

    def tried_triggers(self, table: str) -> Tried | None:
        """Return what was seen of the triggers of *table*, where they were to be tried."""
        return self.tried.get(triggers_of(table))

    def tried_batch(self, action: Action) -> Tried | None:
        """Return what was seen of a batch, where it was to be tried."""
        return self.tried.get(batch_at(action))

    def of(self, *kinds: str, table: str = "", name: str = "") -> Iterator[Action]:
        """Yield the actions of *kinds* on *table* and with *name*, where given."""
        for action in self.actions:
            if action.kind in kinds and table in ("", action.table) and name in ("", action.name):
                yield action

    def fresh(self, action: Action) -> bool:
        """Return whether the table of *action* was made a moment ago, so that nobody uses it yet.

        Where no database was asked, only a CREATE in the same script is sure not to have been run long ago.
        """
        if action.table.startswith(f"{TEMPORARY}."):
            return True  # nobody else sees it
        if not action.table or action.table in self.catalog.columns:
            return False
        if any(self._just_before(made, action) for made in self.of(*MAKES_TABLE, table=action.table)):
            return True
        schema = action.table.rpartition(".")[0]
        return any(
            self._just_before(one, action) and self.fresh(one)
            for one in self.of("RENAME_TABLE")
            if one.table.rpartition(".")[0] == schema and _as_renamed(one) == action.table
        )

    def is_new(self, made: Action, action: Action) -> bool:
        """Return whether *made* came a moment before *action*, and made something that was not there."""
        return self._just_before(made, action)

    def just_made_function(self, action: Action, arguments: Signature | None) -> bool:
        """Return whether the function that *action* names was made a moment ago; None: there is but one of its name."""
        made = [one for one in self.of("CreateFunctionStmt", name=action.name) if self.is_new(one, action)]
        elder = self.catalog.signatures.get(action.name, ())
        if not made or (not self.catalog.asked and any(one.node.get("replace") for one in made)):
            return False
        if arguments is None:
            return not elder
        found = any(self.signature_of(one).arguments == arguments.arguments for one in made)
        return found and all(one.arguments != arguments.arguments for one in elder)

    def just_made(self, action: Action, *kinds: str) -> bool:
        """Return whether one of *kinds* made what *action* names a moment ago, so that nobody uses it yet."""
        return any(self._just_before(made, action) for made in self.of(*kinds, name=action.name))

    def fresh_column(self, action: Action, column: str) -> bool:
        """Return whether *column* of the action's table was added a moment ago."""
        if column in self.catalog.columns.get(action.table, {}):
            return False
        added = self.of("AT_AddColumn", table=action.table, name=column)
        return any(self._just_before(one, action) for one in added)

    def _just_before(self, made: Action, action: Action) -> bool:
        if made.order >= action.order or made.script.phase is not action.script.phase:
            return False
        if made.node.get("if_not_exists") or made.node.get("missing_ok"):
            return self.catalog.asked  # else it may have been there all along, and this makes nothing
        return made.script is action.script or self.catalog.asked

    def column(self, table: str, name: str) -> Column | None:
        """Return the column as the database has it, or None where it has none or wasn't asked."""
        return self.catalog.columns.get(table, {}).get(name)

    def hypertable(self, table: str) -> bool:
        """Return whether *table* is a hypertable, by the database or by a script before."""
        return table in self.catalog.hypertables

    def keys(self, table: str) -> frozenset[str]:
        """Return the columns each of which tells rows of *table* apart; by custom where it is not known."""
        custom = set() if table in self.catalog.columns else {"id"}
        return self.catalog.keys.get(table, frozenset()) | {"ctid"} | custom

    def views_of(self, action: Action) -> list[str]:
        """Return the views that select the column of *action* and that no script before has dropped or made anew."""
        before = {made.table for made in self.of("DROP_VIEW", "DROP_MATVIEW", "ViewStmt") if made.order < action.order}
        found = self.catalog.viewed.get(f"{action.table}.{action.name}", frozenset()) - before
        gone = bool(before & self.catalog.aggregates)  # the server's own views of an aggregate go with it
        return sorted(each for each in found if not (gone and each.startswith(_INTERNAL)))

    def contract_drops(self, table: str, column: str) -> bool:
        """Return whether a contract among the scripts drops *column*, or all of *table*."""
        drops = (*self.of("AT_DropColumn", table=table, name=column), *self.of("DROP_TABLE", table=table))
        return any(one.script.phase is Phase.CONTRACT for one in drops)

    def small(self, table: str) -> bool:
        """Return whether the database says that *table* has few rows."""
        return self.catalog.rows.get(table, self.lint.small + 1) <= self.lint.small

    def routine(self, name: str) -> Routine | None:
        """Return the function *name* of the scripts."""
        made = list(self.of("CreateFunctionStmt", name=name))
        return made[-1].routine if made else None

    def volatility(self, name: str) -> str:
        """Return how the scripts, else the database, declare the function *name*; "" where neither does."""
        for made in self.of("CreateFunctionStmt", name=name):
            said = option(made.node.get("options", []), "volatility") or {}
            return (words([said.get("arg", {})]) or ["volatile"])[0]
        return self.catalog.functions.get(name) or self.catalog.builtins.get(name, "")

    def function_of(self, trigger: Action) -> Routine | None:
        """Return the function of the scripts that a CREATE TRIGGER names."""
        return self.routine(joined(words(trigger.node.get("funcname", []))))

    def syncs(self, table: str) -> list[Sync]:
        """Return the row triggers on *table* whose function is known: of the database, then of the scripts."""
        found = [
            Sync(table, one.name, -1, read_trigger_body(one.body), one.insert, one.update)
            for one in self.catalog.triggers.get(table, ())
            if one.row
        ]
        for made in self.of("CreateTrigStmt", table=table):
            routine = self.function_of(made)
            if routine is not None and made.node.get("row"):
                found.append(_sync(made, routine))
        return found

    def not_null_checks(self, action: Action, *, valid: bool) -> set[str]:
        """Return the columns of the action's table that a CHECK before it holds to IS NOT NULL."""
        found: set[str] = set()
        for name, expression in self.catalog.checks.get(action.table, {}).items():
            if not self._is_gone(action, name):
                found |= not_null_columns(expression_of(expression))
        for name, expression in self.catalog.unproved.get(action.table, {}).items():
            validated = self.of("AT_ValidateConstraint", table=action.table, name=name)
            if any(one.order < action.order for one in validated) and not self._is_gone(action, name):
                found |= not_null_columns(expression_of(expression))
        for made in self.of("AT_AddConstraint", table=action.table):
            lasts = made.order < action.order and not self._is_gone(action, made.name, made.order)
            if lasts and (not valid or self._is_valid(made, action)):
                found |= not_null_columns(made.node.get("def", {}).get("raw_expr", {}))
        return found

    def _is_gone(self, action: Action, constraint: str, since: int = -1) -> bool:
        """Return whether a constraint of the action's table is dropped before it is needed.

        Within one ALTER TABLE what is dropped goes first, wherever it is written.
        """
        columns = self.catalog.constraint_columns.get(f"{action.table}.{constraint}", frozenset())
        drops = [*self.of("AT_DropConstraint", table=action.table, name=constraint)]
        drops += [one for one in self.of("AT_DropColumn", table=action.table) if one.name in columns]
        return any(since < one.order and self.before(one, action) for one in drops)

    def before(self, one: Action, action: Action) -> bool:
        """Return whether *one* is done when *action* is: before it, or in the same statement."""
        return one.order < action.order or one.statement == action.statement

    def required(self, action: Action, column: str) -> bool:
        """Return whether *column* of the action's table is NOT NULL by the database or by a script before."""
        known = self.column(action.table, column)
        changes = [
            one
            for one in self.of("AT_SetNotNull", "AT_DropNotNull", table=action.table, name=column)
            if one.order < action.order
        ]
        if changes:
            return changes[-1].kind == "AT_SetNotNull"
        return known is not None and not known.nullable

    def signature_of(self, made: Action) -> Signature:
        """Return the arguments of a CREATE FUNCTION or PROCEDURE."""
        parts = made.node.get("parameters", [])
        inputs = [
            each
            for each in (inside(one) for one in parts)
            if each.get("mode", "") not in ("FUNC_PARAM_OUT", "FUNC_PARAM_TABLE")
        ]
        return Signature(
            argument_types(parts),
            sum("defexpr" in each for each in inputs),
            any(each.get("mode") == "FUNC_PARAM_VARIADIC" for each in inputs),
        )

    def _is_valid(self, made: Action, action: Action) -> bool:
        if not made.node["def"].get("skip_validation"):
            return True
        validated = self.of("AT_ValidateConstraint", table=made.table, name=made.name)
        return any(made.order < one.order < action.order for one in validated)


def _sync(made: Action, routine: Routine) -> Sync:
    events, timing = made.node.get("events", 0), made.node.get("timing", 0)
    return Sync(
        made.table,
        made.name,
        made.order,
        routine,
        insert=bool(events & _INSERT),
        update=bool(events & _UPDATE) and not made.node.get("columns"),
        before=bool(timing & BEFORE),
    )


def _as_renamed(rename: Action) -> str:
    schema, _, _ = rename.table.rpartition(".")
    return joined([part for part in (schema, str(rename.node.get("newname", ""))) if part])


def triggers_of(table: str) -> str:
    """Return what the attempt of the triggers of *table* is called."""
    return f"triggers of {table}"


def batch_at(action: Action) -> str:
    """Return what the attempt of a batch is called."""
    return f"{action.script.name}:{action.line}"


def expression_of(text: str) -> Node:
    """Return the tree of an expression as the database writes it; empty where the grammar ends."""
    try:
        select = parse(f"SELECT {text}")[0].node["SelectStmt"]
    except Unreadable:
        return {}
    return dict(select["targetList"][0]["ResTarget"]["val"])


def not_null_columns(expression: Node) -> set[str]:
    """Return the columns that *expression* holds to IS NOT NULL whatever else it says: alone or joined by AND."""
    if "NullTest" in expression and expression["NullTest"].get("nulltesttype") == "IS_NOT_NULL":
        return column_names(expression["NullTest"].get("arg", {}))
    if expression.get("BoolExpr", {}).get("boolop") == "NOT_EXPR":
        (denied,) = expression["BoolExpr"]["args"]
        is_null = denied.get("NullTest", {}).get("nulltesttype") == "IS_NULL"
        return column_names(denied["NullTest"].get("arg", {})) if is_null else set()
    if expression.get("BoolExpr", {}).get("boolop") == "AND_EXPR":
        return {name for part in expression["BoolExpr"].get("args", []) for name in not_null_columns(part)}
    return set()


def is_required(column: Node) -> bool:
    """Return whether a new column (a ``ColumnDef``) is NOT NULL with nothing to fill it."""
    if not constraints(column, "CONSTR_NOTNULL", "CONSTR_PRIMARY"):
        return False
    filled = constraints(column, "CONSTR_DEFAULT", "CONSTR_IDENTITY", "CONSTR_GENERATED")
    filled = [one for one in filled if not one.get("raw_expr", {}).get("A_Const", {}).get("isnull")]
    return not filled and "serial" not in "".join(words(column.get("typeName", {}).get("names", [])))


def assigned_columns(update: Node) -> dict[str, Node]:
    """Return the columns that an UPDATE sets, each with its expression."""
    targets = (one for one in update.get("targetList", []) if "ResTarget" in one)
    return {one["ResTarget"]["name"]: one["ResTarget"].get("val", {}) for one in targets}


def limits(tree: Node) -> list[Node]:
    """Return the LIMITs of all queries within *tree*; LIMIT ALL is none."""
    found = (one["limitCount"] for one in find(tree, "SelectStmt") if "limitCount" in one)
    return [one for one in found if not one.get("A_Const", {}).get("isnull")]
