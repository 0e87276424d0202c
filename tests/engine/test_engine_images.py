"""Images and volumes of the real engine."""

import pytest

from teal.adapters.engine.api import EngineSaid
from tests.engine.sandbox import GONE, IMAGE, Sandbox, docker

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(120)]


async def test_volumes_are_made_once_and_found(engine, sandbox):
    name = f"{sandbox.stack}_data"
    assert await engine.volumes([name]) == frozenset()
    for _ in range(2):
        await engine.create_volume(name, labels={"teal.test": sandbox.stack})
    assert await engine.volumes([name, f"{name}2"]) == {name}


def own_image(sandbox: Sandbox) -> str:
    """Make an image that differs from all others, with everything that an image can bring."""
    one = docker("create", "--label", sandbox.mine, IMAGE, "true")
    changes = ("EXPOSE 8000/tcp 9000/udp", "VOLUME /data", f"ENV X={sandbox.stack}", "HEALTHCHECK CMD true")
    options = [option for change in changes for option in ("--change", change)]
    return docker("commit", *options, one, f"{sandbox.stack}/app:v1")


async def test_an_image_tells_what_it_brings(engine, sandbox):
    one = own_image(sandbox)
    by_name = await engine.image(f"{sandbox.stack}/app:v1")
    assert by_name == await engine.image(one)
    assert (by_name.id, by_name.tags) == (one, (f"{sandbox.stack}/app:v1",))
    assert (by_name.exposed, by_name.volumes, by_name.healthcheck) == ((8000, 9000), ("/data",), ("CMD-SHELL", "true"))
    assert by_name.size > 0
    assert await engine.image(f"{sandbox.stack}/none") is None
    assert await engine.image("sha256:" + GONE) is None
    with pytest.raises(EngineSaid, match="invalid reference format"):
        await engine.image(f"{sandbox.stack}?all=1")  # a name, never a parameter


async def test_the_last_tag_takes_the_image_with_it(engine, sandbox):
    one, name = own_image(sandbox), f"{sandbox.stack}/app"
    for _ in range(2):
        await engine.tag(one, name, "teal-7")
    await engine.untag(f"{name}:v1")
    assert (await engine.image(one)).tags == (f"{name}:teal-7",)
    for _ in range(2):
        await engine.untag(f"{name}:teal-7")
    assert await engine.image(one) is None


async def test_an_image_in_use_stays(engine, sandbox):
    one = own_image(sandbox)
    docker("create", "--label", sandbox.mine, one, "true")
    await engine.untag(f"{sandbox.stack}/app:v1")
    assert await engine.image(one) is not None


async def test_tagging_a_missing_image_fails(engine, sandbox):
    with pytest.raises(EngineSaid, match="No such image"):
        await engine.tag("sha256:" + GONE, f"{sandbox.stack}/app", "v1")
