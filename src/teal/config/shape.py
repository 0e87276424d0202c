"""Checks that Compose's answer has the shape that Teal reads, where the readers themselves take it for granted."""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from teal.config.files import PROJECT
from teal.core.model.compose import mapping, sequence, services_in, text
from teal.core.model.stack import Tree
from teal.errors import ConfigError

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
