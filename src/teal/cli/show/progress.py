"""Chooses how a running command is shown: JSON Lines, nothing, a living picture, or plain lines."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Protocol

from teal.cli.output import Outlet

if TYPE_CHECKING:
    from teal.cli.session import Session
    from teal.core.planning.events import Event
    from teal.run.context import EventSink


class Display(Protocol):
    """Is told events and shows them in its way."""

    def tell(self, event: Event) -> None:
        """Take note of *event*; return at once."""
        ...

    def close(self) -> None:
        """Show the last state and let go of the terminal."""
        ...


@contextmanager
def display(session: Session) -> Iterator[EventSink]:
    """Yield the watch to hand to the library."""
    chosen = _choose(session)
    if chosen is None:
        yield _nothing
        return
    try:
        yield _guarded(chosen, session.redact, session.shown)
    finally:
        chosen.close()


def is_living(session: Session) -> bool:
    """Tell whether a living picture is shown: a person watches a terminal."""
    return sys.stdout.isatty() and not session.json and not session.quiet


def _choose(session: Session) -> Display | None:
    if session.json:
        from teal.cli.show.lines import JsonLines

        return JsonLines(Outlet(sys.stdout), clock=time.monotonic)
    if session.quiet:
        return None
    if is_living(session):
        from teal.cli.show.live import Live

        return Live(clock=time.monotonic)
    from teal.cli.show.lines import PlainLines

    return PlainLines(Outlet(sys.stdout), Outlet(sys.stderr), clock=time.monotonic)


def _nothing(_: Event) -> None:
    return


def _guarded(chosen: Display, redact: Callable[[str], str], shown: set[str]) -> Callable[[Event], None]:
    """Return a watch that masks secrets and never raises: a fault of the presentation loses a line, never a deploy.

    It remembers in *shown* the notes that it was told.
    """
    from teal.cli.redaction import escape_control
    from teal.core.planning.events import Message

    def tell(event: Event) -> None:
        with suppress(Exception):
            chosen.tell(
                Message(event.kind, escape_control(redact(event.text))) if isinstance(event, Message) else event
            )
            if isinstance(event, Message) and event.kind != "tool":
                shown.add(event.text)

    return tell
