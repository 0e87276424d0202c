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

from teal.core.model.compose import environment_of, last_part, mapping, services_in, text, unescaped

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
_CONTROL = re.compile(r"(\x1b\[[0-9;]*m)|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Redactor:
    """Masks secrets; it knows those of the process's own environment, and learns those of a stack once it is read."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        self._values = set(_named(environment))
        self._pattern = _pattern(self._values)

    def learn(self, stack: Stack, *kept: Tree) -> None:
        """Mask from now on the secrets of *stack*, and those of the Compose models *kept*."""
        models = (*stack.models.values(), *kept)
        found = {value for model in models for value in _of_model(model)}
        self._values = (self._values | found) - set(_public(stack))
        self._pattern = _pattern(self._values)

    def __call__(self, said: str) -> str:
        """Return *said* without any known secret."""
        return self._pattern.sub(MASK, _PASSWORD.sub(rf"\1:{MASK}@", said))


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


def _pattern(values: Iterable[str]) -> re.Pattern[str]:
    written = {form for value in values for form in _forms(value)}
    if not written:
        return re.compile(r"(?!)")
    return re.compile("|".join(map(re.escape, sorted(written, key=len, reverse=True))))


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
            yield from map(text, mapping(model.get(kind)))
