"""One run of Teal as the world sees it: which outside effects it has had, and at which it is killed.

Every call of a port goes through here. It takes a moment, may be made to fail, to hang, to come back late, and is a
point at which the process can die: before the effect, or after it. A dead process does nothing any more, whatever
its ``finally`` blocks still try.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable, Coroutine
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Any, Concatenate, Literal, ParamSpec, Protocol, TypeVar

from teal.errors import Unavailable
from tests.simulated.world import World

P = ParamSpec("P")
T = TypeVar("T")
CURRENT: ContextVar[Process | None] = ContextVar("process", default=None)


class Killed(BaseException):
    """SIGKILL: nothing catches it."""


Kind = Literal["kill-before", "kill-after", "fail-before", "fail-after", "hang", "late"]


@dataclass(frozen=True, slots=True)
class Trouble:
    """What goes wrong with one call: its number among those of the process that act, or that look, from 1."""

    at: int
    kind: Kind
    seconds: float = 40.0  # how long it hangs
    look: bool = False  # a call that only looks


@dataclass(eq=False)
class Process:
    """A run of Teal."""

    world: World
    name: str = "teal"
    troubles: tuple[Trouble, ...] = ()
    latency: float = 0.002
    pid: int = 0
    alive: bool = True
    effects: list[str] = field(default_factory=list)  # outside effects begun, in order: the crash points
    looks: int = 0  # calls that only looked
    met: list[str] = field(default_factory=list)  # troubles that came true
    tasks: list[asyncio.Task[Any]] = field(default_factory=list)  # all that it has made

    def check(self) -> None:
        """Let a dead process go no further."""
        if not self.alive:
            raise Killed(self.name)

    def die(self) -> None:
        """End at once: the kernel frees the lock, nobody runs any further."""
        self.alive = False
        if self.world.holder is self:
            self.world.holder = None

    def sweep(self) -> None:
        """Cancel what still goes on in the name of a process that has ended."""
        tasks, self.tasks = self.tasks, []
        for task in tasks:
            task.cancel()

    def begin(self, call: str) -> Trouble | None:
        """Count an outside effect, and do what goes wrong before it; return what goes wrong after it."""
        self.check()
        self.effects.append(call)
        return self._meet(call, len(self.effects), look=False) if self.troubles else None

    def look(self, call: str) -> Trouble | None:
        """Count a look, and do what goes wrong before it; return what goes wrong after it."""
        self.check()
        self.looks += 1
        return self._meet(call, self.looks, look=True) if self.troubles else None

    def _meet(self, call: str, number: int, *, look: bool) -> Trouble | None:
        trouble = next((each for each in self.troubles if each.at == number and each.look is look), None)
        if trouble is None:
            return None
        self.met.append(f"{trouble.kind} {call}")
        if trouble.kind == "kill-before":
            self.die()
            raise Killed(f"before {call}")
        if trouble.kind == "fail-before":
            raise Unavailable(f"{call} failed", hint="try again")
        return trouble

    def end(self, call: str, trouble: Trouble | None) -> None:
        """Do what goes wrong after the effect."""
        self.check()
        if trouble is not None and trouble.kind == "kill-after":
            self.die()
            raise Killed(f"after {call}")
        if trouble is not None and trouble.kind == "fail-after":
            raise Unavailable(f"{call} failed after it had taken effect", hint="try again")


def adopt(loop: asyncio.AbstractEventLoop, coroutine: Any, **options: Any) -> asyncio.Task[Any]:
    """Make a task that belongs to the process in whose course it is made: a loop's task factory."""
    task: asyncio.Task[Any] = asyncio.Task(coroutine, loop=loop, **options)
    process = CURRENT.get()
    if process is not None:
        process.tasks.append(task)
    return task


class Edge(Protocol):
    """An adapter that belongs to a process."""

    process: Process


S = TypeVar("S", bound=Edge)


async def hang(process: Process, call: str, trouble: Trouble | None) -> None:
    """Let the call hang where that is its trouble: then nobody knows more than that it gave no answer."""
    if trouble is not None and trouble.kind == "hang":
        await asyncio.sleep(trouble.seconds)
        process.check()
        raise Unavailable(f"{call} did not answer in time", hint="try again")


async def come_late(trouble: Trouble | None) -> None:
    """Let the answer come late where that is the call's trouble."""
    if trouble is not None and trouble.kind == "late":
        await asyncio.sleep(trouble.seconds)


def passes(method: Callable[Concatenate[S, P], Awaitable[T]]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Make an asynchronous method that can't fail take its time, and end with the process."""

    @functools.wraps(method)
    async def wrapped(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        self.process.check()
        result = await method(self, *args, **kwargs)
        self.process.check()
        return result

    return wrapped


def acts(method: Callable[Concatenate[S, P], Awaitable[T]]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Make an asynchronous method that changes the world a crash point."""

    @functools.wraps(method)
    async def wrapped(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        call, process = _label(self, method), self.process
        await process.world.loop.pause(process.latency)
        trouble = process.begin(call)
        await hang(process, call, trouble)
        result = await method(self, *args, **kwargs)
        await come_late(trouble)
        process.end(call, trouble)
        return result

    return wrapped


def asks(method: Callable[Concatenate[S, P], Awaitable[T]]) -> Callable[Concatenate[S, P], Coroutine[Any, Any, T]]:
    """Make an asynchronous method that only looks take a moment; it may fail, hang or come back late, too."""

    @functools.wraps(method)
    async def wrapped(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        call, process = _label(self, method), self.process
        process.check()
        await process.world.loop.pause(process.latency)
        trouble = process.look(call)
        await hang(process, call, trouble)
        result = await method(self, *args, **kwargs)
        await come_late(trouble)
        process.end(call, trouble)
        return result

    return wrapped


def writes(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Make a synchronous method that changes the world a crash point."""

    @functools.wraps(method)
    def wrapped(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        call = _label(self, method)
        trouble = self.process.begin(call)
        result = method(self, *args, **kwargs)
        self.process.end(call, trouble)
        return result

    return wrapped


def reads(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """Make a synchronous method that only looks useless to the dead."""

    @functools.wraps(method)
    def wrapped(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        self.process.check()
        return method(self, *args, **kwargs)

    return wrapped


def _label(edge: object, method: Callable[..., Any]) -> str:
    return f"{type(edge).__name__.removeprefix('Simulated').removeprefix('Memory').lower()}.{method.__name__}"
