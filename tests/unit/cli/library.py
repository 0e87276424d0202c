"""A library whose commands return what the test says and remember how they were called."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any, cast

from teal.cli.library import Library
from teal.cli.options import Opened, Purpose
from teal.cli.session import Session
from teal.core.model.side import Side
from teal.core.model.stack import Assigned, Role, Service, Stack
from teal.run.context import Ports, Watch

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


class FakeLibrary:
    """Every command is an attribute; *answers* says what it returns, raises, or does with its watch."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.calls: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = []

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)

        async def command(ports: Ports, stack: Stack, *args: Any, **kwargs: Any) -> Any:
            return await self._give(name, args, kwargs)

        def history(ports: Ports, limit: int) -> Any:
            self.calls.append(("history", (limit,), {}))
            return self.answers["history"]

        return history if name == "history" else command

    async def _give(self, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
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
    opened = Opened(ports, stack)

    @contextlib.asynccontextmanager
    async def opener(_: Session, purpose: Purpose) -> AsyncIterator[Opened]:
        yield opened

    return Session(opener=opener, librarian=lambda: cast("Library", library or FakeLibrary()), become=Became())


Act = Callable[[Watch], Any]
__all__ = ["STACK", "Act", "Became", "FakeLibrary", "Side", "session"]
