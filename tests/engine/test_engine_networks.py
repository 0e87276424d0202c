"""Networks of the real engine."""

import secrets

import pytest

from teal.adapters.engine.api import EngineSaid
from teal.errors import Failed
from tests.engine.sandbox import GONE, docker

pytestmark = [pytest.mark.engine, pytest.mark.anyio, pytest.mark.timeout(120)]


async def test_networks_show_what_runs_on_them(engine, sandbox):
    label = f"com.docker.compose.project={sandbox.stack}-blue"
    name = sandbox.network("net", "--label", label, "--label", "com.docker.compose.network=default", "--internal")
    sandbox.network("foreign")
    one = sandbox.run("--network", name)
    sandbox.create("--network", name)
    (network,) = await engine.networks(sandbox.stack)
    assert (network.name, network.project, network.label) == (name, f"{sandbox.stack}-blue", "default")
    assert (network.driver, network.internal, network.containers) == ("bridge", True, (one,))


async def test_creating_a_network_twice_gives_the_same(engine, sandbox):
    name, labels = f"{sandbox.stack}_own", {"teal.test": sandbox.stack, "com.docker.compose.network": "own"}
    first = await engine.create_network(name, labels=labels, internal=True)
    assert await engine.create_network(name, labels=labels, internal=True) == first
    assert docker("network", "inspect", first, "--format", "{{.Internal}}") == "true"
    await engine.remove_network(name)
    await engine.remove_network(name)


async def test_a_foreign_network_of_that_name_is_not_taken(engine, sandbox):
    name = sandbox.network("own")
    with pytest.raises(Failed, match="does not belong"):
        await engine.create_network(name, labels={"com.docker.compose.project": sandbox.stack})


async def test_a_network_like_another_has_its_options_and_own_addresses(engine, sandbox):
    interface = f"t{secrets.token_hex(4)}"
    model = sandbox.network(
        "model",
        "--internal",
        "--subnet=10.213.77.0/24",
        "--opt=com.docker.network.driver.mtu=1400",
        f"--opt=com.docker.network.bridge.name={interface}",
    )
    await engine.create_network(f"{sandbox.stack}_copy", labels={"teal.test": sandbox.stack}, like=model)
    show = "{{.Internal}} {{.Options}} {{(index .IPAM.Config 0).Subnet}}"
    copied = docker("network", "inspect", f"{sandbox.stack}_copy", "--format", show)
    assert copied.startswith("true map[com.docker.network.driver.mtu:1400] ")
    assert "10.213.77" not in copied


async def test_a_network_in_use_is_not_removed(engine, sandbox):
    name = sandbox.network()
    sandbox.run("--network", name)
    with pytest.raises(EngineSaid, match="active endpoints"):
        await engine.remove_network(name)


@pytest.mark.parametrize("verb", ["create", "run"])
async def test_a_stopped_container_outlives_a_network_that_it_was_on(engine, sandbox, verb):
    home, other = sandbox.network("home"), sandbox.network("other")
    one = getattr(sandbox, verb)("--network", home)
    await engine.connect(other, one, [])
    await engine.stop(one, grace=5)
    await engine.remove_network(other)
    await engine.start(one)
    assert set((await engine.container(one)).networks) == {home}


@pytest.mark.parametrize("verb", ["create", "run"])
async def test_connecting_twice_connects_once(engine, sandbox, verb):
    name, one = sandbox.network(), getattr(sandbox, verb)()
    for _ in range(2):
        await engine.connect(name, one, ["db", "database"])
    await engine.start(one)
    other = sandbox.run("--network", name)
    ran = await engine.execute(other, ["getent", "hosts", "db", "database"], within=10)
    assert ran.status == 0
    assert name in (await engine.container(one)).networks


async def test_connecting_under_new_names_is_refused_while_it_runs(engine, sandbox):
    name, one = sandbox.network(), sandbox.run()
    await engine.connect(name, one, ["db"])
    with pytest.raises(Failed, match="not as other"):
        await engine.connect(name, one, ["db", "other"])


async def test_connecting_to_or_of_nothing_fails(engine, sandbox):
    with pytest.raises(EngineSaid, match="not found"):
        await engine.connect(f"{sandbox.stack}_none", sandbox.create(), [])
    with pytest.raises(EngineSaid, match="No such container"):
        await engine.connect(sandbox.network(), GONE, [])


@pytest.mark.parametrize("verb", ["create", "run"])
async def test_disconnecting_may_be_repeated(engine, sandbox, verb):
    name, one = sandbox.network(), getattr(sandbox, verb)()
    await engine.connect(name, one, [])
    for _ in range(2):
        await engine.disconnect(name, one)
    assert name not in (await engine.container(one)).networks
    await engine.disconnect(f"{sandbox.stack}_none", one)
    await engine.disconnect(name, GONE)


async def test_the_network_of_highest_priority_answers_first(engine, sandbox):
    low, high = sandbox.network("a"), sandbox.network("b")
    wrong, right = sandbox.run("--network", low, "--network-alias", "rag"), sandbox.run("--network", high)
    await engine.disconnect(high, right)
    await engine.connect(high, right, ["rag"])
    asking = sandbox.run("--network", low)
    await engine.connect(high, asking, [], priority=1)
    ran = await engine.execute(asking, ["getent", "hosts", "rag"], within=10)
    assert ran.output.split()[0] == (await engine.container(right)).addresses[high]
    assert ran.output.split()[0] != (await engine.container(wrong)).addresses[low]
