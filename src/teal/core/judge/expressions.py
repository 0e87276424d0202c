"""Whether an expression of an index can fail for a row, or can't be indexed at all, by the types of its columns."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from teal.core.migrations.sql import Node, function_names, inside, joined, kind_of, type_of, words

_TEXTS = ("text", "varchar", "bpchar", "name")
_WIDER = {
    "int2": ("int4", "int8", "numeric", "float4", "float8"),
    "int4": ("int8", "numeric", "float8", "bool"),
    "int8": ("numeric", "float8"),
    "float4": ("float8", "numeric"),
    "bool": ("int4",),
    "timestamp": ("date", "time"),
    "date": ("timestamp",),
    "json": ("jsonb",),
    "jsonb": ("json",),
    "cidr": ("inet",),
    "macaddr": ("macaddr8",),
    "time": ("interval",),
}
# Their text depends on how the session writes it: no index takes that.
_BY_SESSION = ("timestamp", "timestamptz", "date", "time", "timetz", "interval")
_ZONED = ("timestamptz", "timetz")
_NUMBERS = ("int2", "int4", "int8", "numeric", "float4", "float8")
_SPELLED = {
    "smallint": "int2",
    "integer": "int4",
    "bigint": "int8",
    "real": "float4",
    "double precision": "float8",
    "boolean": "bool",
    "character varying": "varchar",
    "character": "bpchar",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "time without time zone": "time",
    "time with time zone": "timetz",
}
# Functions that take all values of their types; each with what it gives, "" for the type of its argument.
_SAFE = {
    "text": "lower upper initcap btrim ltrim rtrim trim md5 left right lpad rpad substr substring replace translate"
    " reverse split_part strpos jsonb_extract_path_text json_extract_path_text jsonb_typeof json_typeof regexp_replace"
    " quote_literal quote_ident to_hex host",
    "int4": "length char_length character_length octet_length bit_length position ascii hashtext array_length"
    " cardinality date_part",
    "numeric": "extract",
    "": "coalesce abs date_trunc date_bin greatest least nullif sign round trunc floor ceil ceiling array_remove"
    " array_append jsonb_extract_path json_extract_path timezone",
    "other": "to_tsvector setweight isfinite array_to_tsvector jsonb_strip_nulls int4range tsvector_to_array",
}
_GIVES = {name: gives for gives, names in _SAFE.items() for name in names.split()}
_OPERATORS = """
= <> != < <= > >= || ~~ !~~ ~~* !~~* ~ !~ ~* !~* -> ->> #> #>> @> <@ && ? ?| ?& | & # << >> -|- @@ ^@
"""
_TOTAL = frozenset(_OPERATORS.split())
_PATTERNS = frozenset(["~~", "!~~", "~~*", "!~~*", "~", "!~", "~*", "!~*"])
_IMPOSSIBLE = (
    "int4range",
    "int8range",
    "numrange",
    "daterange",
    "tsrange",
    "tstzrange",
)  # the ends may be the wrong way


def named(spelled: str) -> str:
    """Return the own name of a type that the database spells *spelled*."""
    before, _, rest = spelled.partition("(")
    return _SPELLED.get(" ".join((before + rest.partition(")")[2]).split()), before.strip())


def risk(expression: Node, types: Mapping[str, str]) -> str:
    """Return what in *expression* may fail for a row of columns of *types*; "" where nothing can."""
    return _look(expression, types)[0]


def _look(node: Node, types: Mapping[str, str]) -> tuple[str, str]:
    """Return what may fail, and the type of *node* as far as it is known."""
    kind, fields = kind_of(node), inside(node)
    if kind == "ColumnRef":
        return "", types.get((words(fields.get("fields", [])) or [""])[-1], "")
    if kind == "A_Const":
        return "", _constant(fields)
    if kind == "TypeCast":
        return _cast(fields, types)
    if kind == "FuncCall":
        return _call(fields, types)
    if kind == "A_Expr":
        return _operation(fields, types)
    if kind == "SQLValueFunction":
        return "the time or the user of the session, which no index takes", ""
    parts = [_look(one, types) for one in _children(fields)]
    said = next((found for found, _ in parts if found), "")
    same = parts[0][1] if parts and kind in ("CoalesceExpr", "MinMaxExpr", "CollateClause") else ""
    return said, "bool" if kind in ("NullTest", "BoolExpr", "BooleanTest") else same


def _constant(fields: Node) -> str:
    kinds = {"ival": "int4", "fval": "numeric", "boolval": "bool"}
    return next((kinds[key] for key in fields if key in kinds), "constant")


def _children(tree: Any) -> list[Node]:
    """Return the nodes right within *tree*."""
    if isinstance(tree, list):
        return [one for item in tree for one in _children(item)]
    if not isinstance(tree, dict):
        return []
    return [
        one for name, value in tree.items() for one in ([{name: value}] if name[:1].isupper() else _children(value))
    ]


def _is_never_zero(node: Node) -> bool:
    """Return whether *node* is nullif(x, 0)."""
    test = node.get("A_Expr", {})
    zero = test.get("rexpr", {}).get("A_Const", {"isnull": True})
    return test.get("kind") == "AEXPR_NULLIF" and not (set(zero) - {"ival", "location"}) and not zero.get("ival")


def _is_constant(node: Node) -> bool:
    return "ColumnRef" not in str(node) and not function_names(node)


def _cast(fields: Node, types: Mapping[str, str]) -> tuple[str, str]:
    target = type_of(fields.get("typeName"))
    if _is_constant(fields.get("arg", {})):
        return "", target
    said, source = _look(fields["arg"], types)
    return said or _cast_risk(source, target), target


def _cast_risk(source: str, target: str) -> str:
    if target in _TEXTS:
        return f"a cast of {source} to {target}, which depends on the session" if source in _BY_SESSION else ""
    fits = target in (source, *_WIDER.get(source, ())) or (source == "constant")
    return "" if fits and source else f"a cast to {target}"


def _call(fields: Node, types: Mapping[str, str]) -> tuple[str, str]:
    name = joined(words(fields.get("funcname", []))).rpartition(".")[2]
    arguments = fields.get("args", [])
    parts = [_look(one, types) for one in arguments]
    said = next((found for found, _ in parts if found), "")
    given = next((one for node, (_, one) in zip(arguments, parts, strict=True) if not _is_constant(node)), "")
    if name in ("date", "int8", "int4", "float8", "numeric", "text") and len(arguments) == 1:
        return said or _cast_risk(given, name), name
    if name not in _GIVES or name in _IMPOSSIBLE:
        return said or f"{name}()", ""
    if name in ("date_trunc", "extract", "date_part") and given in _ZONED:
        said = said or f"{name}() of a {given}, which depends on the session"
    if name in ("substr", "substring", "split_part", "lpad", "rpad", "array_length", "regexp_replace"):
        loose = [one for one in arguments[1:] if not _is_constant(one)]
        said = said or (f"{name}() with a length or a pattern of the row" if loose else "")
    return said, _GIVES[name] or given


def _operation(fields: Node, types: Mapping[str, str]) -> tuple[str, str]:
    left, right = fields.get("lexpr", {}), fields.get("rexpr", {})
    parts = [_look(one, types) for one in (left, *(right.get("List", {}).get("items", [right]))) if one]
    said = next((found for found, _ in parts if found), "")
    given = next((one for _, one in parts if one), "")
    operator = (words(fields.get("name", [])) or [""])[-1]
    if said or fields.get("kind") in (
        "AEXPR_DISTINCT",
        "AEXPR_NOT_DISTINCT",
        "AEXPR_IN",
        "AEXPR_BETWEEN",
        "AEXPR_NULLIF",
    ):
        return said, given
    if operator in _TOTAL or _is_constant({"A_Expr": fields}):
        patterns = operator in _PATTERNS and not _is_constant(right)
        return (f"a pattern of the row ({operator})" if patterns else ""), "text" if operator in (
            "||",
            "->>",
            "#>>",
        ) else ""
    if operator in ("/", "%"):
        divisor = right.get("A_Const", {})
        safe = bool(divisor.get("ival", {}).get("ival") or divisor.get("fval", {}).get("fval", "").strip("0."))
        exact = all(one in ("int2", "int4", "int8", "numeric", "constant") for _, one in parts)
        safe = safe or (_is_never_zero(right) and exact)
        return "" if safe else f"{operator}, which fails for 0", given
    return f"{operator}, which may be out of range", given
