"""Teal's own proxy in the simulated world: its ports always have a holder, and a planted bug is seen."""

from __future__ import annotations

import pytest

from teal.core.model.own_proxy import OWN
from teal.run.context import RunContext
from teal.run.steps import own_proxy
from tests.simulation.own import OwnSimulation, own_adopted, own_plain
from tests.simulation.stack import ROUTES


def holders(world: OwnSimulation) -> set[str]:
    found = [world.world.holder_of(port) for port in ROUTES.values()]
    return {world.world.service(box) if box else "" for box in found}


def test_adoption_deploy_rollback_and_leave_break_no_promise_and_hand_the_ports_on() -> None:
    world = own_plain()
    assert holders(world) == set(ROUTES)
    for command, holding in (("deploy", {OWN}), ("deploy", {OWN}), ("rollback", {OWN}), ("leave", set(ROUTES))):
        world.new_source(f"of {world.pids}")
        assert world.run(command).ok
        world.sleep(1.0)
        world.promises.settled(command)
        assert holders(world) == holding, command
    assert world.promises.violations == []
    assert world.promises.checked["port"] > 100
    world.close()


def test_where_the_form_with_the_ports_is_never_started_it_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    async def forgotten(_context: RunContext) -> None: ...

    monkeypatch.setattr(own_proxy, "_start_main", forgotten)
    world = own_plain()
    world.run("deploy")
    world.sleep(1.0)
    world.promises.settled("deploy")
    assert any(each.startswith("[port]") for each in world.promises.violations), world.promises.violations
    world.close()


def test_where_a_deploy_takes_the_ports_again_it_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    world = own_adopted()
    start = own_proxy.start

    async def anew(context: RunContext) -> bool:
        main = await own_proxy._main(context)
        assert main is not None
        await context.ports.engine.remove(main.id)
        return await start(context)

    monkeypatch.setattr(own_proxy, "start", anew)
    world.new_source()
    world.run("deploy")
    assert any(each.startswith("[shared]") for each in world.promises.violations), world.promises.violations
    world.close()
