"""One suite over two worlds: each test that takes ``ground`` runs in the simulated one and on the real engine."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.contract.doors import Door, RealDoor, SimulatedDoor
from tests.contract.ground import Ground
from tests.contract.real import RealGround
from tests.contract.simulated import SimulatedGround

WORLDS = ["simulated", pytest.param("real", marks=[pytest.mark.engine, pytest.mark.timeout(120)])]


@pytest.fixture(params=WORLDS)
def ground(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ground]:
    """A world of its own, emptied afterwards."""
    made: Ground
    made = SimulatedGround() if request.param == "simulated" else RealGround(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=WORLDS, scope="module")
def door(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Door]:
    """A proxy with a service on all three sides, for one file of tests."""
    made: Door
    made = SimulatedDoor() if request.param == "simulated" else RealDoor(tmp_path_factory.mktemp("door"))
    yield made
    made.ground.close()


@pytest.hookimpl(tryfirst=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> object | None:
    """Run an asynchronous test in the time of its world."""
    given: dict[str, Any] = pyfuncitem.funcargs
    ground = given["door"].ground if "door" in given else given.get("ground")
    if ground is None or not inspect.iscoroutinefunction(pyfuncitem.obj):
        return None
    names = pyfuncitem._fixtureinfo.argnames
    ground.run(pyfuncitem.obj(**{name: pyfuncitem.funcargs[name] for name in names}))
    return True
