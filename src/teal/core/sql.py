"""Decides: where one statement of SQL ends and the next begins, as psql tells it, and what kind a statement is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

# Of what may hold a semicolon that ends nothing, each whole; an open one goes to the text's end, where it fails.
_TOKEN = re.compile(
    r"""(?P<comment>--[^\n]*|/\*)
    |(?P<string>[eE]'(?:[^'\\]|\\.|'')*'? | '(?:[^']|'')*'? | "(?:[^"]|"")*"?)
    |(?P<dollar>\$(?:[A-Za-z_\x80-\uffff][\w\x80-\uffff]*)?\$)
    |(?P<word>[A-Za-z_\x80-\uffff][\w$\x80-\uffff]*)
    |(?P<other>\d[\w.$]*|.)""",
    re.VERBOSE | re.DOTALL,
)
_BLOCK = re.compile(r"/\*|\*/")
_ROUTINE = ("FUNCTION", "PROCEDURE")


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement without its semicolon, and the line of the text, from 1, in which its first word stands."""

    line: int
    sql: str
    words: tuple[str, ...]  # in capitals, those within quotes left out

    @property
    def alone(self) -> bool:
        """Tell whether it can't run within a transaction."""
        return _ALONE.search(self.sql) is not None and self.words[:1] != ("DO",)

    @property
    def unhurried(self) -> bool:
        """Tell whether it may take its time, since it blocks nobody meanwhile."""
        return self.alone or "VALIDATE" in self.words

    @property
    def blocks_nobody(self) -> bool:
        """Tell whether readers and writers go on while it waits for what was begun before it."""
        return self.alone and "CONCURRENTLY" in self.words

    @property
    def batched(self) -> bool:
        """Tell whether it changes a limited number of rows, and so is repeated until there are none left."""
        changes = self.words[:1] in {("UPDATE",), ("INSERT",), ("DELETE",), ("MERGE",), ("WITH",)}
        return changes and not {"LIMIT", "FETCH"}.isdisjoint(self.words)

    @property
    def index(self) -> str:
        """Return the index that it makes outside of a transaction, as it is written; empty for none."""
        found = _INDEX.match(self.sql) if self.alone else None
        return found["name"] if found else ""


_NAME = r'(?:"(?:[^"]|"")+"|[\w$]+)'
_INDEX = re.compile(
    rf"CREATE\s+(?:UNIQUE\s+)?INDEX\s+(?:CONCURRENTLY\s+)?(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>{_NAME})\s+ON\s",
    re.IGNORECASE,
)
_ALONE = re.compile(
    r"\A(?:(?:CREATE\s+(?:UNIQUE\s+)?|DROP\s+|RE)INDEX\b[^;]*?\bCONCURRENTLY\b"
    r"|CREATE\s+INDEX\b.*\btimescaledb\.transaction_per_chunk\b"
    r"|ALTER\s+TABLE\b.*\bDETACH\s+PARTITION\b.*\bCONCURRENTLY\b|VACUUM\b|CALL\b)",
    re.IGNORECASE | re.DOTALL,
)


def statements(text: str) -> tuple[Statement, ...]:
    """Return the statements of *text* in order; comments before the first word of each are left out."""
    return tuple(_statements(text))


def _statements(text: str) -> Iterator[Statement]:
    begin, end, depth = -1, 0, 0
    words: list[str] = []
    for kind, at, after in _tokens(text):
        piece = text[at:after]
        if kind == "comment" or piece.isspace():
            continue
        if piece == ";" and depth == 0:
            if begin >= 0:
                yield _statement(text, begin, end, words)
            begin, words = -1, []
            continue
        begin, end = (at if begin < 0 else begin), after
        if kind == "word":
            words.append(piece.upper())
            depth = _deeper(words, depth)
        elif piece in "()":
            depth = max(0, depth + (1 if piece == "(" else -1))
    if begin >= 0:
        yield _statement(text, begin, end, words)


def _statement(text: str, begin: int, end: int, words: list[str]) -> Statement:
    return Statement(text.count("\n", 0, begin) + 1, text[begin:end], tuple(words))


def _deeper(words: list[str], depth: int) -> int:
    """Return the depth after the last of *words*: a routine's body may be written out between BEGIN and END."""
    if words[0] != "CREATE" or not any(word in _ROUTINE for word in words[1:4]):
        return depth
    if words[-2:] == ["BEGIN", "ATOMIC"] or (depth and words[-1] == "CASE"):
        return depth + 1
    return depth - 1 if depth and words[-1] == "END" else depth


def _tokens(text: str) -> Iterator[tuple[str, int, int]]:
    """Yield kind, begin and end of each token."""
    at = 0
    while at < len(text):
        found = _TOKEN.match(text, at)
        assert found is not None, "the last alternative takes anything"
        kind, end = found.lastgroup or "other", found.end()
        if found["dollar"]:
            close = text.find(found["dollar"], end)
            end = len(text) if close < 0 else close + len(found["dollar"])
        elif found["comment"] == "/*":
            end = _closed(text, end)
        yield kind, at, end
        at = end


def _closed(text: str, at: int) -> int:
    """Return where the block comment that was opened before *at* ends: they nest."""
    depth = 1
    for found in _BLOCK.finditer(text, at):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return found.end()
    return len(text)
