"""The way of a change: expand and backfill, deploy, rollback, deploy again, contract, while writers never stop."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from proof.managed import Managed
from proof.migrations import faults
from proof.migrations.changes import CHANGES, TABLES, Change
from proof.migrations.faults import Fault, prepare
from proof.migrations.reading import read_back
from proof.migrations.writers import Tally, Writers


@dataclass(frozen=True, slots=True)
class Proved:
    """What one way through has shown."""

    name: str
    tally: Tally
    compared: int  # acknowledged writes that were read back
    differing: list[str]
    seconds: float

    @property
    def lossless(self) -> bool:
        """Say whether no request failed and no write was lost."""
        return not self.tally.failed and not self.differing and self.compared > 0


Walk = Callable[[Managed, Writers], Iterator[str]]


def prove(stack: Managed, name: str, walk: Walk) -> Proved:
    """Carry a change through under writers, reading back all that they wrote after each step."""
    began = time.monotonic()
    compared, wrong = 0, []
    with Writers(stack.http, TABLES) as writers:
        time.sleep(2)
        for _ in walk(stack, writers):
            time.sleep(2)
            count, differing = read_back(stack, writers)
            compared += count
            wrong += differing
    return Proved(name, writers.tally, compared, [*writers.tally.differing, *wrong], time.monotonic() - began)


def plain(changes: Sequence[Change]) -> Walk:
    """Return the plain way of the last of *changes*."""

    def walk(stack: Managed, writers: Writers) -> Iterator[str]:
        del writers
        prepare(stack, changes)
        stack.teal("deploy", "--no-build")
        yield "deployed"
        stack.teal("rollback")
        yield "rolled back"
        stack.teal("deploy", "--no-build")
        yield "deployed again"
        if changes[-1].contracts:
            faults.contract(stack, CHANGES.index(changes[-1]))
            yield "contracted"

    return walk


def faulty(number: int, fault: Fault) -> Walk:
    """Return the way of change *number* with *fault*."""
    return lambda stack, writers: faults.walk(stack, number, fault, writers)
