"""Reads ``.env`` files as Compose does, for the few variables that must be known before Compose reads the stack.

What is written plainly is read here, at once; for anything else (references, escapes, odd keys) Compose is asked.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from pathlib import Path

from teal.core.model.compose import mapping, services_in, text, unescaped
from teal.errors import ConfigError
from teal.ports import ModelReader, Question

ASKING = "teal-asks"  # project and service of a model that nothing is made of
PROJECT_NAME = "COMPOSE_PROJECT_NAME"
_STATEMENT = re.compile(
    r"""\s*(?:
        \#[^\n]*
      | (?:export[ \t]+)?(?P<key>[A-Za-z_][\w.-]*)=[ \t]*
        (?: "(?P<double>(?:[^"\\]|\\.)*)"[ \t]*(?=\r?\n|\#|\Z)
          | '(?P<single>(?:[^'\\]|\\.)*)'[ \t]*(?=\r?\n|\#|\Z)
          | (?P<bare>(?:[^'"\s][^\n]*)?)(?=\r?\n|\Z) )
      )?""",
    re.ASCII | re.DOTALL | re.VERBOSE,
)
_PLAIN = re.compile(r"[\w./:,;@%+=~ -]*", re.ASCII)  # means itself, quoted or not


def read(
    files: Sequence[Path],
    names: Collection[str],
    environment: Mapping[str, str],
    reader: ModelReader,
    *,
    where: tuple[Path, Path],
    before: Sequence[Path] = (),
) -> dict[str, str]:
    """Return those of *names* that the ``.env`` *files* set; the last file wins.

    They may refer to *environment* and to what the files *before* them set. *where* is the working directory and the
    project's. ``ConfigError`` where Compose can't read a file.
    """
    every = (*before, *files)
    contents = [_content(file) for file in every]
    found: dict[str, str] = {}
    for content in contents[len(before) :]:
        plainly = plain(content, names)
        if plainly is None:
            known = tuple(sorted(environment.items()))
            return _asked(every, tuple(contents), tuple(sorted(names)), known, where, reader)
        found |= plainly
    return found


def plain(content: bytes, names: Collection[str]) -> dict[str, str] | None:
    """Return those of *names* that *content* sets, None where that isn't plain to see."""
    try:
        said = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError:
        return None
    found: dict[str, str] = {}
    at = 0
    while at < len(said):
        statement = _STATEMENT.match(said, at)
        if statement is None or statement.end() == at:
            return None
        at = statement.end()
        name = statement["key"]
        if name in names:
            value = next(value for value in statement.group("double", "single", "bare") if value is not None)
            value = value.rstrip(" \t\r") if statement["bare"] is not None else value
            if not _PLAIN.fullmatch(value):
                return None
            found[name] = value
    return found


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file} can't be read: {error.strerror}", hint="make it readable for you") from error


@lru_cache(maxsize=8)  # asked several times in one command; the contents are part of the question
def _asked(
    files: tuple[Path, ...],
    contents: tuple[bytes, ...],
    names: tuple[str, ...],
    environment: tuple[tuple[str, str], ...],
    where: tuple[Path, Path],
    reader: ModelReader,
) -> dict[str, str]:
    """Return those of *names* that are set for Compose with these files, in its own words.

    A service of Teal's own asks for them: what ``config --environment`` prints can't be taken apart where a value has
    several lines. The project's name Compose sets by itself; it is told by the name that the model then has.
    """
    del contents
    cwd, directory = map(str, where)
    services = {ASKING: {"image": "none", "environment": dict.fromkeys(names)}}
    options = ["--project-directory", directory, "--file", "-"]
    options += [word for file in files for word in ("--env-file", str(file))]
    asked = json.dumps({"name": ASKING, "services": services})
    model = reader.read_at_once(Question(tuple(options), cwd, dict(environment), text=asked)).model
    told = mapping(services_in(model)[ASKING].get("environment"))
    found = {name: unescaped(value) for name, value in told.items() if value is not None and name != PROJECT_NAME}
    return found if text(model.get("name")) == ASKING else {**found, PROJECT_NAME: text(model.get("name"))}
