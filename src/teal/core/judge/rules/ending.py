"""Batches: whether a statement that is run until nothing is left comes to its end, and not before all is done."""

from __future__ import annotations

from typing import Any

from teal.core.judge.actions import Action
from teal.core.judge.context import Known, assigned_columns, limits
from teal.core.judge.rule import BACKFILL, Nature, rule
from teal.core.judge.terms import Facts, Scope, Term, conjuncts, join_conditions, replaced, scope_of, term
from teal.core.migrations.sql import Node, find, inside, kind_of, table_of

_PICKS = ("ANY_SUBLINK", "ARRAY_SUBLINK")
_WRITES = ("UpdateStmt", "InsertStmt", "DeleteStmt", "MergeStmt")


@rule(
    "never-done",
    Nature.LOSS,
    BACKFILL,
    ("UpdateStmt", "InsertStmt"),
    why="{it}: since it is run until nothing is left, it may never end",
    remedy="a condition beside the LIMIT that the SET itself makes false for every row, NULLs included: WHERE new IS"
    " NULL AND old IS NOT NULL; WHERE x IS DISTINCT FROM the value that is set; for INSERT … WHERE NOT EXISTS in"
    " {table}",
)
def never_done(action: Action, known: Known) -> bool | str:
    unsure = f"it can't be shown that a row of {action.table} which is done is not picked again"
    if action.kind == "InsertStmt":
        update = action.node.get("onConflictClause", {}).get("action") == "ONCONFLICT_UPDATE"
        return bool(update) and _refinds(action) and unsure
    if not limits(action.node) or _ends(action, known):
        return False
    tried = known.tried_batch(action)
    if tried is None:
        return unsure
    if tried.harm:
        return f"tried on a copy, rows of {action.table} that are done are picked again ({tried.about})"
    return bool(tried.untried) and f"{unsure}, and it could not be tried ({tried.untried})"


@rule(
    "stops-early",
    Nature.LOSS,
    BACKFILL,
    ("UpdateStmt", "DeleteStmt", "InsertStmt"),
    why="a batch may change no row although rows are left: the backfill then counts as done",
    remedy="put each condition into the query with the LIMIT, over {table} itself; for INSERT … WHERE NOT EXISTS in"
    " {table} beside the LIMIT",
)
def stops_early(action: Action, known: Known) -> bool:
    if action.kind == "InsertStmt":
        update = action.node.get("onConflictClause", {}).get("action") == "ONCONFLICT_UPDATE"
        return not update and _refinds(action)
    picks = _picks(action)
    if not picks:
        return False
    if action.kind == "DeleteStmt" and not any(action.table in _tables(one) for one in picks):
        return True
    scope = _outer(action, known)
    inner = {each for pick in picks for each in _holds(pick, known, _queries(action))}
    others = {table_of(one["RangeVar"]) for one in action.node.get("fromClause", []) if "RangeVar" in one}
    others -= {action.table, *_queries(action), *(table for pick in picks for table in _tables(pick))}
    outside = [each for each in _conditions(action, scope) if each not in inner]
    return any(not _joins(each) or _names(each, others) for each in outside)


def _ends(action: Action, known: Known) -> bool:
    """Return whether a condition that picks rows is false for each row that was written."""
    scope, picks = _outer(action, known), _picks(action)
    outer = _conditions(action, scope)
    picked = [each for pick in picks for each in _holds(pick, known, _queries(action))]
    facts = Facts((*outer, *picked), lambda table, name: _required(table, name, known))
    values = {
        ("col", action.table, column): _value(value, scope, picked, action.table)
        for column, value in assigned_columns(action.node).items()
    }
    return any(facts.never(replaced(each, values)) for each in (picked if picks else outer))


def _value(value: Node, scope: Scope, picked: list[Term], table: str) -> Term:
    """Return what is set as a term: a query for one value gives that of the row which was picked by the same test."""
    select = inside(value.get("SubLink", {}).get("subselect", {}))
    froms, targets = select.get("fromClause", []), select.get("targetList", [])
    if value.get("SubLink", {}).get("subLinkType") != "EXPR_SUBLINK" or len(froms) != 1 or len(targets) != 1:
        return term(value, scope)
    within = scope_of(froms, scope.columns, {})
    both = Scope(scope.columns, {**scope.tables, **within.tables}, {**scope.queries, **within.queries})
    tests = conjuncts(term(select["whereClause"], both)) if "whereClause" in select else []
    known = {*picked, *(_turned(each) for each in picked)}
    plain = not (set(select) - {"targetList", "fromClause", "whereClause", "limitOption", "op"})
    if not plain or table in within.tables.values() or not tests or not known.issuperset(tests):
        return term(value, scope)
    return term(targets[0]["ResTarget"]["val"], both)


def _turned(of: Term) -> Term:
    return ("op", of[1], of[3], of[2]) if of[:2] == ("op", "=") else of


def _required(table: str, name: str, known: Known) -> bool:
    there = known.column(table, name)
    return there is not None and not there.nullable


def _outer(action: Action, known: Known) -> Scope:
    node = action.node
    froms = [{"RangeVar": node.get("relation", {})}, *node.get("fromClause", []), *node.get("usingClause", [])]
    return scope_of(froms, known.catalog.columns, _queries(action))


def _queries(action: Action) -> dict[str, Node]:
    named = find(action.node.get("withClause", {}), "CommonTableExpr")
    return {one.get("ctename", ""): one.get("ctequery", {}) for one in named}


def _conditions(action: Action, scope: Scope) -> list[Term]:
    where = action.node.get("whereClause")
    return [each for each in conjuncts(term(where, scope)) if each[0] != "raw"] if where else []


def _picks(action: Action) -> list[Node]:
    """Return the queries with a LIMIT that pick the rows to write."""
    node = action.node
    chosen = [one for one in find(node.get("whereClause", {}), "SubLink") if one.get("subLinkType") in _PICKS]
    joined = find([node.get("fromClause", []), node.get("usingClause", [])], "RangeSubselect")
    named = find(node.get("withClause", {}), "CommonTableExpr")
    return [select for one in (*chosen, *joined, *named) for select in find(one, "SelectStmt") if _limits(select)]


def _limits(select: Node) -> bool:
    return "limitCount" in select and not select["limitCount"].get("A_Const", {}).get("isnull")


def _holds(select: Node, known: Known, queries: dict[str, Node]) -> list[Term]:
    """Return what is true of each row that a query gives."""
    froms = select.get("fromClause", [])
    scope = scope_of(froms, known.catalog.columns, queries)
    tests = [*join_conditions(froms), *([select["whereClause"]] if "whereClause" in select else [])]
    return [each for test in tests for each in conjuncts(term(test, scope))]


def _joins(condition: Term) -> bool:
    """Return whether a condition only says which rows belong together, or takes the picked ones."""
    if condition[0] in ("op", "AEXPR_OP_ANY") and condition[1] == "=":
        return all(each[0] in ("col", "raw", "row") for each in condition[2:])
    return bool(condition[0] == "raw")


def _names(condition: Term, tables: set[str]) -> bool:
    """Return whether a condition asks for a row of one of *tables*, which the picked one may not have."""
    return any(each[0] == "col" and each[1] in tables for each in condition[2:] if isinstance(each, tuple))


def _tables(tree: Any) -> set[str]:
    return {table_of(one) for one in find(tree, "RangeVar")}


def _refinds(action: Action) -> bool:
    """Return whether each round of an INSERT … SELECT … LIMIT finds the rows of the one before."""
    source = action.node.get("selectStmt", {}).get("SelectStmt", {})
    if not limits({"SelectStmt": source}) or any(find(action.node.get("withClause", {}), *_WRITES)):
        return False
    return not any(_leaves_out(one, action.table) for one in find({"SelectStmt": source}, "SelectStmt") if _limits(one))


def _leaves_out(select: Node, table: str) -> bool:
    """Return whether a query leaves out what *table* has: NOT EXISTS, NOT IN, EXCEPT, or LEFT JOIN and IS NULL."""
    if select.get("op") == "SETOP_EXCEPT":
        return table in _tables(select.get("rarg", {}) if kind_of(select.get("rarg", {})) else {})
    where = select.get("whereClause", {})
    for negated in find({"": where} if where else {}, "BoolExpr"):
        if negated.get("boolop") == "NOT_EXPR" and any(table in _tables(one) for one in find(negated, "SubLink")):
            return True
    for join in find(select.get("fromClause", []), "JoinExpr"):
        if join.get("jointype") == "JOIN_LEFT" and table in _tables(join.get("rarg", {})):
            return any(one.get("nulltesttype", "") == "IS_NULL" for one in find(where, "NullTest"))
    return any(table in _tables(each) for each in _excepted(select))


def _excepted(select: Node) -> list[Node]:
    subs = [inside(one.get("subquery", {})) for one in find(select.get("fromClause", []), "RangeSubselect")]
    return [{"": one.get("rarg", {})} for one in subs if one.get("op") == "SETOP_EXCEPT"]
