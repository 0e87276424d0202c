"""The proxy killed, restarted, reloaded, its files edited: it goes on, and what would not start again is named."""

from __future__ import annotations

import pytest

from tests.faults.by_hand import crash, crashing, findings, name_of, told, wait_healthy, wait_steady
from tests.faults.users import Users
from tests.faults.world import QUICK, World

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("proxy")]
FACTOR, SLACK = 3, 30  # a proxy starts more slowly while a color does: outside of that time nothing is lost


@pytest.fixture
def control(tale: World, users: Users) -> int:
    """How many requests a crash of the proxy costs without Teal."""
    wait_steady(tale, "proxy")
    with tale.away("proxy", control=True) as window:
        crash(tale, "proxy")
    wait_healthy(tale, "proxy")
    return users.lost(window)


def test_a_proxy_that_crashes_while_a_color_boots(tale: World, users: Users, control: int) -> None:
    before = tale.active
    with tale.teal.running(*QUICK, BOOT_SECONDS="4") as run:
        run.until_service("starting")
        with tale.away("proxy") as window:
            crash(tale, "proxy")
        ended = run.end()
    assert ended.status == 0, ended.told
    assert users.lost(window) <= FACTOR * control + SLACK
    assert tale.whole() != before


@pytest.mark.long
@pytest.mark.parametrize("moment", ["pre-switch", "post-switch"])
def test_a_proxy_that_crashes_around_the_switch(tale: World, users: Users, control: int, moment: str) -> None:
    """The hook runs right before the switch, or right after it has been confirmed."""
    before = tale.active
    tale.write("teal.yml", f'hooks:\n  {moment}: ["{crashing("proxy", tale.stack)}"]\n')
    with tale.away("proxy") as window:
        ended = tale.teal.run(*QUICK, DRAIN_TIMEOUT="6")
    assert users.lost(window) <= FACTOR * control + SLACK, ended.told
    assert tale.whole() != before


@pytest.mark.long
@pytest.mark.parametrize("step", ["preflight", "check", "drain", "retire"])
def test_a_proxy_that_crashes_in_any_step(tale: World, users: Users, control: int, step: str) -> None:
    """Before the switch the deploy may give up; whatever it does, a whole color serves."""
    before = tale.active
    with tale.teal.running(*QUICK, DRAIN_TIMEOUT="6") as run, tale.away("proxy") as window:
        run.until_step(step)
        crash(tale, "proxy")
        ended = run.end()
    assert ended.status in ({0, 1, 5} if step in {"preflight", "check"} else {0}), ended.told
    assert (tale.whole() != before) == (ended.status == 0)
    assert users.lost(window) <= FACTOR * control + SLACK


@pytest.mark.long
@pytest.mark.parametrize("step", ["start", "drain"])
def test_the_owner_reloads_caddy_during_a_deploy(tale: World, step: str) -> None:
    """A reload drops some requests whoever does it; the deploy doesn't mind."""
    before = tale.active
    with tale.teal.running(*QUICK) as run:
        run.until_step(step)
        with tale.away():
            reload = ("caddy", "reload", "--force", "--config", "/etc/caddy/Caddyfile")
            tale.stack.docker("exec", name_of(tale, "proxy"), *reload)
        ended = run.end()
    assert ended.status == 0, ended.told
    assert tale.whole() != before


def whole_text(tale: World) -> str:
    return (tale.stack.folder / "Caddyfile").read_text(encoding="utf-8")


def test_a_caddyfile_that_the_proxy_does_not_run_yet_is_named(tale: World) -> None:
    edited = whole_text(tale).replace("Content-Type text/css*", "Content-Type text/plain*")
    assert edited != whole_text(tale)
    with tale.untouched():
        tale.write("Caddyfile", edited)
        for said in (told(tale), findings(tale)):
            assert "the proxy does not run today's Caddyfile" in said
            assert "caddy reload" in said
        tale.restore()
        assert "does not run" not in findings(tale)


def test_a_broken_caddyfile_is_named_before_anybody_restarts_the_proxy(tale: World) -> None:
    with tale.untouched():
        tale.write("Caddyfile", whole_text(tale).replace("encode {", "encoude {"))
        for said in (told(tale), findings(tale)):
            assert "the proxy could not start with today's Caddyfile" in said
            assert "encoude" in said
        tale.restore()


@pytest.mark.long
def test_a_deploy_goes_on_beside_a_broken_caddyfile(tale: World) -> None:
    before = tale.active
    tale.write("Caddyfile", whole_text(tale).replace("encode {", "encoude {"))
    ended = tale.teal.run(*QUICK)
    assert any("could not start with today's Caddyfile" in note for note in ended.result["notes"])
    tale.restore()
    assert tale.whole() != before


@pytest.mark.long
def test_a_caddyfile_that_an_editor_has_replaced_is_named(tale: World) -> None:
    """Most editors write a new file and rename it over; a mounted file stays the one that it was."""
    path = tale.stack.folder / "Caddyfile"
    kept = path.with_name("Caddyfile.kept")
    text = whole_text(tale)
    path.rename(kept)
    path.write_text(f"{text}\n# nothing else\n", encoding="utf-8")
    try:
        with tale.untouched():
            for said in (told(tale), findings(tale)):
                assert "Caddyfile was replaced, and the proxy still sees the old one" in said
                assert "teal restart proxy" in said
            kept.rename(path)
    finally:
        if kept.exists():
            kept.rename(path)


@pytest.mark.long
def test_a_snippet_that_was_deleted_is_named_and_the_running_proxy_goes_on(tale: World) -> None:
    snippet = tale.stack.folder / "teal.caddy"
    inode = snippet.with_name("teal.caddy.kept")
    snippet.rename(inode)  # the proxy has the inode mounted: put back, it is as before
    try:
        for said in (told(tale), findings(tale)):
            assert "teal.caddy is gone" in said
            assert "teal snippet > teal.caddy" in said
        before = tale.active
        tale.teal.run(*QUICK)
        assert tale.active != before
    finally:
        inode.rename(snippet)
    tale.whole()
