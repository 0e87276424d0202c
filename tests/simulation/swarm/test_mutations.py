"""A deliberate bug for each rule of the register and of the order, caught by a test that is there for it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

import pytest

from teal.core.swarm import order, register
from teal.core.swarm.asking import Order, Swap
from teal.core.swarm.register import NOTHING, Edge, Mark, Said
from teal.core.swarm.truth import Truth
from teal.errors import TealError
from tests.simulated import swarm as world
from tests.simulation.swarm import test_swarm as played


def half_is_enough(edge: Edge, peers: Iterable[Said]) -> Edge:
    """Settle as the first prototype did: on the newest of more than half, promises and voters left out of account."""
    found = {each.node: each.kept.known for each in peers}
    best = max((edge.kept.known, *found.values()), default=NOTHING)
    edge = register.told(edge, best, 0)
    enough = edge.shown is None and best.epoch > 0 and (len(found) + 1) * 2 > edge.size
    return replace(edge, shown=best) if enough else edge


def everybody_votes(edge: Edge, peers: Iterable[Said]) -> Edge:
    """Count among the voters who has lost its disk."""
    peers = list(peers)
    promises = [each.kept.promised.epoch for each in (*peers, edge.says)]
    best = max(edge.kept.known, *(each.kept.known for each in peers), NOTHING)
    return edge if any(each > best.epoch for each in promises) else half_is_enough(edge, peers)


def commands_are_believed(edge: Edge, mark: Mark, upto: int) -> Edge:
    """Show at once what a command says, however old."""
    edge = register.told(edge, mark, upto)
    return edge if edge.shown else replace(edge, shown=edge.kept.known)


def nothing_lingers(truth: Truth, wish: order.Wish) -> Order[None]:
    """Fill a color of which an edge, or a task, may still be alive."""
    return
    yield


def no_fence(swarm: world.Swarm, command: world.Command, version: int) -> None:
    """Let a command that slept fill and retire what another one has taken over."""


def any_version(swarm: world.Swarm, ask: Swap) -> int:
    """Write without comparing."""
    return REAL_SWAP(swarm, replace(ask, version=swarm.version))


REAL_SWAP = world.Swarm._swap
Bug = tuple[object, str, object, Callable[[], None]]
BUGS: Sequence[Bug] = (
    (
        world,
        "heard",
        half_is_enough,
        played.test_an_undecided_promise_keeps_a_returning_edge_holding_until_teal_says_how_it_was_decided,
    ),
    (
        world,
        "heard",
        everybody_votes,
        played.test_an_edge_that_lost_its_disk_is_no_voter_until_it_has_promised_anew,
    ),
    (world, "told", commands_are_believed, played.test_an_edge_that_has_just_started_does_not_believe_a_command),
    (order, "_free_to_fill", nothing_lingers, played.test_a_lost_edge_is_refused_by_name_and_left_out_on_request),
    (
        world.Swarm,
        "_fenced",
        no_fence,
        played.test_a_manager_that_slept_while_another_took_its_lock_changes_nothing,
    ),
    (world.Swarm, "_swap", any_version, played.test_two_managers_race_and_one_wins_each_time),
)


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: getattr(bug[2], "__name__", ""))
def test_a_deliberate_bug_is_caught(bug: Bug, monkeypatch: pytest.MonkeyPatch) -> None:
    where, name, wrong, test = bug
    test()
    monkeypatch.setattr(where, name, wrong)
    with pytest.raises((AssertionError, TealError, pytest.fail.Exception)):
        test()
