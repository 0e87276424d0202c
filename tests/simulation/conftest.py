"""The world of most tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.simulation.simulation import Simulation


@pytest.fixture
def world() -> Iterator[Simulation]:
    """Release 1 serves on blue, adopted from a plain stack; no promise may be broken."""
    simulation = Simulation(every=0.2)
    simulation.plain_up()
    simulation.users.flow()
    assert simulation.run("deploy").ok
    yield simulation
    assert simulation.promises.violations == []
    simulation.close()
