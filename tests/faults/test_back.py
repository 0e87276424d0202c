"""The ways back and what is kept for them: at once, by start, re-created exactly; and nothing grows."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.faults.world import QUICK, SERVICES, World

pytestmark = [pytest.mark.engine, pytest.mark.load]


def test_nothing_changed_says_so(tale: World) -> None:
    tale.teal.run("deploy", "--no-build")
    with tale.untouched():
        ended = tale.teal.run("deploy", "--no-build")
        assert ended.result["outcome"] == "unchanged"


def test_a_kept_color_is_back_at_once(tale: World) -> None:
    before = tale.active
    life = tale.life(before)
    tale.teal.run(*QUICK, "--keep")
    assert tale.life(before) == life
    assert tale.teal.status()["rollback"]["how"] == "kept"
    began = time.time()
    ended = tale.teal.run("rollback")
    answered = tale.switches()[-1].at - began
    print(f"rollback to a kept color: answered {answered:.2f} s after the command began")
    assert answered < 1.5
    assert ended.result["phases"]["switch"] < 1
    assert tale.life(before) == life
    assert tale.whole() == before


def test_a_stopped_color_is_started_again_by_id(tale: World) -> None:
    before = tale.active
    ids = {name: one for name, (one, _) in tale.life(before).items()}
    release = tale.release_on(before)
    tale.teal.run(*QUICK)
    assert tale.teal.status()["rollback"]["how"] == "stopped"
    tale.teal.run("rollback")
    assert tale.whole() == before
    assert tale.release_on(before) == release
    assert {name: one for name, (one, _) in tale.life(before).items()} == ids


def exact(tale: World, color: str) -> dict[str, tuple[str, str]]:
    """Return image id and note of each service on *color*."""
    found = {}
    for container in tale.containers(color):
        note = next((v for v in container["Config"]["Env"] if v.startswith("NOTE=")), "")
        found[container["Config"]["Labels"]["teal.service"]] = (container["Image"], note)
    return found


def test_an_older_release_comes_back_exactly_whatever_was_rebuilt_retagged_and_edited(tale: World) -> None:
    tale.override(rag={"environment": {"NOTE": "the first one"}})
    tale.teal.run(*QUICK)
    wanted, first = tale.release_on(tale.active), exact(tale, tale.active)
    folder = tale.stack.folder
    compose = (folder / "compose.yml").read_text(encoding="utf-8")
    tale.write("compose.yml", compose.replace("STOP_SECONDS: 35", "STOP_SECONDS: 5"))
    tale.write("rag/main.py", (folder / "rag/main.py").read_text(encoding="utf-8") + f"# {time.time()}\n")
    tale.override(rag={"environment": {"NOTE": "the second one"}})
    tale.teal.run("deploy")
    assert exact(tale, tale.active)["rag"][0] != first["rag"][0]
    tale.teal.run(*QUICK, BOOT_SECONDS="1")
    tale.stack.docker("tag", f"{tale.project}/rag", f"{tale.project}/crawler")
    try:
        ended = tale.teal.run("rollback", wanted)
    finally:
        tale.stack.docker("tag", first["crawler"][0], f"{tale.project}/crawler")
    assert str(ended.result["release"]) == wanted
    assert exact(tale, tale.whole()) == first
    assert first["rag"][1] == "NOTE=the first one"


def test_cleanup_says_beforehand_what_it_removes_and_a_rollback_still_works(tale: World) -> None:
    tale.teal.run(*QUICK)
    color = tale.active
    other = "green" if color == "blue" else "blue"
    release = tale.release_on(other)
    with tale.untouched():
        standing = {container["Name"] for container in tale.containers(other)}
        said = tale.teal.run("cleanup", "--dry-run").result
        assert (said["outcome"], {f"/{name}" for name in said["containers"]}) == ("planned", standing)
        assert {container["Name"] for container in tale.containers(other)} == standing
        done = tale.teal.run("cleanup").result
        assert (done["outcome"], done["containers"]) == ("done", said["containers"])
        assert tale.containers(other) == []
    assert tale.networks() == {"_default", f"-{color}_default"}
    status = tale.teal.status()["rollback"]
    assert (str(status["release"]), status["how"]) == (release, "re-created")
    tale.teal.run("rollback")
    assert tale.release_on(tale.whole()) == release


def test_after_many_deploys_no_more_is_kept_than_the_policy_says(tale: World) -> None:
    tale.teal.run(*QUICK)
    tale.teal.run(*QUICK)
    color = tale.whole()
    kept = tale.kept()
    assert len(kept) == 3
    assert int(tale.release_on(color)) in kept
    assert tale.tags() == kept
    assert tale.networks() == {"_default", "-blue_default", "-green_default"}
    assert len(tale.containers("blue")) == len(tale.containers("green")) == len(SERVICES)
    assert {path.name for path in Path(tale.teal.home, tale.project).iterdir()} <= {
        "contracts.json", "journal.db", "journal.db-shm", "journal.db-wal", "lock", "proxy", "releases",
        "runs", "reports",
    }  # fmt: skip


def test_recreate_holds_requests_while_one_color_goes_and_the_other_comes(tale: World) -> None:
    before = tale.active
    ended = tale.teal.run(*QUICK, "--strategy", "recreate")
    assert ended.result["outcome"] == "done"
    assert tale.whole() != before


@pytest.mark.row("exits")
def test_recreate_brings_the_old_color_back_where_the_new_one_fails(tale: World) -> None:
    before, release = tale.active, tale.release_on(tale.active)
    ids = {name: one for name, (one, _) in tale.life(before).items()}
    tale.override(rag={"command": ["sh", "-c", "echo the key is missing; exit 3"], "restart": "no"})
    ended = tale.teal.run(*QUICK, "--strategy", "recreate", status=1)
    assert "the key is missing" in ended.error["detail"]
    assert tale.whole() == before
    assert tale.release_on(before) == release
    assert {name: one for name, (one, _) in tale.life(before).items()} == ids
