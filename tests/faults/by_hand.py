"""What people and their machines do to a stack behind Teal's back."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterable
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.engine.stack import Stack, wait_until
from tests.faults.world import World


def short(cases: Iterable[str], *quick: str) -> list[Any]:
    """Return *cases* as parameters, all but the *quick* ones marked as long."""
    return [pytest.param(case, marks=() if case in quick else pytest.mark.long) for case in cases]


def container(tale: World, service: str, side: str = "") -> dict[str, Any]:
    """Return what the engine says of the one container of *service*."""
    wanted = f"{service}-{side}" if side else service
    found = [c for c in tale.containers(side) if c["Config"]["Labels"]["com.docker.compose.service"] == wanted]
    assert len(found) == 1, f"{len(found)} containers of {wanted}"
    return found[0]


def name_of(tale: World, service: str, side: str = "") -> str:
    """Return the name of the one container of *service*."""
    return str(container(tale, service, side)["Name"]).removeprefix("/")


def crash(tale: World, service: str) -> None:
    """Kill the first process of a shared service from outside of Docker: the engine starts it again."""
    os.kill(int(container(tale, service)["State"]["Pid"]), signal.SIGKILL)


def crashing(service: str, stack: Stack) -> str:
    """Return a hook that does the same, and waits until the engine has seen it."""
    find = f"$(docker inspect --format '{{{{.State.Pid}}}}' $(docker ps -q --filter name={stack.project}-{service}-1))"
    return f"kill -9 {find}; sleep 0.3"


def standby(color: str) -> str:
    """Return the color that does not serve while *color* does."""
    return "green" if color == "blue" else "blue"


def told(tale: World) -> str:
    """Return everything that ``teal status`` warns of."""
    status = tale.teal.status()
    return "\n".join([status["interrupted"], *status["problems"]])


def findings(tale: World, *, status: int = 0) -> str:
    """Return what ``teal check`` found, a line each."""
    found = tale.teal.run("check", status=status).result["findings"]
    return "\n".join(f"{each['level']} {each['where']}: {each['message']} -> {each['remedy']}" for each in found)


def state_file(tale: World) -> Path:
    """Return the proxy's state file."""
    return tale.teal.home / tale.project / "proxy" / "state"


def is_whole(tale: World, color: str) -> bool:
    """Tell whether every service of *color* runs."""
    with suppress(AssertionError, json.JSONDecodeError):
        return len(tale.life(color)) == 5
    return False


def wait_healthy(tale: World, service: str) -> None:
    """Wait until a shared service is healthy again."""

    def healthy() -> bool:
        return bool(container(tale, service)["State"].get("Health", {}).get("Status") == "healthy")

    wait_until(healthy, f"{service} is healthy", within=60)


def wait_steady(tale: World, service: str) -> None:
    """Wait until a shared service has lived for so long that the engine forgets its earlier ends.

    It waits twice as long before each start of what has lived for less than 10 s, up to a minute.
    """

    def steady() -> bool:
        started = datetime.fromisoformat(container(tale, service)["State"]["StartedAt"][:19] + "+00:00")
        return datetime.now(UTC) - started > timedelta(seconds=12)

    wait_until(steady, f"{service} is steady", within=75)
