"""Hands beside Teal: containers, networks and images of either color changed; never half a color, never a wrong one."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from tests.engine.stack import wait_until
from tests.faults.by_hand import container, findings, is_whole, name_of, standby, told, wait_healthy
from tests.faults.test_back import exact
from tests.faults.world import QUICK, SERVICES, World

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("by-hand")]


def removed(tale: World, side: str) -> None:
    tale.stack.docker("rm", "--force", name_of(tale, "rag", side))


def renamed(tale: World, side: str) -> None:
    name = name_of(tale, "rag", side)
    tale.stack.docker("rename", name, f"{name}-old")


def off_its_own_network(tale: World, side: str) -> None:
    tale.stack.docker("network", "disconnect", f"{tale.project}-{side}_default", name_of(tale, "rag", side))


def on_its_network_without_its_name(tale: World, side: str) -> None:
    network, name = f"{tale.project}-{side}_default", name_of(tale, "rag", side)
    tale.stack.docker("network", "disconnect", network, name)
    tale.stack.docker("network", "connect", network, name)


def off_the_shared_network(tale: World, side: str) -> None:
    tale.stack.docker("network", "disconnect", f"{tale.project}_default", name_of(tale, "platform", side))


def without_its_network(tale: World, side: str) -> None:
    """As ``docker network prune`` does, and somebody makes one of the same name."""
    name = f"{tale.project}-{side}_default"
    tale.stack.docker("network", "rm", name)
    labels = (f"com.docker.compose.project={tale.project}-{side}", "com.docker.compose.network=default")
    tale.stack.docker("network", "create", *(word for label in labels for word in ("--label", label)), name)


def re_created(tale: World, side: str) -> None:
    """With the release's own file: the same release, another container."""
    file = tale.teal.home / tale.project / "releases" / tale.release_on(side) / f"{side}.json"
    whole = ("compose", "--project-name", f"{tale.project}-{side}", "--file", str(file), "--env-file", "/dev/null")
    tale.stack.docker(*whole, "up", "--no-start", "--force-recreate", "--no-deps", f"rag-{side}")


def started(tale: World, side: str) -> None:
    tale.stack.docker("start", *(name for name in (name_of(tale, s, side) for s in sorted(SERVICES))))


Hand = Callable[[World, str], None]
HANDS: tuple[Hand, ...] = (
    off_its_own_network,
    on_its_network_without_its_name,
    removed,
    renamed,
    off_the_shared_network,
    without_its_network,
    re_created,
    started,
)
LONG = pytest.mark.long
CASES = [pytest.param(hand, id=hand.__name__, marks=LONG if n else ()) for n, hand in enumerate(HANDS)]


@pytest.mark.parametrize("hand", CASES)
def test_a_rollback_to_a_color_that_a_hand_has_changed_is_exact(tale: World, hand: Hand) -> None:
    tale.teal.run(*QUICK)
    before = standby(tale.active)
    release, wanted = tale.release_on(before), exact(tale, before)
    hand(tale, before)
    ended = tale.teal.run("rollback")
    assert str(ended.result["release"]) == release
    assert tale.active == before
    assert exact(tale, before) == wanted
    assert {name.rpartition("/")[2] for name in tale.life(before)} >= {name_of(tale, "platform", before)}
    tale.whole()


@pytest.mark.long
@pytest.mark.parametrize("hand", CASES)
def test_a_deploy_over_a_color_that_a_hand_has_changed_is_whole(tale: World, hand: Hand) -> None:
    tale.teal.run(*QUICK)
    color = standby(tale.active)
    hand(tale, color)
    tale.teal.run(*QUICK)
    assert tale.whole() == color


@pytest.mark.long
def test_a_stranger_with_the_name_of_a_container_stops_the_deploy(tale: World) -> None:
    """Compose's own words say who has it; Teal never removes what isn't the stack's."""
    tale.teal.run(*QUICK)
    name = name_of(tale, "rag", standby(tale.active))
    tale.stack.docker("rename", name, f"{name}-old")
    image = str(container(tale, "rag", tale.active)["Image"])
    tale.stack.docker("create", "--name", name, image)
    try:
        color, life = tale.active, tale.life(tale.active)
        ended = tale.teal.run(*QUICK, status=1)
        assert f'The container name "/{name}" is already in use' in ended.error["detail"]
        assert (tale.active, tale.life(color)) == (color, life)
        assert tale.stack.docker("inspect", "--format", "{{.State.Status}}", name).strip() == "created"
    finally:
        tale.stack.docker("rm", "--force", name)
    tale.teal.run(*QUICK)
    assert tale.whole() == standby(color)


@pytest.mark.parametrize("hand", ["rm --force", pytest.param("stop --time 0", marks=LONG)])
def test_a_container_that_a_hand_takes_away_while_it_boots_ends_the_deploy_at_once(tale: World, hand: str) -> None:
    with tale.untouched() as color, tale.teal.running(*QUICK, BOOT_SECONDS="5") as run:
        run.until_service("starting")
        target = standby(color)
        wait_until(lambda: is_whole(tale, target), "all of the new color boots")
        began = time.monotonic()
        tale.stack.docker(*hand.split(), name_of(tale, "search", target))
        ended = run.end()
        assert ended.status == 1, ended.told
        assert f"{target}/search " in ended.error["message"]
        assert time.monotonic() - began < 60  # of 180


@pytest.mark.long
@pytest.mark.parametrize("hand", ["rm --force", "stop --time 0", "network disconnect"])
def test_what_a_hand_breaks_right_before_the_switch_is_seen(tale: World, hand: str) -> None:
    target = standby(tale.active)
    names = {"network disconnect": f"{tale.project}_default {tale.project}-platform-{target}"}
    words = f"docker {hand} {names.get(hand, f'{tale.project}-rag-{target}')}"
    tale.write("teal.yml", f'hooks:\n  pre-switch: ["{words}"]\n')
    with tale.untouched():
        ended = tale.teal.run(*QUICK, status=1, within=240)  # it is sure only after the timeout of a switch
        assert target in ended.error["message"]


@pytest.mark.long
@pytest.mark.parametrize("hand", ["stop --time 1", pytest.param("rm --force", marks=LONG)])
@pytest.mark.parametrize("service", ["platform", pytest.param("rag", marks=LONG)])
def test_where_a_hand_has_broken_the_active_color_the_next_deploy_serves_again(
    tale: World, hand: str, service: str
) -> None:
    before = tale.active
    with tale.away():
        name = name_of(tale, service, before)
        tale.stack.docker(*hand.split(), name)
        assert f"no container in the active color: {service}" in told(tale) if "rm" in hand else name in told(tale)
        ended = tale.teal.run("deploy", "--no-build")  # nothing but the hand has changed
        assert ended.result["outcome"] == "done"
    assert tale.whole() == standby(before)
    release = tale.teal.status()["rollback"]["release"]
    tale.teal.run("rollback")
    assert tale.release_on(tale.whole()) == str(release)


@pytest.mark.long
def test_images_that_a_hand_has_untagged_and_removed(tale: World) -> None:
    """The stopped containers still hold them; once those are gone, rollback is, and that is said."""
    tale.override(rag={"environment": {"NOTE": "before"}})
    dockerfile = tale.stack.folder / "rag" / "Dockerfile"
    tale.write("rag/Dockerfile", dockerfile.read_text(encoding="utf-8") + f"RUN echo {time.time()} > /tmp/mark\n")
    tale.teal.run("deploy")
    release, image = tale.release_on(tale.active), str(container(tale, "rag", tale.active)["Image"])
    tale.restore()
    tale.teal.run("deploy")
    tale.stack.docker("rmi", "--force", f"teal/{tale.project}/rag:{release}")
    assert str(tale.teal.run("rollback").result["release"]) == release
    tale.teal.run("deploy")
    tale.teal.run("cleanup")
    tale.stack.docker("image", "rm", "--force", image)
    back = tale.teal.status()["rollback"]
    assert (str(back["release"]), back["how"]) == (release, "gone")
    with tale.untouched():
        ended = tale.teal.run("rollback", status=1)
        assert "the image of rag was removed from the engine" in ended.error["message"]
    tale.teal.run(*QUICK)  # what is active has its images: the next deploy makes a rollback possible again


@pytest.mark.long
def test_a_third_plain_copy_is_named_refused_and_ended_by_the_command_that_is_shown(tale: World) -> None:
    before = tale.active
    tale.stack.compose("up", "--detach", "--no-build", "--wait")
    life = tale.life(before)
    assert "run beside the active" in told(tale)
    assert "run beside the active" in findings(tale, status=1)
    for command in (QUICK, ("rollback",)):
        ended = tale.teal.run(*command, status=1)
        assert "run beside the active" in ended.error["message"]
    assert tale.life(before) == life
    tale.stack.docker(*ended.error["hint"].partition("docker ")[2].split())
    tale.teal.run(*QUICK)
    assert tale.whole() == standby(before)


@pytest.mark.long
def test_after_docker_compose_down_a_deploy_brings_the_shared_services_back(tale: World) -> None:
    """Compose takes database and proxy, and knows nothing of the colors; their common network is still in use."""
    before = tale.active
    life = tale.life(before)
    with tale.away("db", "proxy"):
        tale.stack.docker("compose", "down", "--remove-orphans", "--timeout", "2")
        assert tale.life(before) == life
        status = tale.teal.status()
        assert {each["state"] for each in status["shared"].values()} == {"absent"}
        assert "shared services that do not run: db, proxy" in told(tale)
        tale.teal.run(*QUICK)
    wait_healthy(tale, "db")
    assert tale.whole() == standby(before)


NETWORK = "\nnetworks:\n  default:\n    driver_opts: {com.docker.network.driver.mtu: '1400'}\n"


def test_a_changed_network_is_refused_before_compose_takes_the_database_down(tale: World) -> None:
    compose = (tale.stack.folder / "compose.yml").read_text(encoding="utf-8")
    tale.write("compose.yml", compose + NETWORK)
    with tale.untouched():
        assert "the network" in findings(tale)
        ended = tale.teal.run("up", "--yes", status=1)
        assert "would first stop what runs on it" in ended.error["message"]
    tale.teal.run(*QUICK)  # needs no change of the network: the colors have their own
    tale.whole()


@pytest.mark.long
def test_a_changed_network_stops_a_deploy_that_would_have_to_start_a_shared_service(tale: World) -> None:
    before = tale.active
    compose = (tale.stack.folder / "compose.yml").read_text(encoding="utf-8")
    with tale.away("proxy"):
        tale.stack.docker("stop", name_of(tale, "proxy"))
        tale.write("compose.yml", compose + NETWORK)
        ended = tale.teal.run(*QUICK, status=1)
        assert "would first stop what runs on it" in ended.error["message"]
        tale.restore()
        tale.teal.run("up", "--yes")
    assert tale.whole() == before
