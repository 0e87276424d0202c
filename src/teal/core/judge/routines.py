"""What a plpgsql or SQL body does, as far as it can be read without running it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from teal.core.migrations.sql import Node, Unreadable, find, inside, kind_of, option, parse_plpgsql, words

_ASSIGNMENT = re.compile(r'\s*([\w."\[\]]+)\s*:?=(.*)', re.S)
_LOOPS = ("loop", "while", "fori", "fors", "dynfors", "forc", "foreach_a")
_ERROR = 21  # elog level: RAISE EXCEPTION


@dataclass(frozen=True, slots=True)
class Embedded:
    """SQL that a body runs, on its *line* of the body. A loop around it commits (*batched*) or not."""

    sql: str
    line: int
    batched: bool = False
    looped: bool = False
    tried: frozenset[int] = frozenset()  # blocks (by their line) with an EXCEPTION whose body it is in
    undone: frozenset[int] = frozenset()  # such blocks whose body was taken back before it is run


@dataclass(frozen=True, slots=True)
class Unread:
    """What of a body can't be judged, on its *line* of the body."""

    what: str
    line: int


@dataclass(frozen=True, slots=True)
class Routine:
    """A body, read. *unread* says what of it can't be judged; empty: all of it can."""

    embedded: tuple[Embedded, ...] = ()
    assigned: frozenset[str] = frozenset()  # columns of NEW that it sets
    raises: bool = False
    skips: bool = False  # it may return NULL: a BEFORE trigger that does so drops the write
    commits: bool = False
    unread: str = ""
    trigger: bool = False
    text: str = ""
    unread_line: int = 1  # of the body
    below: int = 0  # lines between the statement's first and the body's first

    def mentions(self, column: str) -> bool:
        """Return whether the body names *column* at all."""
        return re.search(rf"(?<!\w){re.escape(column)}(?!\w)", self.text) is not None


def read_routine(node: Node, source: str) -> Routine:
    """Return what the ``DO``, ``CREATE FUNCTION`` or ``CREATE PROCEDURE`` in *source* does when it is run."""
    options = node.get("args", []) or node.get("options", [])
    body, language = _body(options), _language(options)
    trigger = words(node.get("returnType", {}).get("names", []))[-1:] == ["trigger"]
    below = _lines_before(body, source)
    if language == "plpgsql":
        return replace(_plpgsql(source, body, trigger=trigger), below=below)
    if language == "sql" and body:
        return Routine((Embedded(body, 1),), text=body, below=below)
    return Routine(unread=f"a body in the language {language}", text=body, below=below)


def read_trigger_body(body: str) -> Routine:
    """Return what a trigger function does whose *body* the database holds."""
    mark = "$teal_body$"
    return _plpgsql(f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS {mark}{body}{mark}", body, trigger=True)


def _plpgsql(source: str, body: str, *, trigger: bool = False) -> Routine:
    try:
        tree = parse_plpgsql(source)
    except Unreadable as error:
        return Routine(unread=f"plpgsql that can't be parsed ({error.message})", text=body, trigger=trigger)
    pieces = list(_pieces(tree, Embedded("", 1)))
    embedded = tuple(piece for piece in pieces if isinstance(piece, Embedded))
    unread = next((piece for piece in pieces if isinstance(piece, Unread)), Unread("", 1))
    read = Routine(embedded, _assigned(tree), _raises(tree), _skips(tree), _commits(tree), unread.what, trigger, body)
    return replace(read, unread_line=unread.line)


def _pieces(tree: Any, at: Embedded) -> Iterator[Embedded | Unread]:
    """Yield the SQL in *tree*, placed like *at*, or what can't be read."""
    if isinstance(tree, list):
        for item in tree:
            yield from _pieces(item, at)
            at = _behind(item, at)
    elif isinstance(tree, dict):
        for name, value in tree.items():
            if isinstance(value, dict):
                yield from _piece(name, value, replace(at, line=value.get("lineno", at.line)))
            else:
                yield from _pieces(value, at)


def _piece(name: str, value: Node, at: Embedded) -> Iterator[Embedded | Unread]:
    if name == "PLpgSQL_expr":
        yield replace(at, sql=_as_statement(value))
        return
    if name in ("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"):
        yield _dynamic(value, at)
        value = {key: part for key, part in value.items() if key != "query"}
    if name == "PLpgSQL_stmt_block" and "exceptions" in value:
        yield from _guarded(value, at)
        return
    if name.removeprefix("PLpgSQL_stmt_") in _LOOPS:
        at = replace(at, batched=at.batched or _commits(value), looped=not (at.batched or _commits(value)))
    yield from _pieces(value, at)


def _behind(item: Any, at: Embedded) -> Embedded:
    """Return where the statement after *item* stands: behind a block that leaves whenever its body goes well."""
    block = item.get("PLpgSQL_stmt_block", {}) if isinstance(item, dict) else {}
    last: Node = next(iter(block.get("body", [])[-1:]), {}) if "exceptions" in block else {}
    exits = {key: value for key, value in last.items() if key in ("PLpgSQL_stmt_exit", "PLpgSQL_stmt_return")}
    if not exits or any("cond" in value for value in exits.values()):
        return at
    return replace(at, undone=at.undone | {block.get("lineno", at.line)})


def _guarded(block: Node, at: Embedded) -> Iterator[Embedded | Unread]:
    """Yield the SQL of a block with an EXCEPTION: what its handlers run comes when its body was taken back.

    In a loop that goes on after a body that went well, locks of an earlier round are still held: nothing is undone.
    """
    mark, body = block.get("lineno", at.line), block.get("body", [])
    leaves = not at.looped or any(True for _ in find(body, "PLpgSQL_stmt_exit", "PLpgSQL_stmt_return"))
    yield from _pieces(body, replace(at, tried=at.tried | {mark}))
    yield from _pieces(block["exceptions"], replace(at, undone=at.undone | {mark} if leaves else at.undone))


def _dynamic(node: Node, at: Embedded) -> Embedded | Unread:
    """Return the SQL of an ``EXECUTE`` whose text is a constant."""
    query = node.get("query", {}).get("PLpgSQL_expr", {}).get("query", "")
    constant = re.fullmatch(r"\s*'((?:[^']|'')*)'\s*", query)
    if constant is None:
        return Unread(f"SQL that is put together while it runs (EXECUTE {' '.join(query.split())[:60]})", at.line)
    return replace(at, sql=constant.group(1).replace("''", "'"))


def _as_statement(expression: Node) -> str:
    """Return the text of an embedded expression as a whole statement."""
    query = str(expression.get("query", ""))
    if not expression.get("parseMode"):
        return query
    assignment = _ASSIGNMENT.fullmatch(query) if _is_assignment(expression) else None
    return f"SELECT {assignment.group(2) if assignment else query}"


def _is_assignment(expression: Node) -> bool:
    """Return whether the parser was told to expect ``target := value`` (its modes 3 to 5)."""
    return bool(expression.get("parseMode", 0) >= 3)


def _assigned(tree: Any) -> frozenset[str]:
    queries = [str(one.get("query", "")) for one in find(tree, "PLpgSQL_expr") if _is_assignment(one)]
    found = (re.match(r'\s*new\."?(\w+)"?\s*:?=(?!=)', query, re.I) for query in queries)
    return frozenset(match.group(1).lower() for match in found if match)


def _raises(tree: Any) -> bool:
    asserts = next(find(tree, "PLpgSQL_stmt_assert"), None) is not None
    return asserts or any(one.get("elog_level", 0) >= _ERROR for one in find(tree, "PLpgSQL_stmt_raise"))


def _skips(tree: Any) -> bool:
    returns = (one.get("expr", {}).get("PLpgSQL_expr", {}) for one in find(tree, "PLpgSQL_stmt_return"))
    return any(str(one.get("query", "")).strip().upper() == "NULL" for one in returns)


def _commits(tree: Any) -> bool:
    return next(find(tree, "PLpgSQL_stmt_commit"), None) is not None


def _body(options: list[Node]) -> str:
    found = option(options, "as")
    if found is None:
        return ""
    arg = found.get("arg", {})
    parts = words(inside(arg).get("items", []) if kind_of(arg) == "List" else [arg])
    return parts[0] if parts else ""


def _language(options: list[Node]) -> str:
    found = option(options, "language")
    return (words([found.get("arg", {})]) or ["plpgsql"])[0].lower() if found else "plpgsql"


def _lines_before(body: str, source: str) -> int:
    """Return the number of line breaks in *source* before *body*; 0 where it isn't found as written."""
    at = source.find(body) if body else -1
    return source.count("\n", 0, at) if at > 0 else 0
