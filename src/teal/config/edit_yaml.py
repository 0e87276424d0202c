"""Adds to a YAML text what an answer says, and leaves every other byte of it as it was: comments, order, line ends.

Where a value stands is told by the reader's own marks; what comes out is read again, and must say what was meant.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from teal.config.strict_yaml import plain
from teal.errors import ConfigError

Value = str | int | tuple[str, ...]  # a tuple's entries are added to a list
Entries = Mapping[tuple[str, ...], Value]
_PLAIN = re.compile(r"[A-Za-z./_][A-Za-z0-9./_-]*")


@dataclass(frozen=True, slots=True)
class _Edit:
    """*text* in place of what stands from *start* to *end*."""

    start: int
    end: int
    text: str


def added(text: str, entries: Entries, *, name: str = "teal.yml") -> str:
    """Return *text* with *entries*; ``ConfigError`` where one can't be written beside what is there, with its line."""
    for path, value in entries.items():
        before = _read(text, name)
        wanted = _merged(before, path, value)
        if wanted == before:
            continue
        edit = _edit(text, path, value)
        after = f"{text[: edit.start]}{edit.text}{text[edit.end :]}" if edit else ""
        if edit is None or _read_or_none(after) != wanted:
            line = f"{path[0]}: {_nested(path[1:], value)}"
            raise ConfigError(f"{name} is written in a way that Teal does not edit", hint=f"write into it: `{line}`")
        text = after
    return text


def lines(entries: Entries) -> str:
    """Return *entries* as the lines of a new file."""
    return added("", entries)


def _read(text: str, name: str) -> object:
    try:
        return _loaded(text)
    except (YAMLError, ValueError) as error:
        raise ConfigError(
            f"{name} is not YAML: {next(iter(str(error).splitlines()), '')}", hint="correct it"
        ) from error


def _read_or_none(text: str) -> object:
    try:
        return _loaded(text)
    except (YAMLError, ValueError):
        return None


def _loaded(text: str) -> object:
    with warnings.catch_warnings(action="ignore"):
        found = plain(YAML(typ="rt").load(text))
    return {} if found is None else found


def _merged(tree: object, path: Sequence[str], value: Value) -> object:
    """Return *tree* as it shall be."""
    if not path:
        if not isinstance(value, tuple):
            return value
        have = tree if isinstance(tree, list) else []
        return [*have, *(each for each in value if each not in have)]
    below = dict(tree) if isinstance(tree, Mapping) else {}
    return {**below, path[0]: _merged(below.get(path[0]), path[1:], value)}


def _edit(text: str, path: Sequence[str], value: Value) -> _Edit | None:
    """Return the one edit that brings *value* to *path*; None where it is no simple one."""
    with warnings.catch_warnings(action="ignore"):
        root = YAML(typ="rt").compose(text)
    end = "\r\n" if "\r\n" in text else "\n"
    if root is None:
        return _Edit(len(text), len(text), _at_the_end(text, end) + f"{path[0]}: {_nested(path[1:], value)}{end}")
    at, rest, key = root, list(path), root
    while rest and isinstance(at, MappingNode) and (found := _below(at, rest[0])) is not None:
        if found[1].start_mark.index < found[0].start_mark.index:
            return None  # an alias: what it means stands elsewhere
        (key, at), rest = found, rest[1:]
    if rest and isinstance(at, MappingNode):
        return _key_added(text, at, f"{rest[0]}: {_nested(rest[1:], value)}", end)
    if not rest and isinstance(at, SequenceNode) and isinstance(value, tuple):
        have = {each.value for each in at.value if isinstance(each, ScalarNode)}
        return _items_added(text, at, [_spelt(each) for each in value if each not in have], end)
    if isinstance(at, ScalarNode):
        written = _nested(rest, value)
        if at.start_mark.index < at.end_mark.index:
            return _Edit(at.start_mark.index, at.end_mark.index, written)
        colon = text.index(":", key.end_mark.index) + 1
        return _Edit(colon, colon, f" {written}")
    return None


def _below(at: MappingNode, name: str) -> tuple[Node, Node] | None:
    return next(((key, value) for key, value in at.value if key.value == name), None)


def _key_added(text: str, at: MappingNode, entry: str, end: str) -> _Edit:
    if at.flow_style:
        return _in_brackets(at, [value for _, value in at.value], [entry])
    place = _line_end(text, _last(text, at))
    indent = " " * at.start_mark.column
    return _Edit(place, place, _at_the_end(text[:place], end) + f"{indent}{entry}{end}")


def _items_added(text: str, at: SequenceNode, items: list[str], end: str) -> _Edit | None:
    if at.flow_style:
        return _in_brackets(at, at.value, items)
    begin = text.rfind("\n", 0, at.value[0].start_mark.index) + 1
    dash = re.compile(r"[ ]*-[ ]+").match(text, begin)
    if dash is None:
        return None
    place = _line_end(text, _last(text, at))
    return _Edit(place, place, _at_the_end(text[:place], end) + "".join(f"{dash[0]}{each}{end}" for each in items))


def _in_brackets(at: MappingNode | SequenceNode, children: Sequence[Node], entries: Sequence[str]) -> _Edit:
    """Return what stands before the closing bracket from now on."""
    place = children[-1].end_mark.index if children else at.start_mark.index + 1
    return _Edit(place, place, (", " if children else "") + ", ".join(entries))


def _last(text: str, at: Node) -> int:
    """Return where the last character of *at* stands; the mark of a block is where the next one begins."""
    if isinstance(at, MappingNode | SequenceNode) and not at.flow_style:
        return max((_last(text, each) for each in _children(at)), default=at.start_mark.index)
    return len(text[: at.end_mark.index].rstrip()) - 1


def _children(at: MappingNode | SequenceNode) -> Iterator[Node]:
    for each in at.value:
        if isinstance(each, tuple):
            yield from each
        else:
            yield each


def _line_end(text: str, index: int) -> int:
    """Return where the line after the one of *index* begins."""
    found = text.find("\n", index)
    return len(text) if found < 0 else found + 1


def _at_the_end(text: str, end: str) -> str:
    return end if text and not text.endswith("\n") else ""


def _nested(path: Sequence[str], value: Value) -> str:
    """Return *value* in YAML's short form below *path*."""
    if path:
        return f"{{{_spelt(path[0])}: {_nested(path[1:], value)}}}"
    return f"[{', '.join(map(_spelt, value))}]" if isinstance(value, tuple) else _spelt(value)


def _spelt(word: str | int) -> str:
    """Return *word* as YAML reads it back: a text as text."""
    if isinstance(word, int):
        return str(word)
    if _PLAIN.fullmatch(word) and YAML(typ="safe").load(word) == word:
        return word
    return json.dumps(word, ensure_ascii=False)
