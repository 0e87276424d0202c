"""Decodes YAML strictly: every error names file, line and key, and an unknown key the one that was meant."""

from __future__ import annotations

import difflib
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq, TaggedScalar
from ruamel.yaml.error import MarkedYAMLError, YAMLError

from teal.errors import ConfigError

T = TypeVar("T")
_WHERE = re.compile(r"^(?P<what>.*?)(?: - at (?P<in>`key` in )?`\$?(?P<path>.*)`)?$", re.DOTALL)
_UNKNOWN = re.compile(r"Object contains unknown field `(.*)`")
_ENUM = re.compile(r"Invalid enum value (.*)")
_STEP = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(\[\.\.\.\])")
_UNION = re.compile(r"`(\w+(?: \| \w+)+)`")
_SPOKEN = {"`str`": "text", "`int`": "a whole number", "`float`": "a number", "`bool`": "true or false"}
_LONE = re.compile("[\ud800-\udfff]")  # half a character, by an escape like "\\ud83d" alone
_MOST = 100_000  # nodes of a file, each alias counted as what it stands for
_MEND = {
    "found a tab character": "indent with spaces, not with tabs",
    "found character '\\t' that cannot start any token": "indent with spaces, not with tabs",
    "found duplicate key": "write that key once",
    "mapping values are not allowed here": "indent it like its neighbours, and quote a value that holds a colon",
    "could not find expected ':'": "end the key above or in that line with a colon",
    "expected <block end>": "indent it like its neighbours",
    "did not find expected key": "indent it like its neighbours",
}
_HOW = {
    "Expected `int`, got `str`": "write the number without quotes",
    "Expected `int` <= 65535": "a port is a number from 1 to 65535",
    "Expected `array`": "write a list: `[a, b]`",
    "Expected `str`": "put quotes around it",
    "Expected `object`": "write keys with values: `name: value`",
}
_SPOKEN |= {"`object`": "keys with values", "`array`": "a list", "`null`": "nothing"}


def read_yaml(path: Path) -> object:
    """Return the content of *path* with its line numbers; duplicate keys and broken YAML are ConfigErrors."""
    try:
        with warnings.catch_warnings(action="ignore"):
            raw = YAML(typ="rt").load(path.read_text(encoding="utf-8"))
        _bounded(path, raw)
        return raw
    except MarkedYAMLError as error:
        raise _misspelt(path, error) from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path.name} is not a text in UTF-8", hint="save it as UTF-8") from error
    except RecursionError as error:
        raise ConfigError(f"{path.name} is nested too deeply", hint="write it flatter") from error
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}", hint="make it readable for you") from error
    except (YAMLError, ValueError, AttributeError, TypeError, KeyError, AssertionError) as error:
        # The reader stumbles over odd values, like a month 13, in its own ways.
        raise ConfigError(f"{path.name} is not YAML: {_first_line(error)}", hint="correct it") from error


def _first_line(error: Exception) -> str:
    return next(iter(str(error).splitlines()), "") or type(error).__name__


def _misspelt(path: Path, error: MarkedYAMLError) -> ConfigError:
    line = error.problem_mark.line + 1 if error.problem_mark else 1
    what = (error.problem or "broken YAML").split("with value")[0].strip()
    return ConfigError(f"{path.name}:{line}: {what}", hint=_mend(what))


def _mend(what: str) -> str:
    return next((advice for words, advice in _MEND.items() if what.startswith(words)), "correct that line")


def _bounded(path: Path, raw: object) -> None:
    """Refuse what is in itself, or grows without end, by aliases."""
    left = _MOST
    ahead = [raw]
    while ahead:
        node = ahead.pop()
        left -= 1
        if left < 0:
            raise ConfigError(f"{path.name}: its aliases (`*name`) make it endless", hint="write the values out")
        if isinstance(node, str) and not node.isprintable() and _LONE.search(node):
            raise ConfigError(f"{path.name}: {node[:40]!a} is not text", hint="write the character itself")
        if isinstance(node, Mapping):
            ahead += (*node.keys(), *node.values())
        elif isinstance(node, Sequence) and not isinstance(node, str):
            ahead += node


def decode(path: Path, kind: type[T]) -> T:
    """Return the content of *path* as *kind*; an empty file is an empty mapping."""
    raw = read_yaml(path)
    raw = CommentedMap() if raw is None else raw
    try:
        return msgspec.convert(plain(raw), kind)
    except msgspec.ValidationError as error:
        raise _explained(path, raw, kind, str(error)) from error


def plain(raw: object) -> object:
    """Return *raw* with ordinary dictionaries, lists and texts: a block of lines is a text like any other."""
    if isinstance(raw, Mapping):
        return {key: plain(value) for key, value in raw.items()}
    if isinstance(raw, Sequence) and not isinstance(raw, str):
        return [plain(value) for value in raw]
    if isinstance(raw, str):
        return str(raw)
    return raw.value if isinstance(raw, TaggedScalar) else raw


def line_of(raw: object, keys: Sequence[str | int]) -> int:
    """Return the line, from 1, of what *keys* lead to in *raw*, or of the last part that is there; 0 for unknown."""
    line = 0
    for key in keys:
        if isinstance(raw, CommentedMap) and key in raw:
            line = int(raw.lc.key(key)[0]) + 1
        elif isinstance(raw, CommentedSeq) and isinstance(key, int) and key < len(raw):
            line = int(raw.lc.item(key)[0]) + 1
        else:
            break
        raw = raw[key]
    return line


def _explained(path: Path, raw: object, kind: type[T], message: str) -> ConfigError:
    found = _WHERE.match(message)
    what, steps = (found["what"], found["path"] or "") if found else (message, "")
    keys = _keys(raw, _STEP.findall(steps), kind, what)
    if found and found["in"] and what.startswith("Expected `str`"):
        return _no_name(path, raw, keys)
    wrong = _UNKNOWN.fullmatch(what) or (_ENUM.fullmatch(what) if found and found["in"] else None)
    word = wrong[1].strip("'") if wrong else ""
    place = [*keys, word] if word else keys
    spoken = ".".join(map(str, place)) or "the file"
    said = "there is no such key" if word else _spoken(what)
    return ConfigError(f"{path.name}:{line_of(raw, place) or 1}: {spoken}: {said}", hint=_hint(what, kind, steps, word))


def _no_name(path: Path, raw: object, keys: Sequence[str | int]) -> ConfigError:
    """Return the error for a key that YAML takes for something else than a name: a number, yes, null."""
    at = _at(raw, keys)
    odd = next((key for key in at if not isinstance(key, str)), "") if isinstance(at, Mapping) else ""
    where = f"{path.name}:{line_of(raw, [*keys, odd]) or 1}: {'.'.join(map(str, keys))}"
    hint = f"write the name of a service, or quotes around it; a port: `web: {{port: {odd}}}`"
    return ConfigError(f"{where}: a name is expected here, not {str(odd)[:40]!r}", hint=hint)


def _keys(raw: object, steps: Sequence[tuple[str, str, str]], kind: type[T], what: str) -> list[str | int]:
    """Return the keys that lead to the error; ``[...]`` is whichever child alone gives the same error."""
    keys: list[str | int] = []
    for name, index, anyone in steps:
        keys.append(_culprit(raw, keys, kind, what) if anyone else int(index) if index else name)
    return keys


def _culprit(raw: object, keys: Sequence[str | int], kind: type[T], what: str) -> str | int:
    children = _at(raw, keys)
    names = list(children) if isinstance(children, Mapping) else [0]
    return next((name for name in names if what in _complaints(_only(raw, [*keys, name]), kind)), names[0])


def _at(raw: object, keys: Sequence[str | int]) -> object:
    for key in keys:
        raw = raw[key] if isinstance(raw, Mapping | list) else None  # type: ignore[index]
    return raw


def _only(raw: object, keys: Sequence[str | int]) -> object:
    """Return of *raw* nothing but what *keys* lead to."""
    if not keys:
        return plain(raw)
    child = _only(raw[keys[0]], keys[1:]) if isinstance(raw, Mapping | list) else None  # type: ignore[index]
    return [child] if isinstance(raw, list) else {keys[0]: child}


def _complaints(tree: object, kind: type[T]) -> Iterator[str]:
    try:
        msgspec.convert(tree, kind)
    except msgspec.ValidationError as error:
        found = _WHERE.match(str(error))
        yield found["what"] if found else str(error)


def _spoken(what: str) -> str:
    chosen = _ENUM.fullmatch(what)
    if chosen:
        return f"{chosen[1]} is not one of its words"
    what = _UNION.sub(lambda found: " or ".join(f"`{each}`" for each in found[1].split(" | ") if each != "null"), what)
    for written, spoken in _SPOKEN.items():
        what = what.replace(written, spoken)
    return what[:1].lower() + what[1:]


def _hint(what: str, kind: type, steps: str, key: str) -> str:
    """Return what to write: the nearest of the words that may stand there, or all of them."""
    words = _known(kind, [step[0] for step in _STEP.findall(steps)], keys=bool(key))
    value = _ENUM.fullmatch(what)
    near = difflib.get_close_matches(key or (value[1].strip("'") if value else ""), words, n=1)
    if near:
        return f"did you mean {near[0]}?"
    if words and (key or value):
        return f"write one of: {', '.join(words)}"
    return _how(what, words)


def _how(what: str, words: Sequence[str]) -> str:
    """Return how to write what *what* asks for; *words* are the keys that may stand there."""
    if what == "Expected `object`, got `int`" and "port" in words:
        return "write it as `{port: 3000}`"
    if what.startswith("Expected `object`") and words:
        return f"write it with keys: {', '.join(words)}"
    for begin, advice in _HOW.items():
        if what.replace(" | null`", "`").startswith(begin):
            return advice
    return "`teal schema teal.yml` says what may stand there"


def _known(kind: type, names: Sequence[str], *, keys: bool) -> list[str]:
    """Return the words that may stand at the end of *names*: *keys* there, or else values."""
    at: msgspec.inspect.Type = msgspec.inspect.type_info(kind)
    for name in names:
        at = _below(_bare(at), name)
    at = _bare(at)
    if isinstance(at, msgspec.inspect.StructType):
        return [field.encode_name for field in at.fields]
    if keys and isinstance(at, msgspec.inspect.DictType):
        at = at.key_type
    return [str(value) for value in at.values] if isinstance(at, msgspec.inspect.LiteralType) else []


def _below(at: msgspec.inspect.Type, name: str) -> msgspec.inspect.Type:
    if isinstance(at, msgspec.inspect.StructType):
        return next((field.type for field in at.fields if field.encode_name == name), at)
    if isinstance(at, msgspec.inspect.DictType):
        return at.value_type
    return at.item_type if isinstance(at, msgspec.inspect.ListType | msgspec.inspect.VarTupleType) else at


def _bare(at: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """Return *at* without descriptions, and of alternatives the one that has keys."""
    if isinstance(at, msgspec.inspect.Metadata):
        return _bare(at.type)
    if isinstance(at, msgspec.inspect.UnionType):
        some = [_bare(each) for each in at.types if not isinstance(each, msgspec.inspect.NoneType)]
        return next(
            (each for each in some if isinstance(each, msgspec.inspect.StructType)), some[0] if len(some) == 1 else at
        )
    return at
