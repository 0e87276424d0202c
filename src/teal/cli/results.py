"""How a command's result leaves: as text for people, as one object for programs."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import TypeVar

import click
from msgspec import structs

from teal.cli.output import interactive
from teal.cli.redaction import escape_control
from teal.cli.session import Session
from teal.errors import Refused

T = TypeVar("T")


def answer(session: Session, result: T, show: Callable[[T], str]) -> None:
    """Print *result*, by *show* or as JSON."""
    if session.json:
        import msgspec

        click.echo(session.redact(msgspec.json.encode(result).decode()))
    else:
        click.echo(escape_control(session.redact(show(without(result, session.shown)))))


def without(result: T, shown: Collection[str]) -> T:
    """Return *result* without the notes that were *shown* while it came about."""
    notes = getattr(result, "notes", ())
    left = tuple(note for note in notes if note not in shown)
    return result if left == notes else structs.replace(result, notes=left)  # type: ignore[type-var]


def consent(session: Session, question: str, *, refusal: str, default: bool = True) -> None:
    """Ask a person before users lose something; where nobody can answer, or for JSON, raise ``Refused``.

    A command's ``--yes`` is the answer given beforehand: then this is not called.
    """
    if session.json or not interactive():
        raise Refused(f"{refusal}, and there is no terminal to ask on", hint="add --yes")
    click.confirm(question, default=default, abort=True)


def confirm(question: str, *, default: bool = True) -> None:
    """Ask a person; without a terminal the command goes ahead. Raise ``Abort`` on no."""
    if interactive():
        click.confirm(question, default=default, abort=True)
