"""Runs a command of the library to its end: its events shown as they come, its signals passed on once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, TypeVar

import click

from teal.cli.session import Opened, Session

if TYPE_CHECKING:
    from teal.cli.library import Library
    from teal.core.events import Event
    from teal.core.stack import Stack
    from teal.run.ports import Ports, Watch

T = TypeVar("T")
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = 130


def perform(session: Session, action: Callable[[Library, Ports, Stack, Watch], Awaitable[T]]) -> T:
    """Open the stack for a change, run *action* under a display of its events, return its result."""
    from teal.cli.show.display import display

    async def whole() -> T:
        async with session.open(changing=True) as opened:
            with _noted(opened), display(session) as watch:
                return await action(session.library, opened.ports, opened.stack, watch)

    return run(whole())


def look(session: Session, action: Callable[[Library, Ports, Stack], Awaitable[T]]) -> T:
    """Open the stack without preparing anything, run *action*, return its result."""

    async def whole() -> T:
        async with session.open() as opened:
            with _noted(opened):
                return await action(session.library, opened.ports, opened.stack)

    return run(whole())


@contextmanager
def _noted(opened: Opened) -> Iterator[None]:
    """Say at the end what is to be known of the state directory."""
    try:
        yield
    finally:
        for note in opened.notes():
            click.echo(f"note: {note}", err=True)


def nobody(_: Event) -> None:
    """Watch without telling anyone."""


def run(work: Coroutine[Any, Any, T]) -> T:
    """Run *work*; the first signal cancels it once, the second says that it is ending, the third leaves at once."""
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        task = loop.create_task(work)
        with _signals(loop, task):
            return loop.run_until_complete(task)


@contextmanager
def _signals(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any]) -> Iterator[None]:
    heard = 0

    def on_signal() -> None:
        nonlocal heard
        heard += 1
        if heard == 1:
            click.echo("stopping: what was begun is being put right …", err=True)
            task.cancel()
        elif heard == 2:
            click.echo("already stopping; once more leaves at once, and the next command puts things right", err=True)
        else:
            os._exit(_INTERRUPTED)

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal)
    try:
        yield
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
