"""Asks Compose itself what the stack's files mean: ``docker compose config``, as its owner would run it.

Checks that Compose's answer has the shape that Teal reads, where the readers themselves take it for granted.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from teal.config.compose_errors import refusal
from teal.config.dotenv import ASKING
from teal.config.files import PROJECT, owner_files
from teal.config.options import Options
from teal.core.model.compose import mapping, sequence, services_in, text, unescaped
from teal.core.model.stack import Tree
from teal.errors import ConfigError, Unavailable

_Duration = Annotated[str, Meta(pattern=r"^((\d+(\.\d*)?(ns|us|µs|ms|s|m|h|d))+|\d+(\.\d+)?)?$")]
_NAME = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.-]*")


class _Healthcheck(Struct):
    interval: _Duration | None = None
    start_period: _Duration | None = None


class _Service(Struct):
    healthcheck: _Healthcheck | None = None
    stop_grace_period: _Duration | None = None


class _Model(Struct):
    name: str
    services: dict[str, _Service]


def checked(model: dict[str, Any]) -> Tree:
    """Return *model*; ``ConfigError`` where it isn't what Compose prints, or has a name that can't be passed on."""
    try:
        msgspec.convert(model, _Model)
    except msgspec.ValidationError as error:
        raise ConfigError(f"Compose's answer is not understood: {error}", hint=_HINT) from error
    if not PROJECT.fullmatch(model["name"]):
        hint = "at most 100 lower-case letters, digits, dashes and underscores: -p, or `name:` in the file"
        raise ConfigError(f"{model['name'][:60]!r} can't be the name of a project", hint=hint)
    for name, service in services_in(model).items():
        if not _NAME.fullmatch(name):
            hint = "rename it: letters, digits, dots, dashes and underscores, no dash first"
            raise ConfigError(f"the service {name[:60]!r} has a name that reads like an option or a path", hint=hint)
        for kind in ("secrets", "configs"):
            known = mapping(model.get(kind))
            for each in map(mapping, sequence(service.get(kind))):
                if text(each.get("source")) not in known:
                    message = f"Compose's answer is not understood: services.{name}.{kind} names none of the {kind}"
                    raise ConfigError(message, hint=_HINT)
    return model


_HINT = "compare `docker compose config --format json`; update Compose, or send that output with a bug report"

_UNSET = re.compile(r'The \\?"(\w+)\\?" variable is not set')
_NAMED = re.compile(r"(?<!\$)\$\{?([A-Za-z_]\w*)")
_MESSAGE = re.compile(r'level=(\w+) msg="((?:[^"\\]|\\.)*)"')
_BETWEEN = "\n"  # files in COMPOSE_FILE: a colon may be part of a name


@dataclass(frozen=True, slots=True)
class Resolved:
    """A model, the variables that nobody set, and what else Compose remarked."""

    model: Tree
    unset: frozenset[str]
    notes: tuple[str, ...]


def mentioned(files: Iterable[Path]) -> dict[str, str]:
    """Return variable -> ``compose.yml:12``, where *files* name it first; included ones are not looked into."""
    found: dict[str, str] = {}
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            for name in _NAMED.findall(line):
                found.setdefault(name, f"{file.name}:{number}")
    return found


def command(options: Options, files: Sequence[Path] = ()) -> tuple[list[str], dict[str, str]]:
    """Return ``docker compose`` with the owner's options, and what to add to the environment.

    *files*, where given, are read in place of Compose's own choice: it is told so by the way in which it chose, since
    ``--file`` would make it look for ``.env`` elsewhere.
    """
    named = (*options.files, *map(str, files[len(options.files) :])) if options.files else ()
    argv = ["docker", "compose", *replace(options, files=named).words()]
    chosen = {"COMPOSE_FILE": _BETWEEN.join(map(str, files)), "COMPOSE_PATH_SEPARATOR": _BETWEEN}
    return argv, chosen if files and not named else {}


async def resolve(options: Options, environment: dict[str, str], files: Sequence[Path] = ()) -> Resolved:
    """Return the stack's model as Compose understands it; ConfigError with Compose's own words where it doesn't."""
    argv, chosen = command(options, files)
    known = {**environment, **chosen}
    whole = [*argv, "config", "--format", "json"]
    output, errors = await ask(options, known, whole, files or owner_files(options, environment))
    return understood(output, errors)


def understood(output: str, errors: str) -> Resolved:
    """Return what Compose printed on its two streams as a value; ConfigError where that is no model."""
    try:
        model = msgspec.json.decode(output, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"what `docker compose config` prints is no JSON: {error}",
            hint="see what it says; does another program called docker stand in its way?",
        ) from error
    return Resolved(checked(model), frozenset(_UNSET.findall(errors)), _notes(errors))


async def values(
    options: Options, environment: dict[str, str], files: Sequence[Path], names: Iterable[str]
) -> dict[str, str]:
    """Return, of the variables called *names*, those that are set for Compose, with their values: all lines of them.

    Compose knows more than *environment*: those of ``.env`` files. ``config --environment`` prints them all, and nobody
    can tell where a value of several lines ends. So a service of Teal's own is added that asks for them.
    """
    asking = {"services": {ASKING: {"image": "none", "environment": sorted(set(names))}}}
    argv, chosen = command(options, (*files, Path("-")))
    whole = [*argv, "config", "--format", "json", ASKING]
    output, errors = await ask(options, {**environment, **chosen}, whole, files, text=json.dumps(asking))
    told = mapping(services_in(understood(output, errors).model)[ASKING].get("environment"))
    return {name: unescaped(value) for name, value in told.items() if value is not None}


async def ask(
    options: Options, environment: dict[str, str], argv: Sequence[str], files: Sequence[Path] = (), *, text: str = ""
) -> tuple[str, str]:
    """Run *argv* where the owner stands, with PWD saying so and *text* to read; return what it printed on both streams.

    Where it fails, ConfigError says why, and of broken YAML in which of *files* it is.
    """
    known = {**environment, "PWD": str(options.cwd)}
    try:
        process = await asyncio.create_subprocess_exec(
            *argv,
            cwd=options.cwd,
            env=known,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
    except FileNotFoundError as error:
        raise Unavailable(
            "there is no docker command", hint="install the Docker Engine with its Compose plugin"
        ) from error
    output, errors = await _printed(process, text)
    if process.returncode != 0:
        raise refusal(errors, files)
    return output, errors


async def _printed(process: asyncio.subprocess.Process, text: str) -> tuple[str, str]:
    """Return what *process*, given *text* to read, has printed at its end; cancelled, it is killed."""
    try:
        output, errors = await process.communicate(text.encode())
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise
    return output.decode(errors="replace"), errors.decode(errors="replace")


def _notes(errors: str) -> tuple[str, ...]:
    """Return Compose's warnings other than unset variables, as text."""
    found = (match[2].replace('\\"', '"') for match in _MESSAGE.finditer(errors) if match[1] in {"warning", "error"})
    return tuple(note for note in dict.fromkeys(found) if "variable is not set" not in note)
