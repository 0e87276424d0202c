"""What the Engine port promises of networks, and of the names on them."""

from __future__ import annotations

import pytest

from teal.core.model.side import Side
from teal.core.model.units import Seconds
from teal.errors import Failed
from tests.contract.ground import GONE, Ground, state

PROJECT = "com.docker.compose.project"
KEY = "com.docker.compose.network"


async def test_networks_of_the_three_projects_show_what_runs_on_them(ground: Ground) -> None:
    blue = ground.network("blue", {PROJECT: f"{ground.stack}-blue", KEY: "default"}, internal=True)
    plain = ground.network("a", {PROJECT: ground.stack, KEY: "a"})
    foreign = ground.network("foreign")
    up, _ = ground.container(network=blue), ground.container(network=blue)
    await ground.engine.start(up)
    first, second = await ground.engine.networks(ground.stack)
    assert (first.name, first.label, first.containers, first.internal) == (plain, "a", (), False)
    assert (second.name, second.project, second.label) == (blue, f"{ground.stack}-blue", "default")
    assert (second.internal, second.driver, second.containers) == (True, "bridge", (up,))
    found = await ground.engine.container(up)
    assert found is not None
    assert dict(found.networks) == {blue: second.id}
    assert await ground.engine.existing_networks([blue, foreign, f"{foreign}-not"]) == {blue, foreign}


async def test_a_network_is_made_and_removed_once(ground: Ground) -> None:
    name, labels = f"{ground.stack}_own", {PROJECT: ground.stack, KEY: "own", "teal.test": ground.stack}
    first = await ground.engine.create_network(name, labels=labels, internal=True)
    assert await ground.engine.create_network(name, labels=labels, internal=True) == first
    (seen,) = await ground.engine.networks(ground.stack)
    assert (seen.id, seen.name, seen.internal) == (first, name, True)
    for _ in range(2):
        await ground.engine.remove_network(name)
    assert await ground.engine.networks(ground.stack) == ()
    again = await ground.engine.create_network(name, labels=labels)
    assert again != first
    await ground.engine.remove_network(name)


async def test_a_network_like_another_is_as_internal_as_that_one(ground: Ground) -> None:
    model, labels = ground.network("model", internal=True), {PROJECT: ground.stack, "teal.test": ground.stack}
    await ground.engine.create_network(f"{ground.stack}_copy", labels=labels, like=model)
    (seen,) = await ground.engine.networks(ground.stack)
    assert seen.internal
    with pytest.raises(Failed, match="not found"):
        await ground.engine.create_network(f"{ground.stack}_x", labels=labels, like=f"{ground.stack}_none")


async def test_a_foreign_network_of_that_name_is_not_taken(ground: Ground) -> None:
    name = ground.network("own")
    with pytest.raises(Failed, match="does not belong"):
        await ground.engine.create_network(name, labels={PROJECT: ground.stack})


async def test_a_network_goes_with_the_places_of_what_is_stopped_and_not_of_what_runs(ground: Ground) -> None:
    home, other = ground.network("home"), ground.network("other")
    one = ground.container(network=home)
    await ground.engine.connect(other, one, [])
    await ground.engine.start(one)
    with pytest.raises(Failed, match="active endpoints"):
        await ground.engine.remove_network(other)
    await ground.engine.stop(one, grace=Seconds(10))
    await ground.engine.remove_network(other)
    await ground.engine.start(one)
    found = await ground.engine.container(one)
    assert found is not None
    assert set(found.networks) == {home}


@pytest.mark.parametrize("runs", [False, True])
async def test_connecting_twice_connects_once_and_gives_names(ground: Ground, *, runs: bool) -> None:
    net, home = ground.network("net"), ground.network("home")
    one, asking = ground.container("web", network=home), ground.container("asks", network=net)
    for each in (asking, *([one] if runs else [])):
        await ground.engine.start(each)
    for _ in range(2):
        await ground.engine.connect(net, one, ["db", "database"])
    assert await ground.resolve(asking, "db") == ({one} if runs else set())
    await ground.engine.start(one)
    assert await ground.resolve(asking, "db") == await ground.resolve(asking, "database") == {one}
    assert await ground.resolve(asking, "other") == set()
    with pytest.raises(Failed, match="not as other"):
        await ground.engine.connect(net, one, ["db", "other"])
    for _ in range(2):
        await ground.engine.disconnect(net, one)
    assert await ground.resolve(asking, "db") == set()
    assert await state(ground, one) == "running"


async def test_there_is_nothing_to_connect_to_or_of_nothing(ground: Ground) -> None:
    net = ground.network("net")
    with pytest.raises(Failed, match="not found"):
        await ground.engine.connect(f"{ground.stack}_none", ground.container(network=net), [])
    with pytest.raises(Failed, match="No such container"):
        await ground.engine.connect(net, GONE, [])
    await ground.engine.disconnect(f"{ground.stack}_none", ground.container(network=net))
    await ground.engine.disconnect(net, GONE)


async def test_a_name_means_all_who_bear_it_on_a_network_and_nobody_who_is_down(ground: Ground) -> None:
    net = ground.network("net")
    ones = [ground.container(network=net, aliases=["rag"]) for _ in range(2)]
    asking = ground.container("asks", network=net)
    for each in (asking, *ones):
        await ground.engine.start(each)
    assert await ground.resolve(asking, "rag") == set(ones)
    await ground.engine.stop(ones[0], grace=Seconds(10))
    assert await ground.resolve(asking, "rag") == {ones[1]}


async def test_of_several_networks_the_one_of_highest_priority_answers_first(ground: Ground) -> None:
    low, high = ground.network("a"), ground.network("b")
    wrong = ground.container("rag", network=low, aliases=["rag"])
    right = ground.container("rag", side=Side.BLUE, network=high, aliases=["rag"])
    asking = ground.container("asks", network=low)
    await ground.engine.connect(high, asking, [], priority=1)
    for each in (wrong, right, asking):
        await ground.engine.start(each)
    assert await ground.resolve(asking, "rag") == {right}
    await ground.engine.stop(right, grace=Seconds(10))
    assert await ground.resolve(asking, "rag") == {wrong}


async def test_a_hidden_name_means_whom_another_network_knows_and_nobody_where_none_does(ground: Ground) -> None:
    net, own = ground.network("net"), ground.network("own")
    plain = ground.container("rag", network=net, aliases=["rag"])
    db = ground.container("db", network=net, aliases=["db"])
    colored = ground.container("rag", side=Side.BLUE, network=own, aliases=["rag"])
    asking = ground.container("web", side=Side.BLUE, network=own)
    await ground.engine.connect(net, asking, ["web-blue"])
    for _ in range(2):
        await ground.engine.hide(net, asking, ["rag", "search"])
    for each in (plain, db, asking):
        await ground.engine.start(each)
    assert await ground.resolve(asking, "rag") == set()
    assert await ground.resolve(asking, "db") == {db}
    assert await ground.resolve(plain, "web-blue") == {asking}
    await ground.engine.start(colored)
    assert await ground.resolve(asking, "rag") == {colored}
    for each in (colored, asking):
        await ground.engine.stop(each, grace=Seconds(10))
    await ground.engine.start(asking)  # hidden for as long as it lives
    assert await ground.resolve(asking, "rag") == set()


async def test_nothing_is_hidden_on_a_network_that_the_container_is_not_on(ground: Ground) -> None:
    with pytest.raises(Failed, match="is not on the network"):
        await ground.engine.hide(ground.network("net"), ground.container(network=ground.network("home")), ["rag"])
