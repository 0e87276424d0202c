"""Users on two sides at once, and a proxy whose snippet knows no such word."""

from __future__ import annotations

import pytest

from teal.core.checks.proxy import uncounted
from teal.core.model.side import Side
from teal.core.model.traffic import Traffic, canary, to
from teal.errors import Refused, TealError
from teal.run.context import RunContext, run_context
from teal.run.steps.proxy import require_snippet, verify_proxy_reads_state
from tests.simulated.process import Process
from tests.simulation.simulation import Simulation

KEY = "k3y"


@pytest.fixture
def world() -> Simulation:
    """Blue serves release 1, and users never stop."""
    simulation = Simulation()
    simulation.plain_up()
    assert simulation.run("deploy").error is None
    simulation.users.flow()
    simulation.sleep(3)
    return simulation


def context_of(world: Simulation) -> RunContext:
    process = Process(world.world, "by-hand", (), pid=77)
    return run_context(world.ports(process), world.stack, lambda _: None, key=KEY)


def state(world: Simulation) -> Traffic | None:
    return world.users.traffic()


def test_the_first_snippet_is_asked_for_its_version_before_any_word_that_it_does_not_know(world: Simulation) -> None:
    world.world.snippet = 1
    context = context_of(world)

    async def split() -> None:
        await verify_proxy_reads_state(context)
        await require_snippet(context, "a canary")

    with pytest.raises(Refused, match="does not know a canary") as refused:
        world.loop.run_until_complete(split())
    assert refused.value.hint.startswith("`teal snippet > teal.caddy`")
    assert "`teal exec proxy caddy reload" in refused.value.hint
    with pytest.raises(TealError):
        context.traffic.lead(canary(Side.BLUE, Side.GREEN, 26), Side.GREEN)
    world.sleep(5)
    assert state(world) == to(Side.BLUE)
    assert (world.users.counts["lost"], world.users.counts["mixed"]) == (0, 0)
    assert all(request.row for request in world.users.open)  # nobody is held
    world.close()


def test_a_snippet_that_knows_two_sides_is_believed_once_it_was_asked(world: Simulation) -> None:
    context = context_of(world)
    before = state(world)

    async def split() -> None:
        await verify_proxy_reads_state(context)
        await require_snippet(context, "a canary")

    world.loop.run_until_complete(split())
    assert state(world) == before
    context.traffic.lead(canary(Side.BLUE, Side.BLUE, 26), Side.BLUE)
    assert state(world) == canary(Side.BLUE, Side.BLUE, 26).with_key(Side.BLUE, KEY)
    world.sleep(5)
    assert world.users.counts["lost"] == 0
    world.close()


@pytest.mark.parametrize(("snippet", "metrics", "counts"), [(2, True, True), (2, False, False), (1, True, False)])
def test_a_run_has_counts_where_the_proxy_counts(world: Simulation, snippet: int, metrics: bool, counts: bool) -> None:
    world.world.snippet, world.world.metrics = snippet, metrics
    context = context_of(world)
    context.ports.proxy.write(to(Side.BLUE).with_key(Side.BLUE, KEY))

    async def counted() -> bool:
        await context.proxy_endpoints()
        context.traffic.entries["web"] = (await context.proxy_endpoints())[1].entries[0]
        found = await context.traffic.counts()
        return found is not None and found.blue.total > 0

    assert world.loop.run_until_complete(counted()) is counts
    said = list(uncounted(world.stack, context.ports.proxy.reload, snippet=snippet, metrics=metrics))
    assert [each.level for each in said] == [] if counts else ["note"]
    assert all("caddy reload" in each.remedy for each in said)
    world.close()
