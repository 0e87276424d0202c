"""Rows: where they may be written, in which portions, and so that a second run does no harm."""

from __future__ import annotations

from typing import Any

from teal.core.judge.actions import Action
from teal.core.judge.context import Known, assigned_columns, limits
from teal.core.judge.rule import ALWAYS, BACKFILL, BESIDE_TRAFFIC, CONTRACT, EXPAND, Nature, always, rule
from teal.core.judge.sources import origins, sources_of
from teal.core.migrations.sql import Node, column_names, find, function_names, kind_of, number, table_of, text, words

_PHASE, _LOCK, _LOSS = Nature.PHASE, Nature.LOCK, Nature.LOSS
_WRITES = ("UpdateStmt", "InsertStmt", "DeleteStmt", "MergeStmt", "CopyStmt")
_PICKS = ("ANY_SUBLINK", "ARRAY_SUBLINK")
_ABOVE, _BELOW = (">", ">="), ("<", "<=")


@rule(
    "write-in-expand",
    _PHASE,
    EXPAND,
    _WRITES,
    why="rows of {table} that an expand writes stay locked until it ends, and the release that serves sees them change",
    remedy="move it to a backfill",
)
def write_in_expand(action: Action, known: Known) -> bool:
    return action.kind != "CopyStmt" or bool(action.node.get("is_from"))


@rule(
    "write-in-contract",
    _PHASE,
    CONTRACT,
    ("UpdateStmt", "InsertStmt", "MergeStmt", "CopyStmt"),
    why="the gate has just checked the rows of {table}: a contract may only take away",
    remedy="move it to a backfill, whose assertion the gate asks",
)
def write_in_contract(action: Action, known: Known) -> bool:
    return action.kind != "CopyStmt" or bool(action.node.get("is_from"))


@rule(
    "delete-in-backfill",
    _PHASE,
    BACKFILL,
    ("DeleteStmt", "MergeStmt"),
    why="a part of this statement deletes rows of {table}, while both releases may still read them",
    remedy="write DELETE as a statement by itself, for keys or in batches, or move it to a contract; MERGE as INSERT …"
    " ON CONFLICT or UPDATE",
)
def delete_in_backfill(action: Action, known: Known) -> bool:
    hidden = any(one.statement == action.statement and one.order < action.order for one in known.actions)
    return action.kind == "MergeStmt" or hidden or bool(action.block)


@rule(
    "update-without-where",
    _LOCK,
    BESIDE_TRAFFIC,
    ("UpdateStmt", "DeleteStmt"),
    why="all rows of {table} stay locked until the last one is done",
    remedy="WHERE … IN (SELECT … WHERE it is still to do LIMIT 5000){again}; or WHERE id BETWEEN … AND …, a statement"
    " for each portion",
)
def update_without_where(action: Action, known: Known) -> bool:
    return "whereClause" not in action.node and not known.small(action.table)


@rule(
    "update-unbatched",
    _LOCK,
    BESIDE_TRAFFIC,
    ("UpdateStmt", "DeleteStmt"),
    why="every row of {table} that meets the condition stays locked until the last one is done",
    remedy="WHERE … IN (SELECT … WHERE it is still to do LIMIT 5000){again}; or WHERE id BETWEEN … AND …, a statement"
    " for each portion",
)
def update_unbatched(action: Action, known: Known) -> bool:
    return "whereClause" in action.node and not known.small(action.table) and not _is_portion(action, known)


def _is_portion(action: Action, known: Known) -> bool:
    """Return whether a write can meet only a portion: by a LIMIT on its own rows, both ends of a key, or one key."""
    if action.looped:
        return False  # each round is a portion, but all are one transaction
    if _limited(action) or _by_list(action, known):
        return True
    keys = known.keys(action.table)
    own = "fromClause" not in action.node and "usingClause" not in action.node
    where = _without_variables(action) if own else action.node.get("whereClause", {})
    tests = [operator for operator, column in _conjuncts(where) if column in keys]
    ranged = any(one in _ABOVE for one in tests) and any(one in _BELOW for one in tests)
    return "BETWEEN" in tests or "=" in tests or ranged or _keyed(where, keys, known)


def _keyed(where: Node, keys: frozenset[str], known: Known) -> bool:
    """Return whether *where* holds for a list of keys at most: ``IN``, ``= ANY`` of an array, or keys joined by OR."""
    test, joined = where.get("A_Expr", {}), where.get("BoolExpr", {})
    if joined:
        parts = [_keyed(part, keys, known) or _is_key(part, keys) for part in joined["args"]]
        return any(parts) if joined["boolop"] == "AND_EXPR" else joined["boolop"] == "OR_EXPR" and all(parts)
    if test.get("kind") not in ("AEXPR_IN", "AEXPR_OP_ANY") or words(test.get("name", [])) != ["="]:
        return False
    side = test.get("lexpr", {})
    row = any("ColumnRef" in one and column_names(one) <= keys for one in side.get("RowExpr", {}).get("args", []))
    own = row or ("ColumnRef" in side and column_names(side) <= keys)
    return own and 0 < _listed(test.get("rexpr", {})) <= known.lint.batch


def _is_key(test: Node, keys: frozenset[str]) -> bool:
    return any(operator == "=" and column in keys for operator, column in _conjuncts(test))


def _listed(values: Node) -> int:
    """Return how many constants a list or an array has; 0 where they are not constant."""
    values = values.get("TypeCast", {}).get("arg", values)
    if (said := text(values)) is not None:
        return said.count(",") + 1
    items = values.get("List", {}).get("items") or values.get("A_ArrayExpr", {}).get("elements") or []
    return 0 if list(find(items, "ColumnRef", "SubLink", "FuncCall")) else len(items)


def _by_list(action: Action, known: Known) -> bool:
    """Return whether rows are met by a key that comes from VALUES or an array in the statement itself."""
    node, keys, own = action.node, known.keys(action.table), _own_names(action)
    lists = {name for name, one in sources_of(node).items() if _is_list(one)}
    for test in _joined_by_and(node.get("whereClause", {})):
        sides = [
            words(one.get("ColumnRef", {}).get("fields", [])) for one in (test.get("lexpr", {}), test.get("rexpr", {}))
        ]
        if words(test.get("name", [])) == ["="] and all(sides):
            mine = [side for side in sides if side[-1] in keys and (len(side) == 1 or side[-2] in own)]
            theirs = [side for side in sides if len(side) > 1 and side[-2] in lists]
            if mine and theirs:
                return True
    for link in (one.get("SubLink", {}) for one in _conditions(node.get("whereClause", {}))):
        tested = column_names(link.get("testexpr", {}))
        if (
            link.get("subLinkType") == "ANY_SUBLINK"
            and tested
            and tested <= keys
            and _is_list(link.get("subselect", {}))
        ):
            return True
    return False


def _is_list(source: Node) -> bool:
    """Return whether a source of rows is written out in the statement: it reads no table, and makes up no numbers."""
    tables, calls = next(find(source, "RangeVar"), None), function_names(source)
    return bool(source) and tables is None and all(name == "unnest" for name in calls)


def _own_names(action: Action) -> set[str]:
    relation = action.node.get("relation", {})
    return {str(one) for one in (relation.get("alias", {}).get("aliasname") or relation.get("relname"),) if one}


def _conditions(where: Node) -> list[Node]:
    """Return the conditions that all must hold."""
    if where.get("BoolExpr", {}).get("boolop") == "AND_EXPR":
        return [one for part in where["BoolExpr"]["args"] for one in _conditions(part)]
    return [where]


def _joined_by_and(where: Node) -> list[Node]:
    return [one["A_Expr"] for one in _conditions(where) if one.get("A_Expr", {}).get("kind") == "AEXPR_OP"]


def _without_variables(action: Action) -> Node:
    """Return the condition of a write with no other tables, its plpgsql variables (``r.id``) as constants."""
    relation = action.node.get("relation", {})
    own = {relation.get("relname"), relation.get("alias", {}).get("aliasname")}

    def cleared(tree: Any) -> Any:
        if isinstance(tree, list):
            return [cleared(one) for one in tree]
        if not isinstance(tree, dict):
            return tree
        parts = words(tree.get("ColumnRef", {}).get("fields", []))
        return {} if len(parts) == 2 and parts[0] not in own else {key: cleared(one) for key, one in tree.items()}

    return dict(cleared(action.node.get("whereClause", {})))


def _limited(action: Action) -> list[Node]:
    """Return the queries over the same table, with a LIMIT, that pick the rows to write."""
    node = action.node
    picked = [one for one in find(node.get("whereClause", {}), "SubLink") if one.get("subLinkType") in _PICKS]
    joined = [*find(node.get("fromClause", []), "RangeSubselect"), *find(node.get("usingClause", []), "RangeSubselect")]
    named = [*find(node.get("withClause", {}), "CommonTableExpr")]
    return [one for one in (*picked, *joined, *named) if limits(one) and action.table in _tables(one)]


def _tables(tree: Node) -> set[str]:
    return {table_of(one) for one in find(tree, "RangeVar")}


def _conjuncts(where: Node) -> list[tuple[str, str]]:
    """Return (operator, column) of the tests that all must hold and compare a column with constants."""
    if where.get("BoolExpr", {}).get("boolop") == "AND_EXPR":
        return [pair for part in where["BoolExpr"]["args"] for pair in _conjuncts(part)]
    test = where.get("A_Expr", {})
    columns = column_names(test.get("lexpr", {}))
    constant = test and not column_names(test.get("rexpr", {})) and kind_of(test.get("rexpr", {})) != "SubLink"
    if len(columns) != 1 or not constant or test.get("kind") not in ("AEXPR_OP", "AEXPR_BETWEEN"):
        return []
    operator = str(test.get("name", [{}])[0].get("String", {}).get("sval", ""))
    return [(operator, columns.pop())]


@rule(
    "batch-too-large",
    _LOCK,
    BESIDE_TRAFFIC,
    ("UpdateStmt", "DeleteStmt", "InsertStmt"),
    why="{it} rows of one statement stay locked until the last one is done (and a columnstore refuses to unpack"
    " more than 100,000 in one transaction)",
    remedy="a LIMIT of some thousands{again}",
)
def batch_too_large(action: Action, known: Known) -> bool | str:
    sizes = [number(one) for one in limits(action.node)] + _widths(action, known)
    large = [one for one in sizes if one > known.lint.batch]
    return str(large[0]) if large else False


def _widths(action: Action, known: Known) -> list[int]:
    """Return how many keys lie BETWEEN two constants."""
    keys, found = known.keys(action.table), []
    for test in find(action.node.get("whereClause", {}), "A_Expr"):
        if test.get("kind") == "AEXPR_BETWEEN" and column_names(test.get("lexpr", {})) & keys:
            low, high = (number(one) for one in test["rexpr"].get("List", {}).get("items", [{}, {}]))
            found.append(high - low)
    return found


@rule(
    "not-idempotent",
    _LOSS,
    BACKFILL,
    ("UpdateStmt", "InsertStmt"),
    why="{it} is computed from itself: run again after an interruption, it changes rows a second time that were done",
    remedy="write into another column, or add a condition that a row no longer meets once it is done",
)
def not_idempotent(action: Action, known: Known) -> bool | str:
    update = action.node.get("onConflictClause", action.node)
    tested = column_names(update.get("whereClause", {}))
    for column, expression in assigned_columns(update).items():
        own = (action.table, column) in origins(expression, update, action.table)
        if own and column not in tested and not _settles(expression):
            return f"{action.table}.{column}"
    return False


def _settles(expression: Node) -> bool:
    """Return whether an expression gives the same when applied to its own result: lower(x), trim(x), coalesce(x, …)."""
    if "CoalesceExpr" in expression:
        return True
    names = [part["String"]["sval"] for part in expression.get("FuncCall", {}).get("funcname", []) if "String" in part]
    return bool(names) and names[-1] in ("lower", "upper", "btrim", "ltrim", "rtrim", "trim", "initcap", "abs")


@rule(
    "insert-twice",
    _LOSS,
    BACKFILL,
    "InsertStmt",
    why="run again after an interruption, it inserts the same rows into {table} a second time",
    remedy="ON CONFLICT DO NOTHING, or a NOT EXISTS that leaves out what is there",
)
def insert_twice(action: Action, known: Known) -> bool:
    conflict = "onConflictClause" in action.node
    absent = any(
        sub.get("subLinkType") in ("EXISTS_SUBLINK", "ANY_SUBLINK")
        for negated in find(action.node, "BoolExpr")
        if negated.get("boolop") == "NOT_EXPR"
        for sub in find(negated, "SubLink")
    )
    outer = any(join.get("jointype") == "JOIN_LEFT" for join in find(action.node, "JoinExpr"))
    return not (conflict or absent or outer)


@rule(
    "insert-unbatched",
    _LOCK,
    BACKFILL,
    "InsertStmt",
    why="all rows are copied into {table} in one transaction: an interruption loses all of it, and VACUUM waits"
    " for its end",
    remedy="INSERT … SELECT … WHERE NOT EXISTS (…) LIMIT 5000: the statement is run until nothing is left",
)
def insert_unbatched(action: Action, known: Known) -> bool:
    select = action.node.get("selectStmt", {}).get("SelectStmt", {})
    if "valuesLists" in select or "fromClause" not in select:
        return False
    source = [table_of(one) for one in find(select.get("fromClause"), "RangeVar")]
    if source and all(known.small(name) for name in source):
        return False
    return not limits({"SelectStmt": select}) and not _ranged(select, source, known)


def _ranged(select: Node, source: list[str], known: Known) -> bool:
    """Return whether a query reads only what lies between two ends of a key."""
    keys = {key for table in source for key in known.keys(table)}
    tests = {operator for operator, column in _conjuncts(select.get("whereClause", {})) if column in keys}
    return "BETWEEN" in tests or bool(tests & set(_ABOVE) and tests & set(_BELOW))


@rule(
    "row-locks",
    _LOCK,
    BESIDE_TRAFFIC,
    "SelectStmt",
    why="all rows that it reads stay locked until the transaction ends",
    remedy="add a LIMIT, or leave FOR UPDATE out",
)
def row_locks(action: Action, known: Known) -> bool:
    return "lockingClause" in action.node and "limitCount" not in action.node


rule(
    "lock-table",
    _LOCK,
    BESIDE_TRAFFIC,
    "LockStmt",
    why="everybody who needs {it} waits until the transaction ends",
    remedy="leave it out: each statement takes the lock that it needs",
)(always)


@rule(
    "refresh-locks",
    _LOCK,
    BESIDE_TRAFFIC,
    "RefreshMatViewStmt",
    why="nobody can read {table} while it is filled",
    remedy="REFRESH MATERIALIZED VIEW CONCURRENTLY (it needs a unique index), in a backfill",
)
def refresh_locks(action: Action, known: Known) -> bool:
    return not action.node.get("concurrent")


@rule(
    "refresh-fails",
    _LOSS,
    ALWAYS,
    "RefreshMatViewStmt",
    why="CONCURRENTLY fails: {it}",
    remedy="first CREATE UNIQUE INDEX of plain columns and without a WHERE on {table}, and fill it once without"
    " CONCURRENTLY while nobody reads it",
    spares_fresh=False,
)
def refresh_fails(action: Action, known: Known) -> str:
    if not action.node.get("concurrent"):
        return ""
    made = [one for one in known.of("CreateTableAsStmt", table=action.table) if one.order < action.order]
    filled = [one for one in known.of("RefreshMatViewStmt", table=action.table) if one.order < action.order]
    if made and made[-1].node.get("into", {}).get("skipData") and not filled:
        return f"{action.table} was made WITH NO DATA, and was not filled yet"
    indexes = [one for one in known.of("IndexStmt", table=action.table) if one.order < action.order]
    by_script = any(_covers_all(one.node) for one in indexes)
    there = [one for one in known.catalog.indexes.values() if one.table == action.table]
    known_one = any(one.unique and one.whole and one.valid and "" not in one.keys for one in there)
    unsure = not known.catalog.asked and not made
    return "" if by_script or known_one or unsure else f"{action.table} has no unique index that covers all rows"


def _covers_all(index: Node) -> bool:
    plain = all(one.get("IndexElem", {}).get("name") for one in index.get("indexParams", []))
    return bool(index.get("unique")) and plain and "whereClause" not in index
