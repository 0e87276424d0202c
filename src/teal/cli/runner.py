"""Runs a command of the library to its end: its events shown as they come, its signals passed on once.

A command is imported by the *action* that calls it: by then Compose reads the stack's files, and the import costs
nobody any time.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from teal.cli.afterwards import tell_afterwards
from teal.cli.options import OpenStack, Purpose
from teal.cli.redaction import message
from teal.cli.session import Session
from teal.cli.signals import signals
from teal.core.model.units import Moment

if TYPE_CHECKING:
    from teal.core.model.stack import Stack
    from teal.core.planning.events import Event
    from teal.run.context import EventSink, Ports

    Action = Callable[[Ports, Stack, EventSink], Awaitable["T"]]

T = TypeVar("T")


def perform(session: Session, action: Action[T], purpose: Purpose = Purpose.CHANGE) -> T:
    """Open the stack for *purpose*, run *action* under a display of its events, return its result."""
    from teal.cli.show.progress import display, is_living

    watching: list[EventSink] = []

    async def whole() -> T:
        async with session.open(purpose) as opened:
            with _noted(opened, session), display(session) as watch:
                watching.extend([watch] if is_living(session) else [])
                return await action(opened.ports, opened.stack, watch)

    began = Moment(time.time())
    try:
        return run(whole(), say=lambda text: _warn(watching, text))
    finally:  # users are safe by now, and the lock is free
        tell_afterwards(session, began)


def _warn(watching: list[EventSink], text: str) -> None:
    """Say *text* within the picture, where there is one: a line beside it would tear it."""
    from teal.core.planning.events import Message

    if watching:
        watching[0](Message("warning", text))
    else:
        click.echo(text, err=True)


def look(session: Session, purpose: Purpose, action: Action[T]) -> T:
    """Open the stack for *purpose*, run *action* without telling anyone how it goes on, return its result."""

    async def whole() -> T:
        async with session.open(purpose) as opened:
            with _noted(opened, session):
                return await action(opened.ports, opened.stack, ignore_events)

    return run(whole())


@contextmanager
def _noted(opened: OpenStack, session: Session) -> Iterator[None]:
    """Say at the end what is to be known of the state directory."""
    try:
        yield
    finally:
        for note in opened.notes():
            click.echo(f"note: {message(session.redact(note))}", err=True)


def ignore_events(_: Event) -> None:
    """Watch without telling anyone."""


def _print(text: str) -> None:
    click.echo(text, err=True)


def run(work: Coroutine[Any, Any, T], *, say: Callable[[str], None] = _print) -> T:
    """Run *work*; the first signal cancels it once, the second says that it is ending, the third leaves at once."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        task = loop.create_task(work)
        with signals(loop, task, say):
            return loop.run_until_complete(task)
