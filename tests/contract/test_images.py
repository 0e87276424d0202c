"""What the Engine port promises of images, tags and volumes."""

from __future__ import annotations

import pytest

from teal.errors import Failed, Refused
from tests.contract.ground import GONE, IMAGE, Ground


async def test_an_image_is_found_by_id_and_by_name(ground: Ground) -> None:
    one = ground.image("1")
    found = await ground.engine.image(one)
    assert found is not None
    assert found == await ground.engine.image(f"{ground.stack}/app:1")
    assert (found.id, found.tags) == (one, (f"{ground.stack}/app:1",))
    assert found.size > 0
    assert await ground.engine.image(f"{ground.stack}/app:2") is None
    assert await ground.engine.image(f"{ground.stack}/app") is None
    assert await ground.engine.image("sha256:" + GONE) is None


async def test_what_an_image_has_is_read_and_a_folder_that_it_has_not_is_refused(ground: Ground) -> None:
    before = await ground.engine.containers(ground.stack)
    pieces = [piece async for piece in ground.engine.archive(IMAGE, "/usr/share/doc/base-files")]
    assert b"".join(pieces)
    with pytest.raises(Refused, match="no folder /gone/away"):
        _ = [piece async for piece in ground.engine.archive(IMAGE, "/gone/away")]
    assert await ground.engine.containers(ground.stack) == before


async def test_a_tag_moves_and_an_image_goes_with_its_last_one(ground: Ground) -> None:
    first, second, name = ground.image("1"), ground.image("2"), f"{ground.stack}/app"
    for _ in range(2):
        await ground.engine.tag(first, name, "latest")
    assert (await ground.engine.image(name)).id == first  # type: ignore[union-attr]
    await ground.engine.tag(second, name, "latest")
    assert (await ground.engine.image(name)).id == second  # type: ignore[union-attr]
    assert (await ground.engine.image(first)).tags == (f"{name}:1",)  # type: ignore[union-attr]
    for _ in range(2):
        await ground.engine.untag(f"{name}:1")
    assert await ground.engine.image(first) is None
    await ground.engine.untag(f"{name}:2")
    assert (await ground.engine.image(second)).tags == (f"{name}:latest",)  # type: ignore[union-attr]


async def test_an_image_in_use_keeps_its_last_tag_and_loses_others(ground: Ground) -> None:
    one, name = ground.image("1"), f"{ground.stack}/app"
    user = ground.container(image=f"{name}:1")
    await ground.engine.tag(one, name, "kept")
    await ground.engine.untag(f"{name}:kept")
    await ground.engine.untag(f"{name}:1")
    assert (await ground.engine.image(one)).tags == (f"{name}:1",)  # type: ignore[union-attr]
    await ground.engine.remove(user)
    await ground.engine.untag(f"{name}:1")
    assert await ground.engine.image(one) is None


async def test_there_is_no_tag_for_a_missing_image(ground: Ground) -> None:
    with pytest.raises(Failed, match="No such image"):
        await ground.engine.tag("sha256:" + GONE, f"{ground.stack}/app", "1")


async def test_volumes_are_made_once_and_found(ground: Ground) -> None:
    name = f"{ground.stack}_data"
    assert await ground.engine.volumes([name]) == frozenset()
    for _ in range(2):
        await ground.engine.create_volume(name, labels={"com.docker.compose.project": ground.stack})
    assert await ground.engine.volumes([name, f"{name}2"]) == {name}
