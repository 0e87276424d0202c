"""The engine restarts, the power fails: Teal's own proxy is back with the color that served, before a front, too."""

from __future__ import annotations

import shutil
import signal
from collections.abc import Iterator

import httpx
import pytest

from tests.engine.lone import FAST, Lone, Users, lone
from tests.engine.stack import STACKS, wait_until
from tests.faults.rows import record
from tests.faults.second.pair import Pair

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("own-proxy"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module", params=["nobody", pytest.param("nginx", marks=pytest.mark.long)])
def inn(second: Pair, request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lone]:
    """A stack with nobody or nginx in front, on the second engine, behind Teal's own proxy."""
    front = str(request.param)
    second.machine.load("redis:8" if front == "nobody" else "nginx:1.28", "caddy:2")
    made = lone("lone" if front == "nobody" else "lane", tmp_path_factory.mktemp(front), called=f"inn-{front}")
    if front == "nginx":
        shutil.copy(STACKS / "lone" / "app.py", made.stack.folder)
        shutil.copy(made.stack.folder / "nginx.yml", made.stack.folder / "compose.override.yml")
    try:
        made.stack.compose("up", "--detach", "--wait")
        made.teal.run("deploy", "--yes", within=240)
        yield made
    finally:
        made.remove()


def answers(inn: Lone) -> str:
    """Return who serves."""
    wait_until(lambda: inn.stack.answers("/chain"), "users are answered again", within=90)
    return str(httpx.get(f"{inn.stack.url}/who", timeout=35, trust_env=False).json()["color"])


def counted(users: Users, request: pytest.FixtureRequest) -> None:
    """Let the table say what the fault took: while the engine is away, all is down."""
    record(request.node, users.report, failed=0, taken=len(users.failed), twin=None)
    assert users.report.mixed == 0, users.report.table()


def test_users_are_back_with_the_engine_that_restarts(second: Pair, inn: Lone, request: pytest.FixtureRequest) -> None:
    serves = inn.active
    second.machine.configure(live_restore=False)
    with inn.users(FAST, rate=20) as users:
        second.machine.restart()
        assert answers(inn) == serves
    counted(users, request)
    with inn.users(FAST, rate=20) as users:
        inn.teal.run("deploy", "--force")
    users.demand_peace()


@pytest.mark.parametrize("point", ["done:switch", pytest.param("before:switch", marks=pytest.mark.long)])
def test_users_are_back_after_the_power_failed_in_a_deploy_and_the_next_command_heals(
    second: Pair, inn: Lone, request: pytest.FixtureRequest, point: str
) -> None:
    with inn.users(FAST, rate=20) as users:
        inn.ended_at(point, signal.SIGKILL, "deploy", "--force")
        serves = inn.active
        second.machine.power_cut()
        assert answers(inn) == serves
        assert inn.teal.status()["interrupted"]
        assert inn.teal.run("cleanup").result["healed"]
    counted(users, request)
    assert answers(inn) == inn.active == serves
    assert inn.own() == "true"
