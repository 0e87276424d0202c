"""Triggers that write into a table of the same series: what it demands, each write of the old release must meet."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from teal.core.judge.actions import Action
from teal.core.judge.context import Known, is_required, not_null_columns
from teal.core.judge.rule import BACKFILL, EXPAND, Nature, rule
from teal.core.judge.terms import Facts, Scope, Term, conjuncts, term
from teal.core.migrations.sql import (
    Node,
    column_names,
    constraints,
    find,
    inside,
    joined,
    kind_of,
    number,
    option,
    parse,
    table_of,
    text,
    type_of,
    words,
)

_INSERT = 4  # bit of pg_trigger.tgtype
_NUMBERS = {"int2": ("smallint",), "int4": ("smallint", "integer"), "int8": ("smallint", "integer", "bigint")}
_TEXTS = frozenset({"text", "varchar", "bpchar"})
_UNIQUE = ("CONSTR_PRIMARY", "CONSTR_UNIQUE")
_ALWAYS_OTHER = frozenset({"gen_random_uuid", "nextval", "uuid_generate_v4", "uuidv4", "uuidv7"})


@rule(
    "trigger-demands",
    Nature.LOSS,
    (EXPAND, BACKFILL),
    "CreateTrigStmt",
    why="what the release that serves writes into {table} fails where {it}",
    remedy="let the table that the trigger fills demand nothing: no UNIQUE, CHECK or foreign key, nullable columns as"
    " wide as their source, GRANT INSERT to whoever writes (or ON CONFLICT DO NOTHING, SECURITY DEFINER)",
)
def trigger_demands(action: Action, known: Known) -> bool | str:
    routine = known.function_of(action)
    if routine is None or routine.unread:
        return False
    for piece in routine.embedded:
        for statement in parse(piece.sql):
            if kind_of(statement.node) == "InsertStmt":
                for said in _demands(inside(statement.node), action, known):
                    return said
    return False


@dataclass(frozen=True)
class _Log:
    """An INSERT of a trigger and the table of the series that it goes to."""

    table: str
    insert: Node
    values: dict[str, Node]
    columns: dict[str, Node]
    facts: Facts
    action: Action
    known: Known

    def term(self, column: str) -> Term:
        return term(self.values[column], Scope({}))


def _demands(insert: Node, action: Action, known: Known) -> Iterator[str]:
    table = table_of(insert.get("relation"))
    made = next(known.of("CreateStmt", table=table), None)
    if made is None:
        return
    defined = [one["ColumnDef"] for one in made.node.get("tableElts", []) if "ColumnDef" in one]
    columns = {one["colname"]: one for one in defined}
    named = [one["ResTarget"]["name"] for one in insert.get("cols", [])] or list(columns)
    select = insert.get("selectStmt", {}).get("SelectStmt", {})
    rows = [one.get("List", {}).get("items", []) for one in select.get("valuesLists", [])]
    row = rows[0] if rows else [one.get("ResTarget", {}).get("val", {}) for one in select.get("targetList", [])]
    if len(row) > len(named) or not set(named) <= set(columns):
        yield f"{table} has not the columns that are inserted"
        return
    holds = tuple(conjuncts(term(action.node["whenClause"], Scope({})))) if "whenClause" in action.node else ()
    facts = Facts(holds, lambda scope, name: _given(scope, name, action, known))
    log = _Log(table, insert, dict(zip(named, row, strict=False)), columns, facts, action, known)
    yield from _path(log)
    yield from _rights(log)
    yield from _table(log, made)


def _table(log: _Log, made: Action) -> Iterator[str]:
    for column, definition in log.columns.items():
        yield from _column(log, column, definition)
    for one in made.node.get("tableElts", []):
        if "Constraint" in one:
            yield from _constraint(log, one["Constraint"], words(one["Constraint"].get("keys", [])))
    for index in log.known.of("IndexStmt", table=log.table):
        if index.node.get("unique"):
            yield from _unique(log, [inside(one).get("name", "") for one in index.node.get("indexParams", [])])
    for later in log.known.of("AT_AddConstraint", table=log.table):
        yield from _constraint(log, later.node["def"], words(later.node["def"].get("keys", [])))


def _given(scope: str, name: str, action: Action, known: Known) -> bool:
    there = known.column(action.table, name)
    return name.startswith("tg_") or (scope in ("new", "old") and there is not None and not there.nullable)


def _function(log: _Log) -> Node:
    name = joined(words(log.action.node.get("funcname", [])))
    made = list(log.known.of("CreateFunctionStmt", name=name))
    return made[-1].node if made else {}


def _path(log: _Log) -> Iterator[str]:
    said = option(_function(log).get("options", []), "set")
    variable = (said or {}).get("arg", {}).get("VariableSetStmt", {})
    if variable.get("name") != "search_path" or log.insert["relation"].get("schemaname"):
        return
    listed = [one.get("A_Const", {}).get("sval", {}).get("sval", "") for one in variable.get("args", [])]
    if "public" not in {name.strip() for each in listed for name in each.split(",")}:
        yield f"{log.table} is not in the search_path of the function"


def _rights(log: _Log) -> Iterator[str]:
    secure = option(_function(log).get("options", []), "security")
    if secure is not None and inside(secure.get("arg", {})).get("boolval"):
        return
    writers = log.known.catalog.writers.get(log.action.table, frozenset())
    may = _holders(log, _TABLE, log.table)
    for role in sorted(writers if "public" not in may else ()):
        if role not in may:
            yield f"{role} may not insert into {log.table}"
    for column in _numbered(log):
        use = _holders(log, _SEQUENCE, column)
        for role in sorted(writers if "public" not in use else ()):
            if role not in use:
                yield f"{role} may not use the sequence {column} of {log.table}"


def _numbered(log: _Log) -> Iterator[str]:
    """Yield the sequences that number the row: of serial columns and of defaults; an identity asks for no right."""
    for column, definition in log.columns.items():
        if column in log.values:
            continue
        if "serial" in type_of(definition.get("typeName")):
            yield f"{log.table}_{column}_seq"
        for one in constraints(definition, "CONSTR_DEFAULT"):
            for call in find(one.get("raw_expr", {}), "FuncCall"):
                if words(call.get("funcname", []))[-1:] == ["nextval"] and call.get("args"):
                    yield from _texts(call["args"][0])


def _texts(tree: Node) -> Iterator[str]:
    """Yield the string constants of an expression, such as the name in ``'numbers'::regclass``."""
    for one in find({"": tree}, "A_Const"):
        if (said := text({"A_Const": one})) is not None:
            yield said


_TABLE, _SEQUENCE = "OBJECT_TABLE", "OBJECT_SEQUENCE"
_RIGHTS = {_TABLE: {"insert"}, _SEQUENCE: {"usage", "update"}}
_DEFAULTS = {_TABLE: "table", _SEQUENCE: "sequence"}


def _holders(log: _Log, kind: str, name: str) -> set[str]:
    """Return who may insert into the table, or take numbers from the sequence, *name* of the series."""
    schema = name.rpartition(".")[0] or "public"
    defaults = log.known.catalog.default_rights
    found = set(defaults.get(_DEFAULTS[kind], ())) | set(defaults.get(f"{_DEFAULTS[kind]} {schema}", ()))
    made = next(one.order for one in log.known.of("CreateStmt", table=log.table))
    for one in log.known.of("AlterDefaultPrivilegesStmt"):
        if one.order < made:
            found |= _granted(one.node.get("action", {}), kind, name, whole=True)
    for one in log.known.of("GrantStmt"):
        found |= _granted(one.node, kind, name, whole=one.order > made)
    return found


def _granted(node: Node, kind: str, name: str, *, whole: bool) -> set[str]:
    """Return who is granted the right of *kind* on *name*; *whole*: a grant on all of them comprises it."""
    rights = {one.get("AccessPriv", {}).get("priv_name") for one in node.get("privileges", [])}
    named = {table_of(one) for one in find(node.get("objects", []), "RangeVar")}
    comprised = whole and node.get("targtype") in ("ACL_TARGET_ALL_IN_SCHEMA", "ACL_TARGET_DEFAULTS")
    if not node.get("is_grant") or node.get("objtype") != kind or not (comprised or name in named):
        return set()
    if rights and not rights & _RIGHTS[kind]:
        return set()
    return {one.get("RoleSpec", {}).get("rolename", "public") for one in node.get("grantees", [])}


def _column(log: _Log, column: str, definition: Node) -> Iterator[str]:
    for one in find(definition.get("constraints", []), "Constraint"):
        yield from _constraint(log, one, [column])
    if column not in log.values:
        if is_required(definition):
            yield f"{log.table}.{column} is NOT NULL and gets no value"
        return
    if constraints(definition, "CONSTR_NOTNULL") and not log.facts.given(log.term(column)):
        yield f"what {log.table}.{column} gets is NULL"
    if not _fits(log, log.term(column), definition.get("typeName", {})):
        yield f"what {log.table}.{column} gets does not fit its type"


def _fits(log: _Log, value: Term, wanted: Node) -> bool:
    name = type_of(wanted).rsplit(".", 1)[-1]
    size = number(wanted["typmods"][0]) if wanted.get("typmods") else 0
    there = log.known.column(log.action.table, value[2]) if value[0] == "col" and value[1] in ("new", "old") else None
    source = there.type if there else ""
    if name in _TEXTS and size:
        if value[0] == "const":
            return len(str(value[1] or "")) <= size
        if value[0] == "col" and value[2] == "tg_op":
            return size >= len("TRUNCATE")
        inner = source.partition("(")[2].partition(")")[0]
        return source.startswith("character") and inner.isdecimal() and int(inner) <= size
    if name in _NUMBERS and source:
        return source in _NUMBERS[name]
    if name == "numeric" and size and source:
        return source.replace(" ", "").startswith(f"numeric({size},") or source in ("smallint",)
    return True


def _constraint(log: _Log, one: Node, keys: list[str]) -> Iterator[str]:
    kind = one.get("contype")
    if kind in _UNIQUE:
        yield from _unique(log, keys)
    elif kind == "CONSTR_CHECK":
        yield from _checked(log, one.get("raw_expr", {}))
    elif kind in ("CONSTR_FOREIGN", "CONSTR_EXCLUSION") and table_of(one.get("pktable")) != log.action.table:
        yield f"{log.table} demands a row elsewhere, or that no row is like it"


def _checked(log: _Log, expression: Node) -> Iterator[str]:
    asked = column_names(expression) & set(log.values)
    constant = all(log.term(name)[0] == "const" or log.term(name) == ("col", "", "tg_op") for name in asked)
    needed = not_null_columns(expression)
    if (
        needed
        and needed == column_names(expression)
        and all(log.facts.given(log.term(name)) for name in needed & asked)
    ):
        return
    if not constant:
        yield f"{log.table} has a CHECK that the row does not meet"


def _unique(log: _Log, keys: list[str]) -> Iterator[str]:
    given = [log.term(name) for name in keys if name in log.values]
    if not given or len(given) < len(keys) or "onConflictClause" in log.insert:
        return
    if any(one[0] == "fn" and one[1] in _ALWAYS_OTHER for one in given):
        return
    once = log.action.node.get("events", 0) == _INSERT
    own = log.known.keys(log.action.table)
    if not (once and any(one[:2] == ("col", "new") and one[2] in own for one in given)):
        yield f"{log.table} has such a row already"
