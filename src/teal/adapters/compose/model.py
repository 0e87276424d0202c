"""What Compose says of a stack's files, ``docker compose config`` as their owner would run it.

Checks that the answer has the shape that Teal reads, where the readers themselves take it for granted.
"""

from __future__ import annotations

import asyncio
import re
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Annotated

import msgspec
from msgspec import Meta, Struct

from teal.adapters.compose.errors import not_started, refusal
from teal.core.model.compose import mapping, sequence, services_in, text
from teal.errors import ConfigError
from teal.ports import Question, Resolved

_Duration = Annotated[str, Meta(pattern=r"^((\d+(\.\d*)?(ns|us|µs|ms|s|m|h|d))+|\d+(\.\d+)?)?$")]
_HINT = "compare `docker compose config --format json`; update Compose, or send that output with a bug report"
_UNSET = re.compile(r'The \\?"(\w+)\\?" variable is not set')
_MESSAGE = re.compile(r'level=(\w+) msg="((?:[^"\\]|\\.)*)"')


class _Healthcheck(Struct):
    interval: _Duration | None = None
    start_period: _Duration | None = None


class _Service(Struct):
    healthcheck: _Healthcheck | None = None
    stop_grace_period: _Duration | None = None


class _Model(Struct):
    name: str
    services: dict[str, _Service]


@dataclass(frozen=True, slots=True)
class DockerModels:
    """A ``ModelReader``."""

    async def read(self, question: Question) -> Resolved:
        """Return Compose's answer; cancelled, Compose is killed."""
        argv, environment = _command(question)
        try:
            process = await asyncio.create_subprocess_exec(
                *argv,
                cwd=question.cwd,
                env=environment,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
            )
        except FileNotFoundError as error:
            raise not_started(error, question.cwd) from error
        output, errors = await _printed(process, question.text)
        return _answer(question, process.returncode, output, errors)

    def read_at_once(self, question: Question) -> Resolved:
        """Return Compose's answer."""
        argv, environment = _command(question)
        try:
            ended = subprocess.run(
                argv,
                cwd=question.cwd,
                env=environment,
                input=question.text.encode(),
                capture_output=True,
                check=False,
            )
        except FileNotFoundError as error:
            raise not_started(error, question.cwd) from error
        return _answer(question, ended.returncode, ended.stdout, ended.stderr)


def _command(question: Question) -> tuple[Sequence[str], dict[str, str]]:
    only = [question.service] if question.service else []
    argv = ["docker", "compose", *question.options, "config", "--format", "json", *only]
    return argv, {**question.environment, "PWD": question.cwd}


async def _printed(process: asyncio.subprocess.Process, text: str) -> tuple[bytes, bytes]:
    """Return what *process*, given *text* to read, has printed at its end; cancelled, it is killed."""
    try:
        return await process.communicate(text.encode())
    except asyncio.CancelledError:
        with suppress(ProcessLookupError):
            process.kill()
        await process.wait()
        raise


def _answer(question: Question, status: int | None, output: bytes, errors: bytes) -> Resolved:
    said = errors.decode(errors="replace")
    if status != 0:
        raise refusal(said, question.broken)
    return understood(output.decode(errors="replace"), said)


def understood(output: str, errors: str) -> Resolved:
    """Return what Compose printed on its two streams as a value; ConfigError where that is no model."""
    try:
        model = msgspec.json.decode(output, type=dict[str, object])
    except msgspec.DecodeError as error:
        raise ConfigError(
            f"the output of `docker compose config` is not JSON: {error}",
            hint="run it and look; is another program called docker first in the PATH?",
        ) from error
    _check(model)
    return Resolved(model, frozenset(_UNSET.findall(errors)), _notes(errors))


def _check(model: dict[str, object]) -> None:
    """Raise ConfigError where *model* isn't what Compose prints."""
    try:
        msgspec.convert(model, _Model)
    except msgspec.ValidationError as error:
        raise ConfigError(f"Compose's output is not understood: {error}", hint=_HINT) from error
    for name, service in services_in(model).items():
        for kind in ("secrets", "configs"):
            known = mapping(model.get(kind))
            for each in map(mapping, sequence(service.get(kind))):
                if text(each.get("source")) not in known:
                    message = f"Compose's output is not understood: services.{name}.{kind} names none of the {kind}"
                    raise ConfigError(message, hint=_HINT)


def _notes(errors: str) -> tuple[str, ...]:
    """Return Compose's warnings other than unset variables, as text."""
    found = (match[2].replace('\\"', '"') for match in _MESSAGE.finditer(errors) if match[1] in {"warning", "error"})
    return tuple(note for note in dict.fromkeys(found) if "variable is not set" not in note)
