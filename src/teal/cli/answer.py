"""How a command's result leaves: as text for people, as one object for programs."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

import click

from teal.cli.discretion import tame
from teal.cli.output import interactive
from teal.cli.session import Session

T = TypeVar("T")


def answer(session: Session, result: T, show: Callable[[T], str]) -> None:
    """Print *result*, by *show* or as JSON."""
    if session.json:
        import msgspec

        click.echo(session.discreet(msgspec.json.encode(result).decode()))
    else:
        click.echo(tame(session.discreet(show(result))))


def confirm(question: str, *, default: bool = True) -> None:
    """Ask a person; where nobody can answer the command itself was the answer. Raise ``Abort`` on no."""
    if interactive():
        click.confirm(question, default=default, abort=True)
