"""Reading the parser's tree: nodes are ``{"Kind": {field: value}}``, empty and false fields are left out."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

Node = dict[str, Any]


def kind_of(node: Node) -> str:
    """Return the kind of a wrapped *node*."""
    return next(iter(node), "")


def inside(node: Node) -> Node:
    """Return the fields of a wrapped *node*."""
    fields: Any = next(iter(node.values()), {})
    return fields if isinstance(fields, dict) else {}


def find(tree: Any, *kinds: str) -> Iterator[Node]:
    """Yield the fields of every node of one of *kinds* within *tree*, outermost first."""
    if isinstance(tree, list):
        for item in tree:
            yield from find(item, *kinds)
    elif isinstance(tree, dict):
        for name, value in tree.items():
            if name in kinds and isinstance(value, dict):
                yield value
            yield from find(value, *kinds)


def words(nodes: list[Node]) -> list[str]:
    """Return the texts of a list of ``String`` nodes (an object's name)."""
    return [str(inside(node).get("sval", "")) for node in nodes if kind_of(node) == "String"]


def joined(parts: list[str]) -> str:
    """Return a name as the catalog spells it: no schema for ``public`` and ``pg_catalog``."""
    if len(parts) > 1 and parts[0] in ("public", "pg_catalog"):
        parts = parts[1:]
    return ".".join(parts)


def table_of(relation: Node | None) -> str:
    """Return the name in a ``RangeVar``'s fields; "" where there is none."""
    if not relation:
        return ""
    return joined([part for part in (relation.get("schemaname"), relation.get("relname")) if part])


def type_of(type_name: Node | None) -> str:
    """Return the name of a type, such as ``int4`` or ``shop.money``."""
    return joined(words((type_name or {}).get("names", [])))


def number(node: Node) -> int:
    """Return an integer constant; 0 is left out by the parser, and stands for what is no constant too."""
    value = node.get("A_Const", {}).get("ival", {}).get("ival", 0)
    return int(value)


def text(node: Node | None) -> str | None:
    """Return a string constant, or None for anything else."""
    value = (node or {}).get("A_Const", {}).get("sval", {})
    return str(value["sval"]) if "sval" in value else None


def option(options: list[Node], name: str, namespace: str = "") -> Node | None:
    """Return the ``DefElem`` *name* of *options*, or None."""
    for one in find(options, "DefElem"):
        if one.get("defname") == name and spelled(one.get("defnamespace", "")) == namespace:
            return one
    return None


def spelled(namespace: str) -> str:
    """Return the namespace of an option as it is spelled out: ``tsdb`` is short for ``timescaledb``."""
    return "timescaledb" if namespace == "tsdb" else namespace


def function_names(tree: Any) -> list[str]:
    """Return the names of all functions that *tree* calls."""
    return [joined(words(call.get("funcname", []))) for call in find(tree, "FuncCall", "funccall")]


def column_names(tree: Any) -> set[str]:
    """Return the last part of every column that *tree* mentions."""
    return {parts[-1] for ref in find(tree, "ColumnRef") if (parts := words(ref.get("fields", [])))}


def constraints(column: Node, *kinds: str) -> list[Node]:
    """Return the constraints of a ``ColumnDef`` that are of one of *kinds* (``CONSTR_…``)."""
    return [one for one in find(column.get("constraints", []), "Constraint") if one.get("contype") in kinds]
