"""``docker system prune -a`` between deploys: the way back is exact, or refused with the reason."""

from __future__ import annotations

import time

import pytest

from tests.faults.second.pair import QUICK, Pair, go_on

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("prune")]


def prune(pair: Pair) -> None:
    """Take all that no container uses; the base image comes back, as a registry would give it."""
    pair.machine.docker("system", "prune", "--all", "--force")
    pair.machine.load("python:3.13-slim")


def notes(pair: Pair, color: str) -> set[str]:
    """Return which NOTE the containers of *color* have."""
    return {value for c in pair.world.containers(color) for value in c["Config"]["Env"] if value.startswith("NOTE=")}


def test_a_release_whose_image_is_still_used_comes_back_exactly(pair: Pair) -> None:
    pair.world.teal.run(*QUICK, NOTE="the first one")
    first = pair.world.release_on(pair.world.active)
    image = {container["Image"] for container in pair.world.containers(pair.world.active)}
    pair.world.teal.run(*QUICK, NOTE="the second one")
    prune(pair)
    status = pair.world.teal.status()["rollback"]
    assert (str(status["release"]), status["how"]) == (first, "re-created")
    pair.world.teal.run("rollback")
    color = pair.world.whole()
    assert pair.world.release_on(color) == first
    assert {container["Image"] for container in pair.world.containers(color)} == image
    assert notes(pair, color) == {"NOTE=the first one"}


def test_a_release_whose_image_is_gone_is_refused_with_the_reason(pair: Pair) -> None:
    app = (pair.world.stack.folder / "app.py").read_text(encoding="utf-8")
    pair.world.write("app.py", f"{app}# {time.time()}\n")
    pair.world.teal.run("deploy", within=200)
    prune(pair)
    with pair.world.untouched():
        status = pair.world.teal.status()["rollback"]
        assert (status["how"], status["reason"]) == ("gone", "the image of back, web was removed from the engine")
        ended = pair.world.teal.run("rollback", status=1)
        assert "the image of back, web was removed from the engine" in ended.error["message"]
        assert "prune -a" in ended.error["hint"]
    pair.world.restore()
    pair.world.teal.run("deploy", within=200)
    pair.world.whole()


@pytest.mark.long
@pytest.mark.parametrize("point", ["before:keep", "before:create", "after:create", "before:switch"])
def test_a_prune_in_the_middle_of_a_deploy(pair: Pair, point: str) -> None:
    with pair.at(point, "deploy", "--force") as run:  # the prune has taken the name of the built image, too
        prune(pair)
        go_on(run)
        ended = run.end()
    assert ended.status in {0, 1}, ended.told
    assert "bug in Teal" not in ended.told
    pair.world.teal.run("cleanup")
    pair.world.whole()
