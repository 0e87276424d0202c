"""How a container starts and stops with the hooks that Compose knows: in order, and never in the way of a stop."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from teal.core.model.observed import Container
from teal.core.model.side import Side
from teal.core.model.stack import ContainerHook, Role, Service, Settings
from teal.errors import Failed, Unhealthy
from teal.ports import Ran
from teal.run.context import RunContext
from teal.run.steps import lifecycle
from tests.unit.worlds import container, service

CONTAINER = container("web", Side.BLUE, 1)


class Engine:
    """Writes down what is asked of it; a command answers with its first argument as status."""

    def __init__(self, *, running: bool = True, known: bool = True) -> None:
        self.asked: list[object] = []
        self.running, self.known = running, known

    async def start(self, id_: str) -> None:
        self.asked.append("start")

    async def stop(self, id_: str, *, grace: float) -> None:
        self.asked.append(f"stop within {grace:g} s")

    async def execute(self, id_: str, command: tuple[str, ...], **how: object) -> Ran:
        self.asked.append((command, how))
        if not self.running or not self.known:
            raise Failed("it can't be run")
        return Ran(int(command[1]), "its words\n")

    async def container(self, id_: str) -> Any:
        return SimpleNamespace(running=self.running)


def context(engine: Engine) -> tuple[RunContext, list[str]]:
    noted: list[str] = []
    made = SimpleNamespace(
        ports=SimpleNamespace(engine=engine),
        stack=SimpleNamespace(settings=Settings(health_timeout=7)),
        reporter=SimpleNamespace(tell=lambda *_: None, note=lambda text, **_: noted.append(text)),
    )
    return cast("RunContext", made), noted


def hooked(*statuses: int) -> tuple[Container, Service]:
    hooks = tuple(ContainerHook(("run", str(each)), user="root", environment={"A": "b"}) for each in statuses)
    return CONTAINER, service("web", Role.ROUTE, post_start=hooks, pre_stop=hooks)


def test_hooks_run_after_the_start_in_order_and_as_they_are_asked_for() -> None:
    engine = Engine()
    asyncio.run(lifecycle.begin(context(engine)[0], *hooked(0, 0)))
    how = {"within": 7, "user": "root", "privileged": False, "directory": "", "environment": {"A": "b"}}
    assert engine.asked == ["start", (("run", "0"), how), (("run", "0"), how)]


def test_a_hook_that_fails_after_the_start_is_a_failed_start_that_shows_no_argument() -> None:
    engine = Engine()
    with pytest.raises(Unhealthy, match=r"its post_start hook `run` ended with status 3$") as caught:
        asyncio.run(lifecycle.begin(context(engine)[0], *hooked(3, 0)))
    assert caught.value.detail == "its words"
    assert len(engine.asked) == 2


def test_a_container_that_ended_before_its_hook_is_left_to_the_gate() -> None:
    asyncio.run(lifecycle.begin(context(Engine(running=False))[0], *hooked(0)))


def test_a_hook_that_can_not_be_run_in_what_runs_has_failed() -> None:
    with pytest.raises(Unhealthy, match="status 127") as caught:
        asyncio.run(lifecycle.begin(context(Engine(known=False))[0], *hooked(0)))
    assert caught.value.detail == "it can't be run"


def test_hooks_run_before_the_stop_and_one_that_fails_is_noted_and_stops_nothing() -> None:
    engine = Engine()
    given, noted = context(engine)
    asyncio.run(lifecycle.end(given, *hooked(0, 4), grace=5))
    assert [each if isinstance(each, str) else cast("Any", each)[0] for each in engine.asked] == [
        ("run", "0"),
        ("run", "4"),
        "stop within 5 s",
    ]
    assert len(noted) == 1
    assert noted[0].endswith("ended with status 4\nits words")


def test_what_nothing_is_known_of_is_stopped_without_hooks() -> None:
    engine = Engine()
    asyncio.run(lifecycle.end(context(engine)[0], CONTAINER, None, grace=5))
    assert engine.asked == ["stop within 5 s"]
