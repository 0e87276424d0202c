"""What may be said: no known secret, nothing that a terminal would obey, nothing too long to read.

Everything that Teal prints or journals passes here. The log lines of a service are its owner's own and are shown on
purpose; of them, too, known secrets are masked: values of variables and build arguments whose names say so, contents
of ``secrets:``, passwords in addresses. What `teal logs`, `exec`, `run` and `compose` show is Docker Compose's own.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from teal.core.model.compose import (
    environment_of,
    last_part,
    mapping,
    sequence,
    services_in,
    text,
    unescaped,
)

if TYPE_CHECKING:  # help needs neither
    from teal.core.model.stack import Stack, Tree

MASK = "***"
SHORTEST = 6  # characters: masking shorter ones would blot out ordinary words
LONGEST = 1000  # characters of one message
_LARGEST = 64 * 1024  # bytes of a secret's file that are looked at
_SECRET_NAME = re.compile(
    r"(?i)(pass(word|wd|phrase)?|secret|token|credential|private|api_?key|access_?key|auth(?!ors?(?:_|$))|dsn|salt|signing|encryption"
    r"|cookie|license|licence|webhook)|(^|_)(key|pw|pwd|pin|jwt|cert|conn(ection)?_?str(ing)?)($|_)"
)
_PASSWORD = re.compile(r"(?<=://)([^\s/:@'\"]*):([^\s/@'\"]+)@")
_WORD = re.compile(r"[A-Za-z]{1,16}[0-9]{0,4}")
# of a secret: \n and \u001b[31m as JSON has them, %3D as an address has it, the color of a log's line
_AFTER_ESCAPE = r"(?<=\\[nrtbf])|(?<=\\u[0-9a-f]{4})|(?<=%[0-9A-Fa-f]{2})|(?<=\[[0-9]m)|(?<=\[[0-9]{2}m)"
_CONTROL = re.compile(r"(\x1b\[[0-9;]*m)|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Redactor:
    """Masks secrets; it knows those of the process's own environment, and learns those of a stack once it is read."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._values = set(_named(environment))
        self._names: set[str] = set()
        self._pattern = _pattern(self._values, self._names)

    def learn(self, stack: Stack, *kept: Tree) -> None:
        """Mask from now on the secrets of *stack*, and those of the Compose models *kept*."""
        models = (*stack.models.values(), *kept)
        found = {value for model in models for value in _of_model(model)}
        self._names |= set(_public(stack))
        self._values = (self._values | found | set(stack.told_secrets)) - self._names
        self._pattern = _pattern(self._values, self._names | set(_paths(stack)))

    def learn_values(self, values: Iterable[str]) -> None:
        """Mask *values* from now on, too."""
        self._values |= set(values)
        self._pattern = _pattern(self._values, self._names)

    def __call__(self, said: str) -> str:
        """Return *said* without any known secret; a name or path of the stack that one is a part of stays whole."""
        without = _PASSWORD.sub(rf"\1:{MASK}@", said)
        return self._pattern.sub(lambda found: found["name"] or MASK, without)


def escape_control(said: str) -> str:
    """Return *said* with all that a terminal would obey spelt out, line ends and colors excepted."""
    return _CONTROL.sub(lambda found: found[1] or found[0].encode("unicode_escape").decode(), said)


def message(said: str) -> str:
    """Return *said* without what a terminal would obey, cut to what can be read."""
    clean = escape_control(said)
    return clean if len(clean) <= LONGEST else f"{clean[: LONGEST - 1]}…"


def is_secret(name: str) -> bool:
    """Tell whether a variable of that *name* holds something that nobody else should see."""
    return bool(_SECRET_NAME.search(name))


def _pattern(values: Iterable[str], names: Iterable[str]) -> re.Pattern[str]:
    """Return what finds a secret, or as ``name`` a name that holds one: that begins earlier, or is tried first."""
    written = {form for value in values for form in _forms(value)}
    held = [name for name in names if any(form in name for form in written)]
    words = "|".join(_whole(form) if _WORD.fullmatch(form) else re.escape(form) for form in _longest_first(written))
    kept = "|".join(map(_whole, _longest_first(held)))
    return re.compile(f"(?P<name>{kept or '(?!)'})|(?:{words or '(?!)'})")


def _longest_first(texts: Iterable[str]) -> list[str]:
    return sorted(texts, key=len, reverse=True)


def _whole(form: str) -> str:
    """Return the pattern of *form* as a word of its own; what stands before it may be an escape of JSON or an address.

    A secret that looks like a word is none within a longer one: ``orders`` is no part of ``reorders``.
    """
    return rf"(?:(?<![A-Za-z0-9])|{_AFTER_ESCAPE}){re.escape(form)}(?![A-Za-z0-9])"


def _forms(value: str) -> Iterator[str]:
    """Yield *value* as it may stand in a log: as it is, in an address, in JSON, in a Compose file; each line alone."""
    for part in {value, value.strip(), *map(str.strip, value.splitlines())}:
        if len(part) >= SHORTEST:
            yield from {part, quote(part, safe=""), json.dumps(part)[1:-1], part.replace("$", "$$")}
            yield json.dumps(part, ensure_ascii=False)[1:-1]


def _named(variables: Mapping[str, str]) -> Iterator[str]:
    for name, value in variables.items():
        if is_secret(name) and not value.startswith("/"):  # a path, as SECRET_FILE has it, is no secret
            yield value
        yield from (found[2] for found in _PASSWORD.finditer(value))


def _of_model(model: Tree) -> Iterator[str]:
    for service in services_in(model).values():
        yield from _named(environment_of(service))
        arguments = mapping(mapping(service.get("build")).get("args"))
        yield from _named({name: unescaped(value) for name, value in arguments.items()})
    for secret in map(mapping, mapping(model.get("secrets")).values()):
        yield unescaped(secret.get("content")) or _content(unescaped(secret.get("file")))


def _content(path: str) -> str:
    try:
        with Path(path).open("rb") as file:
            return file.read(_LARGEST).decode(errors="replace")
    except (OSError, ValueError):
        return ""


def _public(stack: Stack) -> Iterator[str]:
    """Yield what is a name in the stack, and so no secret, though somebody uses it as a password as well."""
    yield stack.project
    for each in stack.services:
        yield from (each.name, each.image, last_part(each.image))
    for model in stack.models.values():
        for kind in ("networks", "volumes", "secrets", "configs"):
            for key, definition in mapping(model.get(kind)).items():
                yield from (text(key), text(mapping(definition).get("name")))


def _paths(stack: Stack) -> Iterator[str]:
    """Yield the paths that the stack names, as a message may name them: whole, below the project, each part."""
    for model in stack.models.values():
        for service in services_in(model).values():
            for volume in map(mapping, sequence(service.get("volumes"))):
                for path in (unescaped(volume.get("source")), unescaped(volume.get("target"))):
                    below = path.removeprefix(f"{stack.directory}/")
                    yield from (path, below)
                    yield from (part for part in below.split("/") if not _WORD.fullmatch(part))
            yield from (unescaped(mapping(service.get("build")).get(key)) for key in ("context", "dockerfile"))
            yield text(service.get("container_name"))
