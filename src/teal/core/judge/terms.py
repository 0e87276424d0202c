"""Expressions as terms that can be compared, and what follows from them: is it NULL, is it the same, can it be true.

A term is a tuple whose first word says what it is; columns carry the table that they are of, so that two names for one
table give one term.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from teal.core.judge.functions import plain
from teal.core.migrations.sql import Node, inside, joined, kind_of, table_of, type_of, words

Term = tuple[Any, ...]
NULL: Term = ("const", None)
_STRICT = frozenset(["+", "-", "*", "/", "%", "||", "=", "<>", "<", ">", "<=", ">=", "~~", "!~~", "~~*", "~", "~*"])
_COMPARES: Mapping[str, Callable[[Any, Any], bool]] = {
    "=": lambda a, b: a == b,
    "<>": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    ">": lambda a, b: a > b,
    "<=": lambda a, b: a <= b,
    ">=": lambda a, b: a >= b,
}
_TWICE = "lower upper btrim ltrim rtrim trim initcap abs floor ceil ceiling"  # is as once
_MORE = """
transaction_timestamp statement_timestamp length char_length octet_length replace translate reverse repeat left right
lpad rpad md5 round trunc sign mod date_trunc to_char to_jsonb to_json jsonb_build_object json_build_object
jsonb_build_array json_build_array make_interval to_tsvector hashtext ascii chr quote_ident quote_literal array_append
split_part encode decode power timezone
"""
_SURE = "concat concat_ws now gen_random_uuid clock_timestamp nextval random"
_ONCE, _ALWAYS_GIVES = frozenset(_TWICE.split()), frozenset(_SURE.split())
_GIVES = _ONCE | _ALWAYS_GIVES | frozenset(_MORE.split())  # of what is not NULL they make what is not NULL


@dataclass
class Scope:
    """What names mean within one query: a table's name, or what a query within it selects."""

    columns: Mapping[str, Iterable[str]]  # of all tables, as far as the database says
    tables: dict[str, str] = field(default_factory=dict)  # alias -> table
    queries: dict[str, dict[str, Term]] = field(default_factory=dict)  # alias -> its columns

    def column(self, parts: list[str]) -> Term:
        """Return what a name means."""
        name = parts[-1]
        if len(parts) > 1:
            if parts[-2] in self.queries:
                return self.queries[parts[-2]].get(name, ("col", parts[-2], name))
            return ("col", self.tables.get(parts[-2], parts[-2]), name)
        known = [table for table in self.tables.values() if name in self.columns.get(table, ())]
        if len(set(known)) == 1:
            return ("col", known[0], name)
        within = [each[name] for each in self.queries.values() if name in each]
        if within and not self.tables:
            return within[0]
        return ("col", next(iter(self.tables.values()), ""), name)


def scope_of(froms: list[Node], columns: Mapping[str, Iterable[str]], queries: Mapping[str, Node]) -> Scope:
    """Return the scope of a FROM; *queries* are those of its WITH, by name."""
    found = Scope(columns)
    for one in _sources(froms):
        name = one.get("alias", {}).get("aliasname", "")
        if "subquery" in one:
            found.queries[name] = _selected(one, columns)
        elif one.get("relname") in queries:
            found.queries[name or one["relname"]] = _selected({"subquery": queries[one["relname"]]}, columns)
        else:
            found.tables[name or one.get("relname", "")] = table_of(one)
    return found


def _sources(froms: Iterable[Node]) -> Iterable[Node]:
    for one in froms:
        kind, fields = kind_of(one), inside(one)
        if kind == "JoinExpr":
            yield from _sources([fields.get("larg", {}), fields.get("rarg", {})])
        elif kind in ("RangeVar", "RangeSubselect"):
            yield fields


def join_conditions(froms: Iterable[Node]) -> list[Node]:
    """Return what the inner joins of a FROM demand."""
    found = []
    for one in froms:
        if kind_of(one) == "JoinExpr":
            fields = inside(one)
            found += join_conditions([fields.get("larg", {}), fields.get("rarg", {})])
            if fields.get("jointype") == "JOIN_INNER" and "quals" in fields:
                found.append(fields["quals"])
    return found


def _selected(one: Node, columns: Mapping[str, Iterable[str]]) -> dict[str, Term]:
    select = one["subquery"].get("SelectStmt", {})
    scope = scope_of(select.get("fromClause", []), columns, {})
    found: dict[str, Term] = {}
    for target in select.get("targetList", []):
        value = target.get("ResTarget", {}).get("val", {})
        parts = words(value.get("ColumnRef", {}).get("fields", []))
        name = target["ResTarget"].get("name") or (parts[-1] if parts else "")
        found[name] = term(value, scope)
    return found


def term(node: Node, scope: Scope) -> Term:
    """Return *node* as a term."""
    kind, fields = kind_of(node), inside(node)
    make = _MAKERS.get(kind)
    return make(fields, scope) if make else ("raw", _bare(node))


def _const(fields: Node, scope: Scope) -> Term:
    del scope
    if fields.get("isnull"):
        return NULL
    for key, cast in (("ival", int), ("fval", float), ("sval", str), ("boolval", bool)):
        if key in fields:
            return ("const", cast(fields[key].get(key, 0)))
    return ("raw", _bare(fields))


def _expr(fields: Node, scope: Scope) -> Term:
    kind, name = fields.get("kind"), words(fields.get("name", []))[-1:]
    left = term(fields.get("lexpr", {}), scope) if "lexpr" in fields else ("none",)
    if kind in ("AEXPR_IN", "AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN"):
        items = [term(one, scope) for one in fields["rexpr"].get("List", {}).get("items", [])]
        if kind == "AEXPR_IN":
            inner: Term = ("in", left, tuple(items))
            return inner if name == ["="] else ("not", inner)
        both: Term = ("and", ("op", ">=", left, items[0]), ("op", "<=", left, items[1]))
        return both if kind == "AEXPR_BETWEEN" else ("not", both)
    right = term(fields.get("rexpr", {}), scope)
    made: dict[str, Term] = {
        "AEXPR_DISTINCT": ("distinct", left, right),
        "AEXPR_NOT_DISTINCT": ("not", ("distinct", left, right)),
        "AEXPR_NULLIF": ("nullif", left, right),
    }
    if kind == "AEXPR_OP_ANY" and name == ["="] and right[0] == "array":
        return ("in", left, right[1])
    operator = {"!=": "<>"}.get(name[0], name[0]) if name else ""
    plainly = kind in ("AEXPR_OP", "AEXPR_LIKE", "AEXPR_ILIKE")
    return made.get(str(kind), ("op" if plainly else str(kind), operator, left, right))


def _bool(fields: Node, scope: Scope) -> Term:
    parts = tuple(term(one, scope) for one in fields.get("args", []))
    return {"AND_EXPR": ("and", *parts), "OR_EXPR": ("or", *parts)}.get(fields.get("boolop", ""), ("not", *parts))


def _boolean_test(fields: Node, scope: Scope) -> Term:
    of, test = term(fields.get("arg", {}), scope), fields.get("booltesttype", "")
    value = {"IS_TRUE": True, "IS_NOT_TRUE": True, "IS_FALSE": False, "IS_NOT_FALSE": False}.get(test)
    distinct: Term = ("distinct", of, ("const", value))
    return distinct if "NOT" in test or test == "IS_NOT_UNKNOWN" else ("not", distinct)


def _case(fields: Node, scope: Scope) -> Term:
    arms = [inside(one) for one in fields.get("args", [])]
    of = term(fields["arg"], scope) if "arg" in fields else None
    conditions = [term(one.get("expr", {}), scope) for one in arms]
    tests = [("op", "=", of, one) if of is not None else one for one in conditions]
    results = [term(one.get("result", {}), scope) for one in arms]
    last = term(fields["defresult"], scope) if "defresult" in fields else NULL
    return ("case", tuple(zip(tests, results, strict=True)), last)


def _call(fields: Node, scope: Scope) -> Term:
    return (
        "fn",
        plain(joined(words(fields.get("funcname", [])))),
        *(term(one, scope) for one in fields.get("args", [])),
    )


def _cast(fields: Node, scope: Scope) -> Term:
    return ("cast", type_of(fields.get("typeName")), term(fields.get("arg", {}), scope))


def _null_test(fields: Node, scope: Scope) -> Term:
    inner: Term = ("isnull", term(fields.get("arg", {}), scope))
    return inner if fields.get("nulltesttype") == "IS_NULL" else ("not", inner)


_MAKERS: Mapping[str, Callable[[Node, Scope], Term]] = {
    "A_Const": _const,
    "A_Expr": _expr,
    "BoolExpr": _bool,
    "BooleanTest": _boolean_test,
    "CaseExpr": _case,
    "FuncCall": _call,
    "TypeCast": _cast,
    "NullTest": _null_test,
    "ColumnRef": lambda fields, scope: scope.column(words(fields.get("fields", [])) or ["*"]),
    "CoalesceExpr": lambda fields, scope: ("coalesce", *(term(one, scope) for one in fields.get("args", []))),
    "MinMaxExpr": lambda fields, scope: (
        "most",
        fields.get("op"),
        *(term(one, scope) for one in fields.get("args", [])),
    ),
    "A_ArrayExpr": lambda fields, scope: ("array", tuple(term(one, scope) for one in fields.get("elements", []))),
    "SQLValueFunction": lambda _fields, _scope: ("fn", "now"),
}


def _bare(node: Any) -> str:
    """Return a tree as text, without places in the file."""
    if isinstance(node, dict):
        return "{" + ",".join(f"{key}:{_bare(value)}" for key, value in node.items() if key != "location") + "}"
    if isinstance(node, list):
        return "[" + ",".join(map(_bare, node)) + "]"
    return repr(node)


# --- what follows


def conjuncts(of: Term) -> list[Term]:
    """Return the terms that all must hold where *of* does."""
    return [each for part in of[1:] for each in conjuncts(part)] if of[0] == "and" else [of]


def replaced(of: Any, by: Mapping[Term, Term]) -> Any:
    """Return *of* with columns exchanged."""
    if isinstance(of, tuple):
        return by[of] if of in by else tuple(replaced(each, by) for each in of)
    return of


def same(one: Term, other: Term) -> bool:
    """Return whether two terms are sure to be the same value."""
    return simple(one) == simple(other) and "random" not in repr(one)


def simple(of: Term) -> Term:
    """Return a term without what changes nothing: a cast or a lower() of what has been through it already."""
    if not isinstance(of, tuple):
        return of
    of = tuple(simple(each) for each in of)
    if of and of[0] == "cast" and of[2][0] == "cast" and of[1] == of[2][1]:
        return of[2]  # type: ignore[no-any-return]
    if of[:2] == ("fn", "replace") and len(of) == 5 and of[2][:2] == ("fn", "replace") and of[2][3:] == of[3:]:
        return of[2] if _settles(of) else of
    chain, base = _chain(of)
    half = len(chain) // 2
    if half and len(chain) % 2 == 0 and chain[:half] == chain[half:]:
        for name in reversed(chain[:half]):
            base = ("fn", name, base)
        return base
    return of


def _chain(of: Term) -> tuple[list[str], Term]:
    found = []
    while of[:1] == ("fn",) and len(of) == 3 and of[1] in _ONCE:
        found.append(of[1])
        of = of[2]
    return found, of


def _settles(of: Term) -> bool:
    """Return whether a replace() leaves nothing that it would replace."""
    old, new = of[3], of[4]
    return old[0] == new[0] == "const" and isinstance(old[1], str) and old[1] not in str(new[1])


@dataclass(frozen=True)
class Facts:
    """What is known of the rows: *holds* is true of each, *required* says which columns can't be NULL."""

    holds: tuple[Term, ...]
    required: Callable[[str, str], bool]

    def given(self, of: Term) -> bool:
        """Return whether *of* is sure not to be NULL."""
        if any(_implies(each, of) for each in self.holds):
            return True
        ask = _GIVEN.get(of[0])
        return ask is not None and ask(self, of)

    def never(self, of: Term) -> bool:
        """Return whether *of* is sure not to be true."""
        ask = _NEVER.get(of[0])
        return ask is not None and ask(self, of)

    def always(self, of: Term) -> bool:
        """Return whether *of* is sure to be true."""
        ask = _ALWAYS.get(of[0])
        return ask is not None and ask(self, of)


def _op_given(facts: Facts, of: Term) -> bool:
    return of[1] in _STRICT and all(facts.given(each) for each in of[2:] if each != ("none",))


def _fn_given(facts: Facts, of: Term) -> bool:
    return of[1] in _ALWAYS_GIVES or (of[1] in _GIVES and all(facts.given(each) for each in of[2:]))


def _one_given(facts: Facts, of: Term) -> bool:
    return any(facts.given(each) for each in of[1:] if isinstance(each, tuple))


def _all_given(facts: Facts, of: Term) -> bool:
    return all(facts.given(each) for each in of[1:])


def _op_never(facts: Facts, of: Term) -> bool:
    del facts
    _, operator, left, right = of
    if NULL in (left, right) and operator in _STRICT:
        return True
    if operator in ("<>", "<", ">") and same(left, right):
        return True
    if operator == "~~" and left[:2] == ("fn", "replace") and _settles(left) and right[0] == "const":
        return str(left[3][1]) in str(right[1]).strip("%")
    return compared(operator, left, right) is False


def _op_always(facts: Facts, of: Term) -> bool:
    _, operator, left, right = of
    if operator in ("=", "<=", ">=") and same(left, right):
        return facts.given(left)
    return compared(operator, left, right) is True


def _in_never(facts: Facts, of: Term) -> bool:
    del facts
    return bool(of[1] == NULL) or all(compared("=", of[1], each) is False for each in of[2])


_Ask = Callable[[Facts, Term], bool]
_GIVEN: Mapping[str, _Ask] = {
    "const": lambda _facts, of: of[1] is not None,
    "col": lambda facts, of: facts.required(of[1], of[2]),
    "op": _op_given,
    "fn": _fn_given,
    "coalesce": _one_given,
    "most": _one_given,
    "case": lambda facts, of: facts.given(of[2]) and all(facts.given(result) for _, result in of[1]),
    "cast": lambda facts, of: facts.given(of[2]),
    "and": _all_given,
    "or": _all_given,
    "not": _all_given,
    "isnull": lambda _facts, _of: True,
    "distinct": lambda _facts, _of: True,
    "array": lambda _facts, _of: True,
}
_NEVER: Mapping[str, _Ask] = {
    "const": lambda _facts, of: not of[1],
    "and": lambda facts, of: any(facts.never(each) for each in of[1:]),
    "or": lambda facts, of: all(facts.never(each) for each in of[1:]),
    "not": lambda facts, of: facts.always(of[1]),
    "isnull": lambda facts, of: facts.given(of[1]),
    "distinct": lambda _facts, of: same(of[1], of[2]),
    "in": _in_never,
    "op": _op_never,
}
_ALWAYS: Mapping[str, _Ask] = {
    "const": lambda _facts, of: bool(of[1]),
    "and": lambda facts, of: all(facts.always(each) for each in of[1:]),
    "or": lambda facts, of: any(facts.always(each) for each in of[1:]),
    "not": lambda facts, of: facts.never(of[1]) and facts.given(of[1]),
    "isnull": lambda _facts, of: bool(of[1] == NULL),
    "distinct": lambda _facts, of: compared("<>", of[1], of[2]) is True,
    "in": lambda _facts, of: any(compared("=", of[1], each) is True for each in of[2]),
    "op": _op_always,
}


def compared(operator: str, left: Term, right: Term) -> bool | None:
    """Return what a comparison of two constants says; None where it isn't one."""
    left, right = _constant(left), _constant(right)
    if left[0] != "const" or right[0] != "const" or operator not in _COMPARES or None in (left[1], right[1]):
        return None
    numbers = all(isinstance(each[1], (int, float)) for each in (left, right))
    if not numbers and type(left[1]) is not type(right[1]):
        return None
    if not numbers and operator not in ("=", "<>"):
        return None  # the order of texts is the server's
    return _COMPARES[operator](left[1], right[1])


def _constant(of: Term) -> Term:
    return _constant(of[2]) if of[0] == "cast" else of


def _implies(holds: Term, of: Term) -> bool:
    """Return whether *of* can't be NULL where *holds* is true."""
    kind = holds[0]
    if kind == "not" and holds[1][0] == "isnull":
        return of in _needed(holds[1][1])
    if kind == "op" and holds[1] in _STRICT:
        return any(of in _needed(each) for each in holds[2:])
    if kind == "in":
        return of in _needed(holds[1])
    if kind == "or":
        return all(_implies(each, of) for each in holds[1:])
    return kind == "and" and any(_implies(each, of) for each in holds[1:])


def _needed(of: Term) -> set[Term]:
    """Return what can't be NULL where *of* isn't."""
    found = {of}
    if of[0] == "op" and of[1] in _STRICT:
        found |= {one for each in of[2:] for one in _needed(each)}
    if of[0] == "fn" and of[1] in _GIVES:
        found |= {one for each in of[2:] for one in _needed(each)}
    if of[0] == "cast":
        found |= _needed(of[2])
    return found
