"""One stack for all tests of this folder, under load from the first to the last."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.engine.stack import wait_until
from tests.faults.rows import record
from tests.faults.users import Users
from tests.faults.world import SERVICES, World, new_world, remove


@pytest.fixture(scope="package")
def stack_under_load(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[World, Users]]:
    """The example with its first release on blue, and users who never stop."""
    world = new_world(tmp_path_factory.mktemp("faults"))
    try:
        world.teal.run("deploy", within=300)
        wait_until(lambda: len(world.stack.get("/chain").json()) == len(SERVICES), "every service answers")
        with Users(world) as users:
            yield world, users
            report = users.finish()
            print("\n".join(["", *users.rows]))
            assert report.clean, report.table()
    finally:
        remove(world)


@pytest.fixture
def tale(stack_under_load: tuple[World, Users], request: pytest.FixtureRequest) -> Iterator[World]:
    """The stack, with its files as they were afterwards; nothing of the users may have failed meanwhile."""
    world, users = stack_under_load
    if world.state not in {"blue", "green"}:  # a test before this one failed half-way
        world.teal.run("cleanup")
    shared = world.life()
    world.touched.clear()
    past = len(world.gone)
    yield world
    world.restore()
    report = users.judge(request.node.name)
    windows = world.gone[past:]
    twins = [window.lost for window in windows if window.control]
    taken = sum(window.lost for window in windows if not window.control)
    record(request.node, report, failed=report.failed, taken=taken, twin=sum(twins) if twins else None)
    assert report.clean, report.table()
    assert world.untouched_of(world.life()) == world.untouched_of(shared), "shared services were touched"


@pytest.fixture
def users(stack_under_load: tuple[World, Users]) -> Users:
    """The users of the stack, for tests that count what a fault costs them."""
    return stack_under_load[1]
