"""Translates: an event loop whose time is virtual: it jumps to the next thing that is due and never waits."""

from __future__ import annotations

import asyncio
from typing import Any


class Stuck(RuntimeError):
    """Everybody waits and nothing will ever happen."""


class VirtualLoop(asyncio.BaseEventLoop):
    """asyncio without sockets, threads and waiting: ``time()`` is the number of virtual seconds since its birth."""

    def __init__(self) -> None:
        super().__init__()
        self._virtual = 0.0
        self._selector = _Jump(self)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._virtual

    def jump(self, seconds: float) -> None:
        """Let *seconds* pass."""
        self._virtual += seconds

    def _process_events(self, event_list: Any) -> None:
        """There are no sockets, so there are no events."""

    def _write_to_self(self) -> None:
        """Nobody sleeps, so nobody is woken."""


class _Jump:
    """What the loop takes for a selector: waiting is a jump in time."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop

    def select(self, timeout: float | None) -> list[Any]:
        """Return no events, *timeout* virtual seconds later."""
        if timeout is None:
            raise Stuck("everybody waits and nothing is due")
        if timeout > 0:
            self._loop.jump(timeout)
        return []
