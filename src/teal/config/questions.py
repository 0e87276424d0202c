"""Asks Compose what the stack's files mean: which files it is told of, and in whose words the answer is taken.

- Compose is called with its owner's own options, where the owner stands.
- Files that are chosen for it (a color's overlay) are told in the way in which it chose: by ``--file``, or by variable.
- A name that can't be passed on is refused.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from teal.config.dotenv import ASKING
from teal.config.files import PROJECT, owner_files
from teal.config.options import Options
from teal.core.model.compose import mapping, services_in, text, unescaped
from teal.core.model.stack import Tree
from teal.errors import ConfigError
from teal.ports import ModelReader, Question, Resolved

_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")
_BETWEEN = "\n"  # files in COMPOSE_FILE: a colon may be part of a name


async def resolve(
    options: Options, environment: dict[str, str], reader: ModelReader, files: Sequence[Path] = ()
) -> Resolved:
    """Return the stack's model as Compose understands it; ConfigError with Compose's own words where it doesn't.

    *files*, where given, are read in place of Compose's own choice.
    """
    written = files or owner_files(options, environment, reader)
    question = replace(_question(options, environment, files), broken=lambda: _broken(written))
    resolved = await reader.read(question)
    _refuse_names(resolved.model)
    return resolved


async def values(
    options: Options, environment: dict[str, str], reader: ModelReader, files: Sequence[Path], names: Iterable[str]
) -> dict[str, str]:
    """Return, of the variables called *names*, those that are set for Compose, with their values: all lines of them.

    Compose knows more than *environment*: those of ``.env`` files. ``config --environment`` prints them all, and nobody
    can tell where a value of several lines ends. So a service of Teal's own is added that asks for them.
    """
    asking = {"services": {ASKING: {"image": "none", "environment": sorted(set(names))}}}
    question = _question(options, environment, (*files, Path("-")))
    answer = await reader.read(
        replace(question, service=ASKING, text=json.dumps(asking), broken=lambda: _broken(files))
    )
    told = mapping(services_in(answer.model)[ASKING].get("environment"))
    return {name: unescaped(value) for name, value in told.items() if value is not None}


def _question(options: Options, environment: dict[str, str], files: Sequence[Path]) -> Question:
    """Return the question with the owner's options.

    *files*, where given, are read in place of Compose's own choice: it is told so by the way in which it chose, since
    ``--file`` would make it look for ``.env`` elsewhere.
    """
    named = (*options.files, *map(str, files[len(options.files) :])) if options.files else ()
    chosen = {"COMPOSE_FILE": _BETWEEN.join(map(str, files)), "COMPOSE_PATH_SEPARATOR": _BETWEEN}
    known = {**environment, **(chosen if files and not named else {})}
    return Question(replace(options, files=named).words(), str(options.cwd), known)


def _broken(files: Sequence[Path]) -> str:
    """Return the name of the file that is no YAML, "" where all are."""
    from teal.config.strict_yaml import read_yaml  # slow to import, and only asked where something is wrong

    for file in files:
        try:
            with suppress(OSError):
                read_yaml(file)
        except ConfigError:
            return file.name
    return ""


def _refuse_names(model: Tree) -> None:
    """Raise ConfigError for a name that can't be passed on."""
    project = text(model.get("name"))
    if not PROJECT.fullmatch(project):
        hint = "use at most 100 lower-case letters, digits, dashes and underscores: -p, or `name:` in the file"
        raise ConfigError(f"{project[:60]!r} can't be the name of a project", hint=hint)
    for name in services_in(model):
        if not _NAME.fullmatch(name):
            hint = "rename it: letters, digits, dots, dashes and underscores, no dash first"
            raise ConfigError(f"the service {name[:60]!r} has a name that reads like an option or a path", hint=hint)
