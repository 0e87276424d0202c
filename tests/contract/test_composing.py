"""What the Compose port promises: rendered files alone, the owner's services alone, one-shots once."""

from __future__ import annotations

import asyncio

import pytest

from teal.core.model.side import Side
from teal.core.model.units import Seconds
from teal.errors import BuildFailed, Failed
from teal.ports import Due
from tests.contract.ground import Ground, Tree, ended, owners, state

Seen = dict[str, tuple[str, str]]


def silent(line: str) -> None:
    """Hear nothing."""


async def seen(ground: Ground, side: Side = Side.PLAIN) -> Seen:
    """Return service -> id and state of the container on *side*."""
    found = await ground.engine.containers(ground.stack)
    return {each.service: (each.id, each.state) for each in found if each.side is side}


async def states(ground: Ground, side: Side = Side.PLAIN) -> dict[str, str]:
    return {name: state for name, (_, state) in (await seen(ground, side)).items()}


def blue(ground: Ground, **services: Tree) -> Tree:
    """Return a rendered model of the blue color, on a network of its own."""
    name = f"{ground.stack}-blue"
    return {
        "name": name,
        "networks": {"default": {"name": f"{name}_default"}},
        "services": {
            f"{key}-blue": {
                "networks": {"default": {"aliases": [key]}},
                "container_name": f"{name}-{key}",
                "labels": {"teal.release": "3", "teal.service": key},
                **each,
            }
            for key, each in services.items()
        },
    }


async def test_a_rendered_file_is_created_whole_and_started_none(ground: Ground) -> None:
    compose, project = ground.compose(owners(ground)), f"{ground.stack}-blue"
    model = blue(ground, web=ground.service("web"), api=ground.service("api"))
    for _ in range(2):
        before = await seen(ground, Side.BLUE)
        await compose.create(project, ground.rendered(model), on_line=silent)
        after = await seen(ground, Side.BLUE)
        assert {name: state for name, (_, state) in after.items()} == {"web": "created", "api": "created"}
        assert not before or before == after
    (api, web) = await ground.engine.containers(ground.stack)
    assert (web.name, web.service, web.release, web.side) == (f"{project}-web", "web", 3, Side.BLUE)
    assert set(web.networks) == set(api.networks) == {f"{project}_default"}
    await ground.engine.start(web.id)
    await ground.engine.start(api.id)
    for name in ("api", "api-blue", f"{project}-api"):
        assert await ground.resolve(web.id, name) == {api.id}
    changed = blue(ground, web=ground.service("web", environment={"A": "1"}), api=ground.service("api"))
    await compose.create(project, ground.rendered(changed), on_line=silent)
    last = await seen(ground, Side.BLUE)
    assert last["api"] == (api.id, "running")
    assert last["web"][0] != web.id


async def test_what_is_missing_is_said(ground: Ground) -> None:
    compose, project = ground.compose(owners(ground)), f"{ground.stack}-blue"
    missing = blue(ground, web=ground.service("web") | {"image": "sha256:" + "0" * 64})
    with pytest.raises(Failed) as caught:
        await compose.create(project, ground.rendered(missing), on_line=silent)
    assert "No such image" in f"{caught.value.message} {caught.value.detail}"
    outside = blue(ground, web=ground.service("web"))
    outside["networks"] = {"default": {"name": f"{ground.stack}_none", "external": True}}
    with pytest.raises(Failed) as caught:
        await compose.create(project, ground.rendered(outside), on_line=silent)
    assert "could not be found" in f"{caught.value.message} {caught.value.detail}"
    with pytest.raises(Failed):
        await compose.create(project, "/no/such/file.json", on_line=silent)
    assert await states(ground, Side.BLUE) == {}


async def test_plain_containers_are_created_alone_and_running_ones_left(ground: Ground) -> None:
    def model(level: str) -> Tree:
        needs = {"db": {"condition": "service_started", "required": True}}
        web = ground.service("web", environment={"LEVEL": level}, depends_on=needs)
        return owners(ground, web=web, db=ground.service("db", environment={"LEVEL": level}))

    await ground.compose(model("1")).create_plain(["web"], on_line=silent)
    assert await states(ground) == {"web": "created"}
    await ground.compose(model("1")).create_plain(["web", "db"], on_line=silent)
    before = await seen(ground)
    await ground.engine.start(before["web"][0])
    await ground.compose(model("2")).create_plain(["web", "db"], on_line=silent)
    after = await seen(ground)
    assert after["web"] == (before["web"][0], "running")
    assert after["db"][1] == "created"
    assert after["db"][0] != before["db"][0]


async def test_shared_services_start_alone_and_are_left_alone_unless_updated(ground: Ground) -> None:
    def model(level: str) -> Tree:
        db = ground.service("db", environment={"LEVEL": level})
        return owners(ground, db=db, web=ground.service("web"))

    compose, edited = ground.compose(model("1")), ground.compose(model("2"))
    await compose.up_shared(["db"], update=False, on_line=silent)
    first = await seen(ground)
    assert {name: state for name, (_, state) in first.items()} == {"db": "running"}
    (db,) = await ground.engine.containers(ground.stack)
    assert await compose.due(["db", "web"]) == await compose.due([]) == await edited.due(["web"]) == Due()
    assert await edited.due(["db", "web"]) == Due(frozenset({db.name}))
    assert await seen(ground) == first
    await edited.up_shared(["db"], update=False, on_line=silent)
    assert await seen(ground) == first
    await ground.engine.stop(first["db"][0], grace=Seconds(5))
    await edited.up_shared(["db"], update=False, on_line=silent)
    assert await seen(ground) == first
    await compose.up_shared(["db"], update=True, on_line=silent)
    assert await seen(ground) == first
    await edited.up_shared(["db"], update=True, on_line=silent)
    last = await seen(ground)
    assert last["db"][1] == "running"
    assert last["db"][0] != first["db"][0]


async def test_another_image_under_the_same_name_is_a_change_too(ground: Ground) -> None:
    image = f"{ground.stack}/app"
    app = {"image": image, "build": {"context": "."}, "command": ["sleep", "60"]}
    compose = ground.compose(owners(ground, app=app))
    ground.edit_source()
    await compose.build(["app"], on_line=silent)
    await compose.up_shared(["app"], update=False, on_line=silent)
    (made,) = await ground.engine.containers(ground.stack)
    assert await compose.due(["app"]) == Due()
    ground.edit_source()
    await compose.build(["app"], on_line=silent)
    assert await compose.due(["app"]) == Due(frozenset({made.name}))
    absent = ground.compose(owners(ground, web={"image": "localhost:1/no/such:v1"}))
    assert await absent.due(["web"]) == Due()  # no registry is asked for it


async def test_a_build_moves_the_tag_of_the_named_service_alone(ground: Ground) -> None:
    def image(name: str) -> str:
        return f"{ground.stack}/{name}"

    services: dict[str, Tree] = {name: {"image": image(name), "build": {"context": "."}} for name in ("app", "other")}
    compose = ground.compose(owners(ground, **services))
    told: list[str] = []
    ground.edit_source()
    await compose.build(["app"], on_line=told.append)
    first = await ground.engine.image(image("app"))
    assert first is not None
    assert first.tags == (f"{image('app')}:latest",)
    assert told
    assert await ground.engine.image(image("other")) is None
    await compose.build(["app"], on_line=told.append)
    assert await ground.engine.image(image("app")) == first
    ground.edit_source()
    await compose.build(["app"], on_line=told.append)
    second = await ground.engine.image(image("app"))
    assert second is not None
    assert second.id != first.id
    ground.edit_source(builds=False)
    with pytest.raises(BuildFailed, match="build of app failed") as caught:
        await compose.build(["app"], on_line=told.append)
    assert caught.value.detail
    assert await ground.engine.image(image("app")) == second


async def test_what_can_not_be_pulled_is_said(ground: Ground) -> None:
    compose = ground.compose(owners(ground, web={"image": "localhost:1/no/such:v1"}))
    with pytest.raises(BuildFailed, match="web can't be pulled") as caught:
        await compose.pull(["web"], on_line=silent)
    assert caught.value.detail
    with pytest.raises(BuildFailed, match=r"no/such:v1.* can't be pulled") as caught:
        await compose.pull_images(["localhost:1/no/such:v1"], on_line=silent)
    assert caught.value.detail


async def test_a_one_shot_runs_to_its_end_apart_from_the_stack(ground: Ground) -> None:
    compose, name = ground.compose(owners(ground)), f"{ground.stack}-once-migrate-1"
    model = owners(ground, migrate=ground.service("migrate", "speaks"))
    file, project = ground.rendered(model | {"name": f"{ground.stack}-once"}), f"{ground.stack}-once"
    assert await compose.run_once(project, file, "migrate", name=name, on_line=silent) == 0
    assert await state(ground, name) == "gone"
    assert await ground.engine.containers(ground.stack) == ()


async def test_a_one_shot_that_fails_stays_until_the_next_attempt(ground: Ground) -> None:
    compose, name = ground.compose(owners(ground)), f"{ground.stack}-once-migrate-1"
    project = f"{ground.stack}-once"
    failing = ground.rendered(owners(ground, migrate=ground.service("migrate", "fails")))
    assert await compose.run_once(project, failing, "migrate", name=name, on_line=silent) == 3
    first = await ground.engine.container(name)
    assert first is not None
    assert (first.state, first.exit_code) == ("exited", 3)
    assert await ground.engine.logs(name, lines=5) == "migrate starts\n"
    assert await compose.run_once(project, failing, "migrate", name=name, on_line=silent) == 3
    second = await ground.engine.container(name)
    assert second is not None
    assert second.id != first.id
    mended = ground.rendered(owners(ground, migrate=ground.service("migrate", "speaks")))
    assert await compose.run_once(project, mended, "migrate", name=name, on_line=silent) == 0
    assert await state(ground, name) == "gone"


async def test_a_one_shot_that_is_cancelled_is_stopped_and_run_anew(ground: Ground) -> None:
    compose, name = ground.compose(owners(ground)), f"{ground.stack}-once-migrate-1"
    project = f"{ground.stack}-once"
    long = ground.rendered(owners(ground, migrate=ground.service("migrate", "idles", environment={"A": "1"})))
    task = asyncio.ensure_future(compose.run_once(project, long, "migrate", name=name, on_line=silent))
    while await state(ground, name) != "running":
        await ground.clock.sleep(Seconds(0.05))
    await ground.clock.sleep(Seconds(0.3))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await ended(ground, name)
    other = ground.rendered(owners(ground, migrate=ground.service("migrate", "speaks")))
    assert await compose.run_once(project, other, "migrate", name=name, on_line=silent) == 0
    assert await state(ground, name) == "gone"


async def test_a_network_that_is_defined_otherwise_now_is_named_before_anything_is_touched(ground: Ground) -> None:
    model = owners(ground, db=ground.service("db"), web=ground.service("web"))
    compose, name = ground.compose(model), f"{ground.stack}_default"
    assert await compose.due(("db", "web")) == Due()  # it does not exist yet
    await compose.up_shared(("db",), update=False, on_line=silent)
    before = await seen(ground)
    assert await compose.due(("db", "web")) == Due()
    options = {"com.docker.network.driver.mtu": "1400"}
    changed = ground.compose({**model, "networks": {"default": {"name": name, "driver_opts": options}}})
    assert (await changed.due(("db", "web"))).networks == (name,)
    assert await seen(ground) == before
