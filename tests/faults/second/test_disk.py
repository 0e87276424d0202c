"""No space left: where Teal keeps its state, and where the engine keeps images and containers."""

from __future__ import annotations

import sqlite3

import pytest

from tests.engine.teal import Ended
from tests.faults.second.pair import QUICK, Pair, go_on

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("disk"), pytest.mark.timeout(300)]


def sound(pair: Pair) -> None:
    """Assert that journal and state file are whole, and that nothing was set aside."""
    folder = pair.world.teal.home / pair.world.project
    with sqlite3.connect(f"{(folder / 'journal.db').as_uri()}?mode=ro", uri=True) as journal:
        assert journal.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    assert pair.world.state.split()[0] in {"blue", "green"}
    assert not list(folder.glob("*.bad-*"))


def clear(ended: Ended, *words: str) -> None:
    """Assert that the command failed, and says by *words* that the disk is full, and what to do."""
    assert ended.status in {1, 4, 5}, ended.told
    assert "bug in Teal" not in ended.told
    assert any(word in ended.told for word in words), ended.told
    assert ended.error["hint"]


def works_again(pair: Pair) -> None:
    """Assert that the next command puts all right, and that a deploy goes through."""
    assert pair.world.teal.status()["active"] == pair.world.active
    pair.world.teal.run("cleanup")
    before = pair.world.whole()
    pair.world.teal.run(*QUICK)
    assert pair.world.whole() != before


def test_a_full_state_disk_is_seen_before_anything_is_done(pair: Pair) -> None:
    with pair.world.untouched():
        pair.state_disk.fill(but=50_000_000)
        ended = pair.world.teal.run(*QUICK, status=1)
        pair.state_disk.free()
        assert "of disk is free where Teal keeps its state" in ended.error["message"]


@pytest.mark.parametrize(
    "point",
    [
        "before:switch",
        *(
            pytest.param(each, marks=pytest.mark.long)
            for each in ("gate", "before:keep", "before:create", "done:switch", "before:drain", "before:settle")
        ),
    ],
)
def test_a_state_disk_that_gets_full(pair: Pair, point: str) -> None:
    with pair.at(point, *QUICK) as run:
        pair.state_disk.fill()
        go_on(run)
        ended = run.end(within=200)
        still = pair.world.teal.status()  # what only looks still works
    try:
        clear(ended, "No space left on device", "database or disk is full", "disk I/O error")
        assert still["active"] == pair.world.active
    finally:
        pair.state_disk.free()
    sound(pair)
    works_again(pair)


@pytest.mark.long
def test_a_rollback_on_a_full_state_disk_leaves_all_as_it_was(pair: Pair) -> None:
    pair.world.teal.run(*QUICK)
    before = pair.world.whole()
    pair.state_disk.fill()
    ended = pair.world.teal.run("rollback", status=5)
    pair.state_disk.free()
    clear(ended, "No space left on device", "database or disk is full", "disk I/O error")
    assert pair.world.whole() == before
    sound(pair)
    pair.world.teal.run("rollback")
    assert pair.world.whole() != before


def test_a_build_on_a_full_disk_fails_with_the_tools_own_words(pair: Pair) -> None:
    dockerfile = (pair.world.stack.folder / "Dockerfile").read_text(encoding="utf-8")
    pair.world.write("Dockerfile", dockerfile + "RUN head -c 400M /dev/urandom > /filler\n")
    pair.machine.disk.fill(but=30_000_000)
    try:
        with pair.world.untouched():
            ended = pair.world.teal.run("deploy", status=1, within=200)
            clear(ended, "o space left on device")
    finally:
        pair.machine.disk.free()
    pair.world.restore()
    works_again(pair)


@pytest.mark.long
def test_containers_that_can_not_be_created_on_a_full_disk(pair: Pair) -> None:
    pair.machine.disk.fill()
    try:
        before = pair.world.active
        ended = pair.world.teal.run(*QUICK, status=1)
        clear(ended, "o space left on device")
        assert pair.world.active == before
    finally:
        pair.machine.disk.free()
    sound(pair)
    works_again(pair)
