"""What the bodies of triggers that stay use: PostgreSQL keeps no dependency of a body, so a DROP leaves it broken."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress

from teal.core.judge.actions import Action
from teal.core.judge.context import Known
from teal.core.judge.routines import Embedded, Routine, read_trigger_body
from teal.core.judge.rule import CONTRACT, WINDOW, Nature, rule
from teal.core.migrations.sql import (
    Node,
    Unreadable,
    column_names,
    find,
    function_names,
    joined,
    parse,
    table_of,
    words,
)

_COMMENTS = re.compile(r"--[^\n]*|/\*.*?\*/", re.S)
_TEXTS = re.compile(r"'(?:[^']|'')*'")
_RELATIONS = ("RangeVar", "relation")  # within FROM, and as the target of a write
_DEPTH = 5  # of functions that call functions


@rule(
    "trigger-needs-it",
    Nature.LOSS,
    (CONTRACT, WINDOW),
    (
        "DROP_TABLE",
        "DROP_VIEW",
        "DROP_MATVIEW",
        "DROP_FUNCTION",
        "DROP_PROCEDURE",
        "DROP_ROUTINE",
        "DROP_SEQUENCE",
        "DROP_TYPE",
        "DROP_DOMAIN",
        "AT_DropColumn",
    ),
    why="{it} still uses it: from then on every write that runs that trigger fails",
    remedy="drop that trigger in the same file, before it; or replace its function by one that does without",
    spares_fresh=False,
)
def trigger_needs_it(action: Action, known: Known) -> bool | str:
    own = action.kind == "AT_DropColumn"  # triggers of that table are asked by sync-trigger-left
    for table, name, body in _staying(action, known):
        if not (own and table == action.table) and any(
            _uses(each, action, known) for each in _with_called(body, known)
        ):
            return f"the function of the trigger {name} of {table}"
    return False


def uses_column(routine: Routine, table: str, column: str, known: Known, *, of_row: bool) -> bool:
    """Return whether a body uses *column* of *table*; *of_row*: its NEW and OLD are rows of that table."""
    if routine.unread:
        return routine.mentions(column)
    own = rf'(?<![\w.])(?:new|old)\s*\.\s*"?{re.escape(column)}"?(?!\w)'
    if of_row and re.search(own, _bare(routine), re.I):
        return True
    return any(_in_statement(tree, table, column, known) for tree in _trees(routine))


def _staying(action: Action, known: Known) -> Iterator[tuple[str, str, Routine]]:
    """Yield table, name and body of the triggers that are there when *action* is done."""
    found = [(table, one.name, one.function, -1) for table, all_ in known.catalog.triggers.items() for one in all_]
    made = [one for one in known.of("CreateTrigStmt") if one.order < action.order]
    found += [(one.table, one.name, joined(words(one.node.get("funcname", []))), one.order) for one in made]
    for table, name, function, since in found:
        drops = (*known.of("DROP_TRIGGER", table=table, name=name), *known.of("DROP_TABLE", table=table))
        if any(since < one.order and (one.order <= action.order or _together(one, action)) for one in drops):
            continue
        body = _body(function, table, name, action, known)
        if body is not None:
            yield table, name, body


def _together(one: Action, other: Action) -> bool:
    return one.script is other.script and one.transaction == other.transaction


def _body(function: str, table: str, name: str, action: Action, known: Known) -> Routine | None:
    """Return the body of *function* as it is before *action*: by the scripts, else by the database."""
    made = [one for one in known.of("CreateFunctionStmt", name=function) if one.order < action.order]
    if made:
        return made[-1].routine
    bodies = [one.body for one in known.catalog.triggers.get(table, ()) if one.name == name]
    return read_trigger_body(bodies[0]) if bodies else None


def _with_called(body: Routine, known: Known) -> list[Routine]:
    """Return *body* and those of the functions that it calls, and that these call."""
    found, names, now = [body], set[str](), [body]
    for _ in range(_DEPTH):
        called = {name for one in now for tree in _trees(one) for name in function_names(tree)} - names
        names |= called
        now = [each for name in sorted(called) for each in _bodies(name, known)]
        found += now
    return found


def _bodies(name: str, known: Known) -> list[Routine]:
    made = known.routine(name)
    if made is not None:
        return [made]
    return [_either(source) for source in known.catalog.bodies.get(name, ())]


def _either(source: str) -> Routine:
    """Return a body of the database, in whichever of the two languages it reads."""
    plain = read_trigger_body(source)
    if not plain.unread:
        return plain
    return Routine((Embedded(source, 1),), text=source)


def _trees(routine: Routine) -> Iterator[Node]:
    for piece in routine.embedded:
        with suppress(Unreadable):  # then the body is refused, or was never run
            yield from (statement.node for statement in parse(piece.sql))


def _bare(routine: Routine) -> str:
    """Return the body without comments and, where all of it can be read, without texts."""
    text = _COMMENTS.sub(" ", routine.text)
    return text if routine.unread else _TEXTS.sub(" ", text)


def _uses(routine: Routine, action: Action, known: Known) -> bool:
    kind = action.kind
    if kind == "AT_DropColumn":
        return uses_column(routine, action.table, action.name, known, of_row=False)
    name = (action.table or action.name).rsplit(".", 1)[-1]
    if routine.unread:
        return routine.mentions(name)
    if kind in ("DROP_TABLE", "DROP_VIEW", "DROP_MATVIEW"):
        named = {table_of(one) for tree in _trees(routine) for one in find({"": tree}, *_RELATIONS)}
        return bool({action.table, name} & named) or _typed(routine, name)
    if kind in ("DROP_FUNCTION", "DROP_PROCEDURE", "DROP_ROUTINE"):
        return any(_calls(tree, action) for tree in _trees(routine))
    if kind == "DROP_SEQUENCE":
        return _named(name, _COMMENTS.sub(" ", routine.text))
    return _named(name, _bare(routine))


def _named(name: str, text: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text, re.I) is not None


def _typed(routine: Routine, table: str) -> bool:
    """Return whether a variable has the type of a row, or of a column, of *table*."""
    return re.search(rf'(?<!\w){re.escape(table)}"?(?:\."?\w+"?)?\s*%\s*(?:row)?type', routine.text, re.I) is not None


def _calls(tree: Node, action: Action) -> bool:
    """Return whether *tree* calls the function that goes, by its name and number of arguments."""
    most = _arguments(action)
    for call in find(tree, "FuncCall", "funccall"):
        named = joined(words(call.get("funcname", [])))
        if named in (action.name, action.name.rsplit(".", 1)[-1]) and len(call.get("args", [])) <= most:
            return True
    return False


def _arguments(action: Action) -> int:
    """Return how many arguments the dropped function takes, as the DROP names it."""
    for one in find(action.node.get("objects", []), "ObjectWithArgs"):
        if joined(words(one.get("objname", []))) == action.name and not one.get("args_unspecified"):
            return len(one.get("objargs", []))
    return 100


def _in_statement(tree: Node, table: str, column: str, known: Known) -> bool:
    """Return whether a statement names *column* of *table*, or counts on the number of its columns."""
    aliases = {
        one.get("alias", {}).get("aliasname", one.get("relname", "")): table_of(one)
        for one in find({"": tree}, *_RELATIONS)
    }
    if table not in aliases.values():
        return False
    for ref in find(tree, "ColumnRef"):
        parts = words(ref.get("fields", []))
        if parts[-1:] == [column] and (len(parts) == 1 or aliases.get(parts[-2]) == table):
            return True
    for kind in ("InsertStmt", "UpdateStmt"):
        for write in find({"": tree}, kind):
            if table_of(write.get("relation")) == table and _is_target(kind, write, table, column, known):
                return True
    return False


def _is_target(kind: str, write: Node, table: str, column: str, known: Known) -> bool:
    named = write.get("cols" if kind == "InsertStmt" else "targetList", [])
    if column in {one.get("ResTarget", {}).get("name") for one in named}:
        return True
    if kind == "UpdateStmt" or named:
        return False
    select = write.get("selectStmt", {}).get("SelectStmt", {})
    rows = [len(one.get("List", {}).get("items", [])) for one in select.get("valuesLists", [])]
    wide = [*rows, len(select.get("targetList", []))]
    return max(wide) >= len(known.catalog.columns.get(table, {})) > 0 or column in column_names(write)
