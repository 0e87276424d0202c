"""The gate before a contract: each condition that is violated alone keeps it shut, and says what opens it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from teal.core.migrations import gate
from teal.core.migrations.contracts import strictest, taken_along
from teal.core.migrations.gate import (
    Condition,
    DatabaseSession,
    GateEvidence,
    evaluate_gate,
    is_open,
    once_given_up,
    rollbacks_lost,
)
from teal.core.model.migrations import OpenChange
from teal.core.model.observed import Container
from teal.core.model.side import Side
from tests.unit.worlds import SHARED, color, container

CHANGE = OpenChange("0007_writer", release=7, opened=1000.0)


def at(address: str, *found: Container) -> tuple[Container, ...]:
    return tuple(replace(each, addresses={"shop_default": address}) for each in found)


POOLER = at("10.0.0.9", container("pooler", Side.PLAIN, None))
NEW = at("10.0.0.7", *color(Side.BLUE, 7))
OLD = at("", *color(Side.GREEN, 6, state="exited"))
OPEN = GateEvidence(
    change=CHANGE,
    active=7,
    containers=NEW,
    kept=(7,),
    sessions=(DatabaseSession("10.0.0.7", "api"),),
    standing=(*SHARED, *POOLER, *NEW),
    differing={"SELECT count(*) FROM review WHERE writer IS DISTINCT FROM author": 0},
    delay=3600.0,
    now=1000.0 + 3600.0,
    confirmed=True,
)
SOMETIME = "SELECT count(*) FROM review WHERE writer IS NULL"

VIOLATED: dict[
    str, tuple[GateEvidence, str, str]
] = {  # what is violated -> what was seen, the condition, a word of its way out
    "an older release serves": (replace(OPEN, active=6), "serving", "teal deploy"),
    "nothing serves": (replace(OPEN, active=None), "serving", "teal deploy"),
    "an older container runs": (replace(OPEN, containers=(*NEW, *color(Side.GREEN, 6))), "containers", "--give-up"),
    "an older container is kept": (replace(OPEN, containers=(*NEW, *OLD)), "containers", "--give-up"),
    "a plain container stands": (
        replace(OPEN, containers=(*NEW, container("web", Side.PLAIN, None, state="exited"))),
        "containers",
        "docker rm -f shop-web-plain",
    ),
    "the stack has no containers": (replace(OPEN, containers=()), "containers", "teal deploy"),
    "an older release is kept": (replace(OPEN, kept=(6, 7)), "kept", "--give-up"),
    "the database can't be asked": (replace(OPEN, sessions=None), "sessions", "teal check"),
    "a session is of an older release": (
        replace(OPEN, sessions=(DatabaseSession("10.0.0.6"),), standing=at("10.0.0.6", *color(Side.GREEN, 6))),
        "sessions",
        "--trust",
    ),
    "a session comes through a pooler": (replace(OPEN, sessions=(DatabaseSession("10.0.0.9"),)), "sessions", "--trust"),
    "a session comes from an unknown address": (
        replace(OPEN, sessions=(DatabaseSession("172.17.0.1"),)),
        "sessions",
        "--trust",
    ),
    "a session comes over the socket": (replace(OPEN, sessions=(DatabaseSession("", "psql"),)), "sessions", "--trust"),
    "a backfill is not finished": (replace(OPEN, backfills=("0007_writer",)), "backfill", "teal migrate backfill"),
    "rows differ": (replace(OPEN, differing={SOMETIME: 3}), "backfill", "teal migrate backfill"),
    "rows can't be counted": (replace(OPEN, differing={SOMETIME: None}), "backfill", "correct the assertion"),
    "the delay is not over": (replace(OPEN, now=1000.0 + 3599.0), "delay", "wait 1 s more"),
    "the tombstones are too young": (replace(OPEN, softened=1000.0 + 10.0), "delay", "wait 10 s more"),
    "nobody said yes": (replace(OPEN, confirmed=False), "confirmed", "--yes"),
}


def shut(seen: GateEvidence) -> list[Condition]:
    return [condition for condition in evaluate_gate(seen) if not condition.met]


def test_the_gate_is_open_where_every_condition_is_met() -> None:
    assert shut(OPEN) == []
    assert is_open(evaluate_gate(OPEN))
    assert [condition.name for condition in evaluate_gate(OPEN)] == [
        "serving", "containers", "kept", "sessions", "backfill", "delay", "confirmed",
    ]  # fmt: skip
    assert all(condition.evidence for condition in evaluate_gate(OPEN))


def test_a_gate_without_conditions_is_shut() -> None:
    assert not is_open(())


@pytest.mark.parametrize("what", VIOLATED)
def test_one_condition_violated_alone_keeps_the_gate_shut(what: str) -> None:
    seen, name, way = VIOLATED[what]
    found = shut(seen)
    assert [condition.name for condition in found] == [name]
    assert not is_open(evaluate_gate(seen))
    assert found[0].evidence
    assert way in found[0].opens


def caught(rules: tuple[Callable[[GateEvidence], Condition], ...]) -> list[str]:
    """Return what is violated and no longer noticed, were these the gate's rules."""
    return [what for what, (seen, _, _) in VIOLATED.items() if all(rule(seen).met for rule in rules)]


@pytest.mark.parametrize("place", range(len(gate.RULES)))
def test_each_condition_that_is_disabled_is_missed(place: int) -> None:
    rules = gate.RULES
    assert caught(rules) == []
    assert caught((*rules[:place], *rules[place + 1 :])) != []


def test_the_evidence_names_containers_sessions_and_rows() -> None:
    told = {c.name: c.evidence for c in evaluate_gate(replace(OPEN, containers=(*NEW, *OLD), differing={SOMETIME: 3}))}
    assert "shop-web-green (release 6, exited)" in told["containers"]
    assert f"3 rows left: {SOMETIME}" in told["backfill"]
    seen = replace(OPEN, sessions=(DatabaseSession("10.0.0.9", "pgbouncer"),) * 2)
    evidence = next(c.evidence for c in evaluate_gate(seen) if c.name == "sessions")
    assert "2 from shop-pooler-plain (release unknown, calls itself 'pgbouncer')" in evidence


@pytest.mark.parametrize("name", ["pooler", "shop-pooler-plain", "10.0.0.9"])
def test_an_operator_may_vouch_for_a_pooler_by_name(name: str) -> None:
    seen = replace(OPEN, sessions=(DatabaseSession("10.0.0.9"),), trusted=frozenset({name}))
    assert shut(seen) == []
    assert name in next(c.evidence for c in evaluate_gate(seen) if c.name == "sessions")


def test_nobody_can_vouch_for_a_container_that_is_known_to_be_old() -> None:
    old = at("10.0.0.6", *color(Side.GREEN, 6))
    trusted = frozenset({"10.0.0.6", *(each.name for each in old), *(each.service for each in old)})
    seen = replace(OPEN, sessions=(DatabaseSession("10.0.0.6"),), standing=old, trusted=trusted)
    assert [condition.name for condition in shut(seen)] == ["sessions"]


def test_what_is_given_up_is_all_that_is_older_and_never_what_serves() -> None:
    seen = replace(OPEN, containers=(*NEW, *OLD), kept=(4, 7))
    assert rollbacks_lost(seen) == (4, 6)
    assert rollbacks_lost(replace(seen, active=6)) == (4,)


def test_once_the_way_back_is_given_up_containers_kept_releases_and_their_sessions_are_gone() -> None:
    old = at("10.0.0.6", *color(Side.GREEN, 6))
    seen = replace(
        OPEN,
        containers=(*NEW, *old),
        standing=(*OPEN.standing, *old),
        kept=(6, 7),
        sessions=(DatabaseSession("10.0.0.6"), DatabaseSession("10.0.0.7")),
    )
    assert len(shut(seen)) == 3
    assert shut(once_given_up(seen)) == []
    through_a_pooler = replace(seen, sessions=(DatabaseSession("10.0.0.9"),))
    assert [condition.name for condition in shut(once_given_up(through_a_pooler))] == ["sessions"]


def test_a_command_runs_all_that_is_pending_so_the_newest_release_counts() -> None:
    first, second, third = (OpenChange(name, release, 0.0) for name, release in (("a", 5), ("b", 7), ("c", 9)))
    assert strictest(first, (first, second, third), ("a", "b")) == second
    assert strictest(first, (first, second, third), ()) == first
    assert taken_along((first, second, third), ("c",)) == ("a", "b")
    assert taken_along((replace(first, closed=1.0), second), ()) == ("b",)
