"""SQL and plpgsql into trees, by PostgreSQL's own grammar (libpg_query, through ``pgparse``).

The library comes with the extra ``teal-deploy[migrations]``: it is imported where SQL is judged, not before.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from teal.core.judge.tree import Node
from teal.errors import ConfigError


class Unreadable(Exception):
    """Text that is no SQL (or plpgsql): *message* is the parser's, *at* the offset in characters."""

    def __init__(self, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.message, self.at = message, at


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its tree, its text, the comments before it, and its line in the file."""

    node: Node
    comments: str  # from the end of the statement before
    sql: str
    line: int  # of its first word


def parse(sql: str) -> list[Statement]:
    """Return the statements of *sql*; ``Unreadable`` where the grammar ends."""
    raw = sql.encode()
    found = []
    for one in _asked(lambda library: library.parse(sql)):
        start = one.get("stmt_location", 0)
        end = start + one["stmt_len"] if one.get("stmt_len") else len(raw)
        chunk = raw[start:end].decode()
        lead = _lead(chunk)
        line = raw[:start].count(b"\n") + chunk.count("\n", 0, lead) + 1
        found.append(Statement(one["stmt"], chunk[:lead], chunk[lead:], line))
    return found


def parse_plpgsql(source: str) -> list[Any]:
    """Return the trees of the function or ``DO`` block in *source*; ``Unreadable`` where the grammar ends."""
    return _asked(lambda library: library.parse_pgsql(source))


def _asked(ask: Callable[[Any], list[Any]]) -> list[Any]:
    library = _library()
    try:
        return ask(library)
    except library.PGQueryError as error:
        raise Unreadable(error.message, max(0, error.position - 1)) from error


def _library() -> Any:
    try:
        import pgparse
    except ImportError as error:
        raise ConfigError(
            "judging SQL needs PostgreSQL's grammar", hint="pip install 'teal-deploy[migrations]'"
        ) from error
    return pgparse


def _lead(chunk: str) -> int:
    """Return how many characters of white space and comments *chunk* begins with."""
    at = 0
    while at < len(chunk):
        if chunk[at].isspace():
            at += 1
        elif chunk.startswith("--", at):
            at = _after(chunk, "\n", at)
        elif chunk.startswith("/*", at):
            at = _after(chunk, "*/", at)
        else:
            break
    return at


def _after(chunk: str, mark: str, at: int) -> int:
    found = chunk.find(mark, at)
    return len(chunk) if found < 0 else found + len(mark)
