"""A second engine for the faults that would hurt others on this machine, and what users noticed of each."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.rows import record
from tests.faults.second.machine import Machine, inside
from tests.faults.second.pair import Pair, new_pair


@pytest.fixture(scope="package")
def second() -> Iterator[Pair]:
    """A second engine with a stack that Teal rolls and its twin; this thread is in their network until the end."""
    with Machine() as machine:
        machine.load("python:3.13-slim", "caddy:2.11")
        with inside(machine.namespace), new_pair(machine) as pair:
            yield pair


@pytest.fixture
def pair(second: Pair, request: pytest.FixtureRequest) -> Iterator[Pair]:
    """Both stacks under load; afterwards as before, and no more lost than the fault costs without Teal."""
    shared = {name: one for name, (one, _) in second.world.life().items()}
    with second.under_load():
        yield second
        second.world.restore()
    told = second.told
    assert told is not None
    print(f"\n{request.node.name}: {told}")
    taken = min(told.pair.failed, int(told.bearable))
    record(request.node, told.pair, failed=told.pair.failed - taken, taken=taken, twin=told.twin.failed)
    assert told.pair.mixed + told.pair.late + told.pair.early == 0, told.pair.table()
    assert told.pair.failed == taken, f"{told.pair.table()}\n\nwithout Teal: {told.twin.table()}"
    assert {name: one for name, (one, _) in second.world.life().items()} == shared, "shared services were replaced"
