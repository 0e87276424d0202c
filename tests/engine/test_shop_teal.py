"""The shop, whose owner never heard of Teal, under load: prepared once, adopted, rolled, rolled back, left.

The tests are one story and run in this order; those of a fault run alone as well.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from difflib import ndiff
from itertools import pairwise

import pytest

from proof.load import Action
from tests.engine.phase import Phase, under_load
from tests.engine.rolled import Rolled, prepare, roll, say
from tests.engine.sandbox import docker
from tests.engine.stack import Stack, wait_until
from tests.engine.test_shop_plain import ENVIRONMENT

pytestmark = [pytest.mark.engine, pytest.mark.load]

ROTATING = ("web", "api", "worker", "scheduler")
SHARED = ("db", "redis", "proxy")
NEED_THE_API = (Action.CHAIN, Action.JOB)
KILL = "hooks:\n  pre-switch: [docker kill {project}-api-blue]\n"


class Story:
    """The shop and what was true of it before Teal touched it."""

    def __init__(self, rolled: Rolled) -> None:
        self.rolled = rolled
        self.names = rolled.names("plain", ROTATING)
        self.environment = rolled.environment("plain", ROTATING)
        self.settings = rolled.stack.get("/api/settings").json()
        self.shared: dict[str, tuple[str, str]] = {}
        self.releases: dict[str, int] = {}

    def edit(self, file: str, old: str, new: str) -> None:
        """Change one of the owner's files."""
        path = self.rolled.stack.folder / file
        text = path.read_text(encoding="utf-8")
        assert text.count(old) == 1
        path.write_text(text.replace(old, new), encoding="utf-8")

    def lines(self, file: str) -> list[str]:
        """Return the lines of one of the owner's files."""
        return (self.rolled.stack.folder / file).read_text(encoding="utf-8").splitlines()

    def deploy(self) -> dict[str, object]:
        """Deploy, and remember which release stands on which color."""
        result = self.rolled.json("deploy")
        self.releases[str(result["target"])] = int(result["release"])
        return result

    def demand_as_before(self, side: str) -> None:
        """Fail unless *side* serves as the plain stack did: same values, same names, same shared containers."""
        assert self.rolled.serving() == side
        assert self.rolled.json("status")["active"] == (None if side == "plain" else side)
        assert self.rolled.stack.get("/").headers["x-color"] == side
        assert self.rolled.stack.get("/api/env").json() == ENVIRONMENT
        assert self.rolled.environment(side, ROTATING) == self.environment
        assert self.rolled.names(side, ROTATING) == _moved(self.names, side)
        assert self.rolled.shared(SHARED) == self.shared


def _moved(names: dict[str, dict[str, list[str]]], side: str) -> dict[str, dict[str, list[str]]]:
    """Return what the plain names mean on *side*: its own services, and the shared ones."""
    own = {f"plain/{name}": f"{side}/{name}" for name in ROTATING}
    return {
        service: {name: [own.get(one, one) for one in reached] for name, reached in seen.items()}
        for service, seen in names.items()
    }


@pytest.fixture(scope="module")
def story(shop: Stack) -> Iterator[Story]:
    rolled = roll(shop)
    try:
        yield Story(rolled)
    finally:
        rolled.remove()


@pytest.fixture
def prepared(story: Story) -> Story:
    """Return the story of a shop that Teal can adopt, also where the story's first test was not chosen."""
    if not story.shared:
        prepare(story.rolled)
        story.rolled.teal("up", "proxy", "--yes")
        story.shared = story.rolled.shared(SHARED)
    return story


def test_it_is_prepared_by_the_lines_that_check_prints(story: Story) -> None:
    """Users notice the one restart of the proxy, and nothing after it; its cost is shown."""
    rolled = story.rolled
    before = rolled.shared(("db", "redis"))
    owners = {name: story.lines(name) for name in ("compose.yml", "caddy/Caddyfile")}
    prepare(rolled)
    assert _added(owners["compose.yml"], story.lines("compose.yml")) == 1
    assert _added(owners["caddy/Caddyfile"], story.lines("caddy/Caddyfile")) == 1 + 3  # the import, and each upstream
    assert not (rolled.stack.folder / "teal.yml").exists()
    assert "proxy" in str(rolled.json("check", status=1)["findings"])
    with under_load(rolled, "teal up proxy") as phase:
        rolled.teal("up", "proxy", "--yes")
    gap = max(later - earlier for earlier, later in pairwise(sorted(_answered(phase))))
    print(f"teal up proxy: no answer for {gap:.2f} s")
    assert gap < 10
    phase.demand_order()
    assert rolled.json("check")["ready"]
    assert rolled.shared(("db", "redis")) == before
    story.shared = rolled.shared(SHARED)
    story.demand_as_before("plain")


def _added(before: list[str], after: list[str]) -> int:
    return sum(line.startswith("+ ") for line in ndiff(before, after))


def _answered(phase: Phase) -> list[float]:
    return [one.ended for one in phase.samples if one.action is Action.GET and not one.fault]


@pytest.mark.row("exits")
def test_a_service_killed_right_before_the_switch_ends_the_adoption_unnoticed(prepared: Story) -> None:
    rolled = prepared.rolled
    file = rolled.stack.folder / "teal.yml"
    file.write_text(KILL.format(project=rolled.stack.project))
    try:
        with under_load(rolled, "adoption, api-blue killed before the switch") as phase:
            said = rolled.teal("deploy", status=1)
    finally:
        file.unlink()
    assert "blue/api exited with status 137" in said
    phase.demand_peace(aborted={"1"})
    assert rolled.leftovers() == []
    prepared.demand_as_before("plain")


def test_the_running_stack_is_adopted(story: Story) -> None:
    with under_load(story.rolled, "adoption") as phase:
        story.deploy()
    phase.demand_peace()
    assert [side for _, side in phase.switches] == ["plain", "blue"]
    assert not set(story.rolled.containers()) & set(ROTATING)
    assert story.rolled.json("check")["ready"]
    story.demand_as_before("blue")


def test_a_new_release_takes_over_and_the_old_one_returns_exactly(story: Story) -> None:
    rolled, old = story.rolled, story.rolled.images("blue", ROTATING)
    story.edit("settings.toml", 'title = "Corner shop"', 'title = "Corner shop, new"')
    story.edit("app/shop/web.py", "<h1>{title}</h1>", "<h1>Welcome to the {title}</h1>")
    with under_load(rolled, "deploy") as phase:
        story.deploy()
    phase.demand_peace()
    story.demand_as_before("green")
    assert rolled.stack.get("/api/settings").json()["title"] == "Corner shop, new"
    assert "<h1>Welcome to the Corner shop, new</h1>" in rolled.stack.get("/").text
    assert not set(rolled.images("green", ROTATING).values()) & set(old.values())

    with under_load(rolled, "rollback") as phase:
        rolled.teal("rollback")
    phase.demand_peace()
    story.demand_as_before("blue")
    assert rolled.stack.get("/api/settings").json() == story.settings
    assert "<h1>Corner shop</h1>" in rolled.stack.get("/").text
    assert rolled.images("blue", ROTATING) == old


def test_a_release_that_never_gets_healthy_is_given_up_unnoticed(story: Story) -> None:
    rolled = story.rolled
    say(rolled, "BOOT_SECONDS", "600")
    try:
        with under_load(rolled, "deploy that never gets healthy") as phase:
            said = rolled.teal("deploy", "--health-timeout", "6s", status=1)
    finally:
        say(rolled, "BOOT_SECONDS", "0")
    assert "does not pass its probe after 6 s" in said
    number = max(story.releases.values()) + 1
    phase.demand_peace(aborted={str(number)})
    assert not [run for run in phase.runs if run.color != "blue"]
    assert rolled.containers("green") == {}
    story.demand_as_before("blue")


def test_it_is_left_and_plain_compose_finds_nothing_to_do(story: Story) -> None:
    rolled = story.rolled
    images = rolled.images("blue", ROTATING)
    assert "file settings.toml" in rolled.teal("leave", status=1)
    with under_load(rolled, "leave") as phase:
        rolled.teal("leave", "--yes")
    phase.demand_peace()
    assert rolled.images("plain", ROTATING) == images, "those of the release that was active, whatever was built since"
    assert [side for _, side in phase.switches] == ["blue", "plain"]
    assert rolled.leftovers() == []
    story.demand_as_before("plain")
    assert rolled.stack.get("/api/settings").json()["title"] == "Corner shop, new"
    running = rolled.shared((*ROTATING, *SHARED))
    rolled.stack.compose("up", "--detach", "--wait")
    assert rolled.shared((*ROTATING, *SHARED)) == running


@pytest.mark.row("exits")
def test_a_service_killed_right_after_the_switch_mixes_nothing(prepared: Story) -> None:
    """What needs it fails or waits until it is back; it never gets the plain one's answer instead."""
    rolled, killed = prepared.rolled, f"{prepared.rolled.stack.project}-api-blue"
    with under_load(rolled, "adoption, api-blue killed after the switch") as phase, rolled.begin("deploy") as deploy:
        wait_until(lambda: rolled.serving() == "blue", "the switch", within=100)
        gone = time.time()
        docker("kill", killed)
        time.sleep(2)
        docker("start", killed)
        wait_until(lambda: rolled.stack.answers("/api/health"), "the API is back")
        back = time.time()
        out, err = deploy.communicate(timeout=120)
        assert deploy.returncode == 0, out + err
    phase.demand_order()
    assert all(one.ended > gone and one.begun < back for one in phase.failed), phase.reports["pages"].table()
    without = [one for one in phase.loads["pages"].samples if one.fault and one.action not in NEED_THE_API]
    assert not without, phase.reports["pages"].table()
    assert phase.failed
    prepared.demand_as_before("blue")
