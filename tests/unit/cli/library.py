"""A library whose commands return what the test says and remember how they were called.

The commands of ``teal.run.commands`` are replaced while a stack is open, each by one with the same parameters: the
command line can't call one in a way in which the real one can't be called.
"""

from __future__ import annotations

import contextlib
import inspect
import pkgutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import Any
from unittest.mock import patch

from teal.cli.options import OpenStack, Purpose
from teal.cli.session import Session
from teal.core.model.side import Side
from teal.core.model.stack import Assigned, Role, Service, Stack
from teal.run.api import Understood
from teal.run.context import EventSink, Ports

STACK = Stack(
    project="tale",
    directory="/srv/tale",
    files=(),
    models={},
    services=(
        Service("web", Assigned(Role.ROUTE, "named in compose.blue.yml"), port=3000),
        Service("worker", Assigned(Role.WORKER, "no port")),
        Service("migrate", Assigned(Role.ONE_SHOT, "its name")),
        Service("db", Assigned(Role.SHARED, "a store")),
    ),
    proxy="proxy",
)


UNDERSTOOD = Understood("tale", first=False, roles=(), ports={}, front="nobody")  # nothing is to be asked


def commands() -> Iterator[tuple[ModuleType, str, Callable[..., Any]]]:
    """Yield the library's commands: module, name, function."""
    import teal.run.commands as package

    for found in pkgutil.iter_modules(package.__path__):
        module = import_module(f"{package.__name__}.{found.name}")
        for name, each in inspect.getmembers(module, inspect.isfunction):
            own = each.__module__ == module.__name__ and not name.startswith("_")
            if own and next(iter(inspect.signature(each).parameters), "") == "ports":
                yield module, name, each


class FakeLibrary:
    """Stands in for every command; *answers* says what each returns, raises, or does with its watch."""

    def __init__(self, **answers: Any) -> None:
        self.answers = {"understand": UNDERSTOOD, **answers}
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Replace the real commands."""
        with contextlib.ExitStack() as replaced:
            for module, name, real in commands():
                replaced.enter_context(patch.object(module, name, self._standing_in(name, real)))
            yield

    def _standing_in(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(real)

        async def command(ports: Ports, stack: Stack, *args: Any, **kwargs: Any) -> Any:
            signature.bind(ports, stack, *args, **kwargs)
            return await self._give(name, args, kwargs)

        def history(ports: Ports, *args: Any) -> Any:
            signature.bind(ports, *args)
            self.calls.append((name, args, {}))
            return self.answers[name]

        return command if inspect.iscoroutinefunction(real) else history

    async def _give(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        if name != "understand":  # a deploy looks first whether it has to ask
            self.calls.append((name, args, kwargs))
        answer = self.answers[name]
        if isinstance(answer, BaseException):
            raise answer
        if callable(answer):
            return await answer(next((each for each in args if callable(each)), None))
        return answer

    @property
    def words(self) -> list[str]:
        """Return the names of the commands that were called."""
        return [name for name, _, _ in self.calls]


class Became(list[tuple[list[str], dict[str, str]]]):
    """Remembers what the process would have become."""

    def __call__(self, argv: Sequence[str], environment: dict[str, str]) -> None:
        self.append((list(argv), environment))


def session(library: FakeLibrary | None = None, ports: Any = None, stack: Stack = STACK) -> Session:
    """Return a session on *stack* with a fake library."""
    opened, fake = OpenStack(ports, stack), library or FakeLibrary()

    @contextlib.asynccontextmanager
    async def opener(_: Session, purpose: Purpose) -> AsyncIterator[OpenStack]:
        with fake.in_place():
            yield opened

    return Session(opener=opener, become=Became())


Act = Callable[[EventSink], Any]
__all__ = ["STACK", "Act", "Became", "FakeLibrary", "Side", "session"]
