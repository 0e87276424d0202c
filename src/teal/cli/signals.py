"""Signals, passed on once: the command's own task decides what becomes of what it has begun."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, NoReturn

if TYPE_CHECKING:
    import asyncio

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_INTERRUPTED = 130
_SHOW_CURSOR = b"\x1b[?25h\n"
_DOCKERS_SOCKET = "DOCKER_CLI_PLUGIN_SOCKET"


def _leave_at_once() -> NoReturn:
    with suppress(OSError):
        if sys.stdout.isatty():
            os.write(sys.stdout.fileno(), _SHOW_CURSOR)
    os._exit(_INTERRUPTED)


@contextmanager
def signals(loop: asyncio.AbstractEventLoop, task: asyncio.Task[Any], say: Callable[[str], None]) -> Iterator[None]:
    """Cancel *task* at the first signal, say at the second that it is ending, leave at once at the third."""
    heard = 0

    def on_signal() -> None:
        nonlocal heard
        heard += 1
        if heard == 1:
            say("stopping: undoing or finishing what was begun …")
            task.cancel()
        elif heard == 2:
            say("already stopping; once more quits at once, and the next command cleans up")
        else:
            _leave_at_once()

    for number in _SIGNALS:
        loop.add_signal_handler(number, on_signal)
    listening = loop.create_task(_dockers_word(on_signal))
    try:
        yield
    finally:
        listening.cancel()
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
        if heard:
            ignore_signals()


def ignore_signals() -> None:
    """Ignore signals from here on: all that is left is to print how it ended and to exit with that status."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)


async def _dockers_word(on_signal: Callable[[], None]) -> None:
    """Wait for the end of the ``docker`` that runs Teal as its plugin.

    Without a terminal it passes no signal on: it closes a socket that it has told its plugins of.
    """
    import asyncio

    name = os.environ.get(_DOCKERS_SOCKET, "")
    if not name:
        return
    with suppress(OSError):
        reader, writer = await asyncio.open_unix_connection(f"\0{name[1:]}" if name.startswith("@") else name)
        while await reader.read(1024):
            pass
        writer.close()
        on_signal()
