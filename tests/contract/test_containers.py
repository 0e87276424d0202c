"""What the Engine port promises of containers, in the simulated world and on the real engine."""

from __future__ import annotations

import asyncio
from contextlib import aclosing

import pytest

from teal.core.model.side import Side
from teal.core.model.stack import HttpProbe, TcpProbe
from teal.core.model.units import Moment, Seconds
from teal.errors import Failed
from tests.contract.ground import GONE, IMAGE, PORT, Ground, ended, state, until


async def test_the_engine_is_this_machines_own(ground: Ground) -> None:
    info = await ground.engine.info()
    assert info.id
    assert info.local
    assert info.cpus > 0
    assert info.memory > 10**8
    assert int(info.version.partition(".")[0]) >= 24


async def test_containers_of_the_three_projects_are_seen_by_name_and_no_others(ground: Ground) -> None:
    plain = ground.container("db")
    blue = ground.container("web", side=Side.BLUE, labels={"teal.release": "7"})
    green = ground.container("web", side=Side.GREEN, labels={"teal.service": "web"})
    ground.container("once", labels={"com.docker.compose.oneoff": "True"})
    ground.container("web", labels={"com.docker.compose.project": f"{ground.stack}x"})
    found = await ground.engine.containers(ground.stack)
    assert [each.name for each in found] == sorted(each.name for each in found)
    seen = {each.id: each for each in found}
    assert {key: (each.service, each.side, each.release) for key, each in seen.items()} == {
        plain: ("db", Side.PLAIN, None),
        blue: ("web", Side.BLUE, 7),
        green: ("web", Side.GREEN, None),
    }
    assert await ground.engine.container(blue) == seen[blue]
    assert await ground.engine.container(seen[blue].name) == seen[blue]
    assert await ground.engine.container(GONE) is None
    assert {each.image for each in found} == {(await ground.engine.image(IMAGE)).id}  # type: ignore[union-attr]


async def test_a_container_is_created_runs_and_has_exited(ground: Ground) -> None:
    one = ground.container(network=ground.network("net"))
    made = await ground.engine.container(one)
    assert made is not None
    never = Moment(0)
    assert (made.state, made.started, made.finished, made.health) == ("created", never, never, "none")
    assert not made.addresses
    await ground.engine.start(one)
    up = await ground.engine.container(one)
    assert up is not None
    assert (up.state, up.health, up.restarts, up.exit_code, up.finished) == ("running", "none", 0, 0, never)
    assert abs(up.started - ground.clock.now()) < 30
    assert set(up.addresses) == set(up.networks) == set(made.networks)
    await ground.engine.start(one)
    assert (await ground.engine.container(one)).started == up.started  # type: ignore[union-attr]
    await ground.engine.stop(one, grace=Seconds(10))
    down = await ground.engine.container(one)
    assert down is not None
    assert (down.state, down.exit_code, dict(down.addresses)) == ("exited", 0, {})
    assert down.started == up.started <= down.finished
    await ground.engine.start(one)
    again = await ground.engine.container(one)
    assert again is not None
    assert (again.state, again.restarts) == ("running", 0)
    assert again.started > down.started


async def test_a_stop_may_be_repeated_and_of_nothing_it_is_nothing(ground: Ground) -> None:
    one, never = ground.container(does="is stubborn"), ground.container("other")
    await ground.engine.start(one)
    began = ground.clock.monotonic()
    await ground.engine.stop(one, grace=Seconds(1))
    assert 0.9 < ground.clock.monotonic() - began < 10
    stopped = await ground.engine.container(one)
    assert stopped is not None
    assert (stopped.state, stopped.exit_code, stopped.oom) == ("exited", 137, False)
    for each in (one, never, GONE):
        await ground.engine.stop(each, grace=Seconds(1))
    assert await ground.engine.container(one) == stopped
    assert await state(ground, never) == "created"


async def test_a_removal_takes_what_runs_and_may_be_repeated(ground: Ground) -> None:
    one = ground.container()
    await ground.engine.start(one)
    await asyncio.gather(ground.engine.remove(one), ground.engine.remove(one))
    assert await ground.engine.container(one) is None
    await ground.engine.remove(one)
    never = ground.container()
    await ground.engine.remove(never)
    assert await ground.engine.containers(ground.stack) == ()


async def test_a_start_of_nothing_or_without_its_network_fails(ground: Ground) -> None:
    with pytest.raises(Failed, match="No such container"):
        await ground.engine.start(GONE)
    home = ground.network("home")
    one = ground.container(network=home)
    await ground.engine.start(one)
    await ground.engine.stop(one, grace=Seconds(10))
    ground.remove_network(home)
    with pytest.raises(Failed, match="not found"):
        await ground.engine.start(one)
    assert await state(ground, one) == "exited"
    ground.network("home")  # another of that name is not the same
    with pytest.raises(Failed, match="not found"):
        await ground.engine.start(one)


async def test_what_ends_by_itself_says_how_and_is_revived_where_its_policy_says_so(ground: Ground) -> None:
    once, loops = ground.container(does="fails"), ground.container(does="fails", restart="unless-stopped")
    await ground.engine.start(once)
    await ended(ground, once)
    found = await ground.engine.container(once)
    assert found is not None
    assert (found.state, found.exit_code, found.restarts) == ("exited", 3, 0)
    await ground.engine.start(loops)

    async def looping() -> bool:
        seen = await ground.engine.container(loops)
        return seen is not None and seen.restarts >= 2 and seen.state in {"restarting", "running"}

    await until(ground, looping, "it is started again and again")
    await ground.engine.stop(loops, grace=Seconds(1))
    assert await state(ground, loops) == "exited"
    await ground.clock.sleep(Seconds(1.5))
    assert await state(ground, loops) == "exited"


async def test_a_healthcheck_tells_of_health_in_its_time(ground: Ground) -> None:
    one = ground.container(checked=True)
    await ground.engine.start(one)
    assert (await ground.engine.container(one)).health == "starting"  # type: ignore[union-attr]

    async def well() -> bool:
        return (await ground.engine.container(one)).health == "healthy"  # type: ignore[union-attr]

    assert await ground.engine.health_log(one) == ()
    await until(ground, well, "it is healthy")
    last, *_ = await ground.engine.health_log(one)
    assert (last.exit_code, bool(last.at)) == (0, True)
    assert await ground.engine.health_log(GONE) == ()


async def test_logs_are_the_last_lines_and_of_nothing_they_are_empty(ground: Ground) -> None:
    one, never = ground.container(does="speaks"), ground.container("other")
    await ground.engine.start(one)
    await ended(ground, one)
    assert await ground.engine.logs(one, lines=50) == "one\ntwo\nthree\n"
    assert await ground.engine.logs(one, lines=2) == "two\nthree\n"
    assert await ground.engine.logs(never, lines=5) == ""
    assert await ground.engine.logs(GONE, lines=5) == ""


async def test_commands_run_in_what_runs_only(ground: Ground) -> None:
    one, never = ground.container(), ground.container()
    await ground.engine.start(one)
    await ground.clock.sleep(Seconds(1.5))
    assert (await ground.engine.execute(one, ["true"], within=Seconds(10))).status == 0
    with pytest.raises(Failed, match="is not running"):
        await ground.engine.execute(never, ["true"], within=Seconds(10))
    with pytest.raises(Failed, match="No such container"):
        await ground.engine.execute(GONE, ["true"], within=Seconds(10))


async def test_what_a_command_writes_is_followed_line_by_line(ground: Ground) -> None:
    one = ground.container()
    await ground.engine.start(one)
    await ground.clock.sleep(Seconds(1.5))
    said = ["sh", "-c", "echo one; sleep 0.1; echo two"]
    assert [line async for line in ground.engine.follow(one, said)] == ["one", "two"]
    with pytest.raises(Failed, match="is not running"):
        await anext(ground.engine.follow(ground.container(), said))


async def test_memory_is_that_of_what_runs(ground: Ground) -> None:
    one, other = ground.container(), ground.container()
    assert await ground.engine.memory([one, other, GONE]) == 0
    await ground.engine.start(one)
    assert await ground.engine.memory([one, other, GONE]) > 0


async def test_a_probe_passes_at_the_address_of_what_answers(ground: Ground) -> None:
    one = ground.container(does="listens", network=ground.network("net"))
    await ground.engine.start(one)
    found = await ground.engine.container(one)
    assert found is not None
    (address,) = found.addresses.values()
    for probe in (TcpProbe(PORT), HttpProbe(PORT)):

        async def passes(probe: TcpProbe | HttpProbe = probe) -> bool:
            return (await ground.engine.probe(address, probe)).passed

        await until(ground, passes, f"{probe} passes")
    assert "web listens\n" in await ground.engine.logs(one, lines=5)
    await ground.engine.stop(one, grace=Seconds(10))
    for probe in (TcpProbe(PORT), HttpProbe(PORT)):
        seen = await ground.engine.probe(address, probe)
        assert (seen.passed, seen.status, bool(seen.said)) == (False, 0, True)


async def test_events_begin_with_the_call_and_tell_of_the_stack_alone(ground: Ground) -> None:
    one = ground.container(checked=True)
    foreign = ground.container(labels={"com.docker.compose.project": f"{ground.stack}x"})
    once = ground.container(labels={"com.docker.compose.oneoff": "True"})
    async with aclosing(ground.engine.events(ground.stack)) as events:  # type: ignore[type-var]
        for each in (foreign, once, one):
            await ground.engine.start(each)
        assert await asyncio.wait_for(anext(events), 10) == one  # it starts
        assert await asyncio.wait_for(anext(events), 10) == one  # it is healthy
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(events), 1.0)


@pytest.mark.parametrize("what", ["stop", "remove", "ends"])
async def test_an_event_tells_of_every_end(ground: Ground, what: str) -> None:
    one = ground.container(does="fails" if what == "ends" else "idles")
    if what != "ends":
        await ground.engine.start(one)
    async with aclosing(ground.engine.events(ground.stack)) as events:  # type: ignore[type-var]
        if what == "ends":
            await ground.engine.start(one)
            assert await asyncio.wait_for(anext(events), 10) == one
        elif what == "stop":
            await ground.engine.stop(one, grace=Seconds(5))
        else:
            await ground.engine.remove(one)
        assert await asyncio.wait_for(anext(events), 10) == one
        assert await state(ground, one) in {"exited", "gone", "removing"}
