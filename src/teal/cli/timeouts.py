"""The options that say how long services may take: the same on every command that starts or drains something."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import click

from teal.cli.session import Session


def _kept(context: click.Context, parameter: click.Parameter, value: str) -> None:
    """Put what was written into the session, under the option's own name."""
    if value:
        session = context.ensure_object(Session)
        session.overrides = replace(session.overrides, **{str(parameter.name): value})


def _time(option: str, help_text: str) -> Callable[[Any], Any]:
    return click.option(option, metavar="TIME", default="", expose_value=False, callback=_kept, help=help_text)


HEALTH = (
    _time("--health-timeout", "How long services may take to prove themselves (180s)."),
    _time("--health-interval", "Longest time between two looks at a service (3s)."),
)
DRAIN = (_time("--drain-timeout", "How long open requests may take to end (30s)."),)
CANARY = (
    click.option(
        "--canary",
        metavar="SHARE",
        default="",
        expose_value=False,
        callback=_kept,
        help="Lead that share of users to the new release first: 10%, or 10% for 5m.",
    ),
)
BAKE = (_time("--bake", "For how long the new release is watched while the old one waits (0)."),)
TIMES = (*HEALTH, *DRAIN)


def with_options(*decorators: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return all *decorators* as one, in the order in which help lists them."""

    def decorate(function: Any) -> Any:
        for each in reversed(decorators):
            function = each(function)
        return function

    return decorate
