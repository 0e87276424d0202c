"""The journal lost or spoilt, the published color wrong: truth is read from engine and proxy, a bad file set aside."""

from __future__ import annotations

import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.faults.by_hand import standby, told
from tests.faults.world import QUICK, World

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("journal")]


def journal(tale: World) -> Path:
    return tale.teal.home / tale.project / "journal.db"


def without_log(path: Path) -> None:
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def deleted(path: Path) -> None:
    without_log(path)
    path.unlink()


def emptied(path: Path) -> None:
    without_log(path)
    path.write_bytes(b"")


def garbage(path: Path) -> None:
    without_log(path)
    path.write_bytes(b"once upon a time " * 1000)


def truncated(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    without_log(path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def overwritten(path: Path) -> None:
    """Its pages but the first are lost, as by a disk that lies."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    without_log(path)
    content = path.read_bytes()
    path.write_bytes(content[:4096] + b"\xa5" * (len(content) - 4096))


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version = 99")


def version_of(path: Path) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute("PRAGMA user_version").fetchone()[0])


SPOILT: dict[str, Callable[[Path], None]] = {
    each.__name__: each for each in (deleted, garbage, emptied, truncated, overwritten, newer)
}
LEAVES_NOTHING = {"deleted", "emptied"}


@pytest.mark.parametrize(
    "how", [pytest.param(how, marks=() if how in {"garbage"} else pytest.mark.long) for how in SPOILT]
)
def test_without_its_journal_a_deploy_goes_through_and_a_rollback_returns(tale: World, how: str) -> None:
    color, release, life = tale.active, tale.release_on(tale.active), tale.life(tale.active)
    tale.moves = tale.switches()  # the journal won't tell any more
    SPOILT[how](journal(tale))
    bad = journal(tale).read_bytes() if how not in LEAVES_NOTHING else b""
    status = tale.teal.status()
    assert (status["active"], str(status["release"]), status["interrupted"]) == (color, release, "")
    assert tale.life(color) == life
    ended = tale.teal.run(*QUICK)
    aside = [each for each in journal(tale).parent.glob("journal.db.bad-*") if each.name[-1].isdecimal()]
    assert len(aside) == bool(bad)
    for each in aside:  # SQLite itself may bring its log into a sound file
        assert version_of(each) == 99 if how == "newer" else each.read_bytes() == bad
    assert not bad or "set aside" in ended.said
    assert ended.result["release"] > int(release)
    assert tale.whole() == standby(color)
    assert str(tale.teal.run("rollback").result["release"]) == release
    for each in journal(tale).parent.glob("journal.db.bad-*"):
        each.unlink()
    assert tale.whole() == color


@pytest.mark.long
@pytest.mark.parametrize("point", ["after:create", "done:switch"])
def test_a_journal_that_is_lost_with_a_killed_deploy_unfinished(tale: World, point: str) -> None:
    """Engine and proxy tell what it had come to: a half color is filled anew, one that was switched to serves."""
    before = tale.active
    tale.killed_at(point, *QUICK)
    serves = tale.active
    assert (serves != before) == (point == "done:switch")
    tale.moves = tale.switches()
    deleted(journal(tale))
    assert tale.teal.status()["active"] == serves
    assert tale.teal.run(*QUICK).result["source"] == serves
    assert tale.whole() == standby(serves)


@contextmanager
def fixed(path: Path) -> Iterator[None]:
    """Let nobody change *path* meanwhile, not even root."""
    subprocess.run(["chattr", "+i", str(path)], check=True, timeout=10)
    try:
        yield
    finally:
        subprocess.run(["chattr", "-i", str(path)], check=True, timeout=10)


def test_a_journal_that_can_not_be_written_is_said_before_anything_is_touched(tale: World) -> None:
    with tale.untouched() as color:
        with fixed(journal(tale)):
            assert tale.teal.status()["active"] == color
            ended = tale.teal.run(*QUICK, status=1)
            assert "journal.db is not writable, not even for root" in ended.error["message"]
            assert "lsattr" in ended.error["hint"]
        tale.teal.run("cleanup")


# The published color


def published(tale: World) -> Path:
    return tale.stack.folder / ".deployment-color"


@pytest.mark.long
@pytest.mark.parametrize("content", [None, "purple", b"\xff\xfe".decode("latin-1"), ""])
def test_a_published_color_that_is_wrong_or_missing_is_never_believed(tale: World, content: str | None) -> None:
    color = tale.active
    if content is None:
        published(tale).unlink()
    else:
        published(tale).write_text(content, encoding="latin-1")
    status = tale.teal.status()
    assert status["active"] == color
    assert any(".deployment-color says" in each for each in status["problems"]) == bool(content)
    assert tale.teal.run(*QUICK).result["source"] == color
    assert published(tale).read_text(encoding="utf-8") == f"{standby(color)}\n"
    tale.whole()


@pytest.mark.long
def test_a_published_color_that_can_not_be_written_is_a_note_and_no_more(tale: World) -> None:
    color = tale.active
    with fixed(published(tale)):
        ended = tale.teal.run(*QUICK)
        assert any(".deployment-color could not be written" in note for note in ended.result["notes"])
        assert ".deployment-color says" in told(tale)
        assert tale.active == standby(color)
    tale.teal.run(*QUICK)
    assert tale.whole() == color
