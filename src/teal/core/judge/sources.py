"""Which columns of which tables an expression of a statement is computed from, through its FROM and its WITH."""

from __future__ import annotations

from teal.core.migrations.sql import Node, find, inside, kind_of, table_of, words

_DEPTH = 5  # of queries within queries


def sources_of(node: Node) -> dict[str, Node]:
    """Return what a statement reads by its own names: tables (``RangeVar``), queries and functions, WITH looked up."""
    named = {one["ctename"]: one.get("ctequery", {}) for one in find(node.get("withClause", {}), "CommonTableExpr")}
    found: dict[str, Node] = {}
    for item in _items([*node.get("fromClause", []), *node.get("usingClause", [])]):
        fields = inside(item)
        alias = fields.get("alias", {}).get("aliasname") or fields.get("relname", "")
        is_named = kind_of(item) == "RangeVar" and fields.get("relname") in named
        found[alias] = named[fields["relname"]] if is_named else fields.get("subquery", item)
    return found


def _items(froms: list[Node]) -> list[Node]:
    """Return the single sources of a FROM, its joins taken apart."""
    found = []
    for item in froms:
        join = item.get("JoinExpr")
        found += _items([join.get("larg", {}), join.get("rarg", {})]) if join else [item]
    return found


def origins(expression: Node, node: Node, table: str = "", depth: int = 0) -> set[tuple[str, str]]:
    """Return (table, column) of all that *expression* of the statement *node* is computed from.

    *table* is the one that is written; a name without a table may be of each that is in sight.
    """
    sources = sources_of(node)
    relation = node.get("relation", {})
    if table:
        own = relation.get("alias", {}).get("aliasname") or relation.get("relname") or table.rpartition(".")[2]
        sources = {**sources, own: {"RangeVar": relation} if relation else {"RangeVar": {"relname": table}}}
    found: set[tuple[str, str]] = set()
    for one in find(expression, "ColumnRef"):
        parts = words(one.get("fields", []))
        if parts and parts[0] != "excluded":
            at = [sources[parts[-2]]] if len(parts) > 1 and parts[-2] in sources else list(sources.values())
            at = at if len(parts) == 1 or parts[-2] in sources else []
            for source in at:
                found |= _of(source, parts[-1], depth)
    return found


def _of(source: Node, column: str, depth: int) -> set[tuple[str, str]]:
    if kind_of(source) == "RangeVar":
        return {(table_of(source["RangeVar"]), column)}
    if kind_of(source) != "SelectStmt" or depth > _DEPTH:
        return set()
    select, found = source["SelectStmt"], set()
    for target in (one.get("ResTarget", {}) for one in select.get("targetList", [])):
        value = target.get("val", {})
        last = words(value.get("ColumnRef", {}).get("fields", []))[-1:]
        star = any("A_Star" in one for one in value.get("ColumnRef", {}).get("fields", []))
        if target.get("name") == column or (not target.get("name") and last == [column]):
            found |= origins(value, select, depth=depth + 1)
        elif star:
            for each in sources_of(select).values():
                found |= _of(each, column, depth + 1)
    return found
