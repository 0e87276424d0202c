"""An event loop whose time is virtual: it jumps to the next thing that is due and never waits.

It knows what asyncio's tasks, futures and timeouts ask of a loop, and nothing of sockets, threads and signals: so a
turn costs a fraction of what it costs in asyncio's own loop.
"""

from __future__ import annotations

import asyncio
import sys
from asyncio import events
from collections import deque
from collections.abc import Callable
from contextvars import Context, copy_context
from functools import partial
from heapq import heappop, heappush
from itertools import count
from typing import Any, TypeVarTuple, Unpack

Ts = TypeVarTuple("Ts")
Handler = Callable[[asyncio.AbstractEventLoop, dict[str, Any]], object]
Factory = Callable[..., asyncio.Task[Any]]


class Stuck(RuntimeError):
    """Everybody waits and nothing will ever happen."""


class Due(asyncio.TimerHandle):
    """A call that is due, now or later, for which asyncio has a handle."""

    __slots__ = ()

    def __init__(self, callback: Callable[..., object], args: Any, context: Context | None, when: float) -> None:
        self._callback: Callable[..., object] | None = callback
        self._args = args
        self._context = context
        self._when = when

    def cancel(self) -> None:
        """Let it never happen."""
        self._callback, self._args = None, ()

    def cancelled(self) -> bool:
        """Tell whether it will never happen."""
        return self._callback is None

    def __call__(self) -> None:
        """Call, unless cancelled."""
        if self._callback is None:
            return
        if self._context is None:
            self._callback(*self._args)
        else:
            self._context.run(self._callback, *self._args)


class VirtualLoop(asyncio.AbstractEventLoop):
    """asyncio without sockets, threads and waiting: ``time()`` is the number of virtual seconds since its birth."""

    def __init__(self) -> None:
        self._virtual = 0.0
        self._ready: deque[Callable[[], object]] = deque()
        self._later: list[tuple[float, int, Callable[[], object]]] = []
        self._order = count()  # of what is due at the same time
        self._closed = False
        self._factory: Factory | None = None
        self._handler: Handler | None = None

    # Time

    def time(self) -> float:
        """Return the virtual seconds since the loop was made."""
        return self._virtual

    def after(self, seconds: float, callback: Callable[[], object]) -> None:
        """Call *callback* in *seconds*, in no context: it can't be taken back, and costs less than ``call_later``."""
        heappush(self._later, (self._virtual + seconds, next(self._order), callback))

    def pause(self, seconds: float) -> asyncio.Future[None]:
        """Return what is done in *seconds*: ``asyncio.sleep``, for less."""
        future: asyncio.Future[None] = asyncio.Future(loop=self)
        self.after(seconds, partial(_wake, future))
        return future

    # What asyncio asks

    def call_soon(
        self, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call *callback* in this moment, after what is due before it."""
        due = Due(callback, args, context or copy_context(), self._virtual)
        self._ready.append(due)
        return due

    def call_later(
        self, delay: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call *callback* in *delay* seconds."""
        return self.call_at(self._virtual + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[[Unpack[Ts]], object], *args: *Ts, context: Context | None = None
    ) -> asyncio.TimerHandle:
        """Call *callback* at *when* on this loop's clock."""
        due = Due(callback, args, context or copy_context(), when)
        entry: tuple[float, int, Callable[[], object]] = (when, next(self._order), due)
        heappush(self._later, entry)
        return due

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> asyncio.Task[Any]:
        """Return a task that runs *coro*."""
        options: dict[str, Any] = {} if context is None else {"context": context}
        make = self._factory
        task = asyncio.Task(coro, loop=self, **options) if make is None else make(self, coro, **options)
        if name is not None:
            task.set_name(name)
        return task

    def set_task_factory(self, factory: Any) -> None:
        """Let *factory* make all tasks."""
        self._factory = factory

    def get_task_factory(self) -> Any:
        """Return what makes all tasks, None for asyncio itself."""
        return self._factory

    def set_exception_handler(self, handler: Any) -> None:
        """Tell *handler* what nobody awaits."""
        self._handler = handler

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Tell whoever asked for it of an error that nobody awaits."""
        if self._handler is not None:
            self._handler(self, context)

    def get_debug(self) -> bool:
        """Return False."""
        return False

    def is_running(self) -> bool:
        """Tell whether it runs now."""
        return events._get_running_loop() is self

    def is_closed(self) -> bool:
        """Tell whether it has ended."""
        return self._closed

    def close(self) -> None:
        """End; what is still due never happens."""
        self._closed = True
        self._ready.clear()
        self._later.clear()
        self._factory = self._handler = None

    def run_until_complete(self, future: Any) -> Any:
        """Let time pass until *future* is done; return its result."""
        assert not self._closed, "the loop has ended"
        task = asyncio.ensure_future(future, loop=self)
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(finalizer=self._end_generator)
        events._set_running_loop(self)
        try:
            while not task.done():
                self._turn()
        finally:
            events._set_running_loop(None)
            sys.set_asyncgen_hooks(*hooks)
        return task.result()

    def _end_generator(self, generator: Any) -> None:
        """Close an asynchronous generator that nobody iterates any more."""
        if not self._closed:
            self.create_task(_closed(generator))

    def _turn(self) -> None:
        """Do all that is ready; where nothing is, jump to the next moment at which something is due."""
        ready, later = self._ready, self._later
        if not ready:
            if not later:
                raise Stuck("everybody waits and nothing is due")
            self._virtual = max(self._virtual, later[0][0])
        while later and later[0][0] <= self._virtual:
            ready.append(heappop(later)[2])
        for _ in range(len(ready)):
            call = ready.popleft()
            try:
                call()
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self.call_exception_handler({"message": f"exception in {call}", "exception": error})


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


async def _closed(generator: Any) -> None:
    await generator.aclose()


def virtual_loop() -> VirtualLoop:
    """Return a loop; what nothing here needs of asyncio (sockets, signals, threads) raises NotImplementedError."""
    return VirtualLoop()  # type: ignore[abstract]
