"""The proxy's state file lost in every way: requests wait, nobody is answered by a wrong release, a command heals."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.engine.stack import wait_until
from tests.faults.by_hand import findings, short, standby, state_file, told
from tests.faults.world import QUICK, World

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("proxy")]


def a_directory(path: Path) -> None:
    path.unlink()
    (path / "inside").mkdir(parents=True)


# A directory is put aside, not removed: whoever made it may miss it.
LOSSES: dict[str, Callable[[Path], object]] = {
    "deleted": Path.unlink,
    "emptied": lambda path: path.write_text(""),
    "garbage": lambda path: path.write_bytes(b"\x00\xffblue green\n"),
    "another-word": lambda path: path.write_text("purple"),
    "a-directory": a_directory,
    "a-link-to-nowhere": lambda path: (path.unlink(), path.symlink_to("/nowhere/state")),
}


@pytest.mark.parametrize("how", short(LOSSES, "deleted", "a-directory"))
def test_a_lost_state_file_is_named_and_written_again_while_users_wait(tale: World, how: str) -> None:
    with tale.untouched():
        LOSSES[how](state_file(tale))
        assert "the proxy's state file was lost" in told(tale)
        assert "state file: the proxy's state file was lost" in findings(tale)
        assert "state file was lost" in tale.teal.run("cleanup").result["healed"]
    aside = list(state_file(tale).parent.parent.glob("state.bad-*"))
    assert len(aside) == (how == "a-directory")
    for each in aside:
        (each / "inside").rmdir()
        each.rmdir()


@pytest.mark.long
def test_one_that_the_proxy_may_not_read_is_named_and_opened_again(tale: World) -> None:
    with tale.untouched():
        state_file(tale).chmod(0o600)
        assert "the proxy's user could not read" in told(tale)
        assert "the proxy's user could not read" in findings(tale)
        assert "the proxy's user could not read" in tale.teal.run("cleanup").result["healed"]
        assert state_file(tale).stat().st_mode & 0o777 == 0o644


@pytest.mark.long
@pytest.mark.parametrize("command", ["deploy", "rollback"])
def test_a_deploy_and_a_rollback_write_it_again_before_anything_else(tale: World, command: str) -> None:
    tale.teal.run(*QUICK)
    before = tale.active
    state_file(tale).unlink()
    ended = tale.teal.run(*(QUICK if command == "deploy" else ("rollback",)))
    assert f"users go to {before} again" in ended.result["healed"]
    assert tale.whole() != before


@pytest.mark.parametrize("how", short(["deleted", "garbage"], "deleted"))
def test_lost_in_a_long_wait_of_a_deploy_it_is_there_again_at_once(tale: World, how: str) -> None:
    before = tale.active
    with tale.teal.running(*QUICK, BOOT_SECONDS="6") as run:
        run.until_service("starting")
        LOSSES[how](state_file(tale))
        wait_until(lambda: tale.state == before, "the state file is back", within=4)
        ended = run.end()
    assert ended.status == 0, ended.told
    assert any("state file was lost while this ran" in note for note in ended.result["notes"])
    assert tale.whole() != before


def test_a_state_directory_that_was_made_anew_is_named_and_a_restart_of_the_proxy_mounts_it(tale: World) -> None:
    """The mount of a removed directory stays gone: no file that Teal writes reaches that proxy any more."""
    color, folder = tale.active, state_file(tale).parent
    with tale.away("proxy"):
        shutil.rmtree(folder)
        folder.mkdir(mode=0o755)
        assert "teal restart proxy" in told(tale)
        assert "teal restart proxy" in findings(tale, status=1)
        ended = tale.teal.run("cleanup", status=1)
        assert "teal restart proxy" in ended.error["hint"]
        assert tale.state == color  # it is written all the same, for the proxy's next start
        tale.teal.run("restart", "proxy", "--yes")
    assert tale.whole() == color


@pytest.mark.long
def test_with_all_state_gone_the_only_color_that_runs_goes_on(tale: World) -> None:
    """Journal, releases and state file: what runs, and what its labels say, is all that is left."""
    tale.teal.run(*QUICK)
    color, release = tale.active, int(tale.release_on(tale.active))
    life, folder = tale.life(color), state_file(tale).parent.parent
    with tale.away("proxy"):
        tale.moves = tale.switches()  # the journal won't tell any more
        shutil.rmtree(folder)
        assert f"users go to {color} again" in told(tale)
        assert "teal restart proxy" in tale.teal.run("cleanup", status=1).error["hint"]
        tale.teal.run("restart", "proxy", "--yes")
    assert (tale.state, tale.life(color)) == (color, life)
    assert "no earlier release" in tale.teal.run("rollback", status=1).error["message"]
    ended = tale.teal.run(*QUICK)
    assert ended.result["release"] > release
    assert (ended.result["source"], ended.result["target"]) == (color, standby(color))
    assert tale.whole() == standby(color)
