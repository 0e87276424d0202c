"""Contracts and windows killed at any point: the floor is never too low, the page never stays, nobody is lost."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from teal.core.model.migrations import DatabaseAt, Migrations, Phase
from teal.core.model.stack import Stack
from teal.core.model.units import Seconds
from teal.core.planning.rollback_floor import floor_of
from teal.core.planning.steps import RunWindow
from teal.errors import TealError
from teal.ports import Answer, Endpoint
from tests.simulated import Behaviour, SimulatedProxy, Trouble
from tests.simulation.simulation import Simulation
from tests.simulation.stack import stack_of

FOLDER = "/srv/shop/sql"
CONTRACT, WINDOW = "0002_writer.contract", "0003_names.window"
TEXTS = {
    CONTRACT: "ALTER TABLE reviews DROP COLUMN author;",
    WINDOW: "ALTER TABLE reviews RENAME COLUMN writer TO author;",
}


def migrating(setting: str) -> Stack:
    section = Migrations(files=FOLDER, database=DatabaseAt("db"))
    return replace(stack_of(setting), migrations=section, fingerprint=setting)


def with_file(name: str, *, first: bool = False) -> Simulation:
    """Return a world on its second release, which has brought the file *name*, or (*first*) is about to."""
    world = Simulation(every=0.2)
    world.stack = migrating("a")
    world.plain_up()
    world.users.flow()
    for setting in ("b", "c"):
        assert world.run("deploy").ok
        world.world.source += 1
        world.stack = migrating(setting)
        if setting == "b" and not first:
            world.world.disk.texts[f"{FOLDER}/{name}.sql"] = TEXTS[name]
    world.world.disk.texts[f"{FOLDER}/{name}.sql"] = TEXTS[name]
    return world


def floor(world: Simulation) -> int:
    found = floor_of(tuple(world.world.disk.contracts.values()))
    return found.release if found else 0


def sound(world: Simulation, what: str) -> list[str]:
    """Return every promise that was broken."""
    return [f"{what}: {each}" for each in world.promises.violations + world.surprises]


GO = {"give_up": True, "confirmed": True}


def test_a_contract_gives_the_older_release_up_and_raises_the_floor() -> None:
    world = with_file(CONTRACT)
    shut = world.run("contract", confirmed=True)
    assert "release 1" in str(shut.error)
    assert world.run("rollback").ok
    early = world.run("contract", **GO)
    assert "serving" in str(early.error)
    world.world.source += 1
    assert world.run("deploy").ok
    result = world.run("contract", **GO)
    assert result.ok, result.error
    assert result.value.gives_up == (1,)
    assert floor(world) == 2
    assert CONTRACT in world.world.applied
    assert "0002_writer" in str(world.run("rollback", to=1).error)
    assert world.run("rollback").value.release == 2
    assert sound(world, "contract") == []
    world.close()


@pytest.mark.parametrize("kind", ["kill-before", "kill-after"])
def test_a_contract_killed_at_any_point_is_never_applied_below_its_floor_and_ends_well(kind: str) -> None:
    whole = with_file(CONTRACT)
    count = len(whole.run("contract", **GO).process.effects)
    whole.close()
    broken: list[str] = []
    for at in range(1, count + 1):
        world = with_file(CONTRACT)
        victim = world.run("contract", Trouble(at, kind), **GO)  # type: ignore[arg-type]
        what = f"{kind} {victim.process.met[0]}"
        if CONTRACT in world.world.applied and floor(world) < 2:
            broken.append(f"{what}: applied, and the floor is {floor(world)}")
        again = world.run("contract", **GO)
        if CONTRACT not in world.world.applied or floor(world) != 2:
            broken.append(f"{what}: then {again.error!r}, floor {floor(world)}")
        world.promises.settled(what)
        broken += sound(world, what)
        world.close()
    assert not broken, "\n".join(broken)


@pytest.mark.parametrize("page", [False, True])
def test_a_window_loses_no_request_and_raises_the_floor(page: bool) -> None:
    world = with_file(WINDOW, first=True)
    beside = world.run("deploy")
    assert "teal migrate window" in str(getattr(beside.error, "hint", ""))
    result = world.run("window", page=page)
    assert result.ok, result.error
    assert WINDOW in world.world.applied
    assert floor(world) == result.value.release
    assert world.run("rollback").error is not None
    world.sleep(1.0)
    world.promises.settled("window")
    assert sound(world, "window") == []
    world.close()


@pytest.mark.parametrize(("kind", "page"), [("kill-before", False), ("kill-after", True)])
def test_a_window_killed_at_any_point_is_healed_by_the_next_command(kind: str, page: bool) -> None:
    whole = with_file(WINDOW, first=True)
    count = len(whole.run("window", page=page).process.effects)
    whole.close()
    broken: list[str] = []
    for at in range(1, count + 1):
        world = with_file(WINDOW, first=True)
        victim = world.run("window", Trouble(at, kind), page=page)  # type: ignore[arg-type]
        what = f"{kind} {victim.process.met[0]}"
        next_one = world.run("cleanup")
        if not next_one.ok:
            broken.append(f"{what}: then {next_one.error!r}")
        world.sleep(1.0)
        world.promises.settled(what)
        broken += sound(world, what)
        world.close()
    assert not broken, "\n".join(broken)


def test_users_see_the_page_where_the_new_release_takes_longer_than_the_proxy_holds() -> None:
    world = with_file(WINDOW, first=True)
    world.world.behaviours[("web", world.world.source)] = Behaviour(boot=40.0)
    world.stack = replace(world.stack, settings=replace(world.stack.settings, health_timeout=Seconds(120.0)))
    result = world.run("window")
    assert result.ok, result.error
    assert any("maintenance page" in note for note in result.value.notes)
    world.close()


def test_contracts_without_a_name_leave_their_floors_one_after_the_other() -> None:
    commands = {Phase.EXPAND: ("expand",), Phase.CONTRACT: ("contract",)}
    section = Migrations(service="api", commands=commands, database=DatabaseAt("db"))
    world = Simulation(every=0.2)
    world.plain_up()
    world.users.flow()
    for setting, lowest in (("a", 1), ("b", 2), ("c", 3)):
        world.world.source += 1
        world.stack = replace(stack_of(setting), migrations=section, fingerprint=setting)
        result = world.run("deploy")
        assert result.ok, result.error
        assert floor(world) == lowest - 1
        contracted = world.run("contract", **GO)
        assert contracted.ok, contracted.error
        assert floor(world) == lowest
    assert sound(world, "contracts") == []
    world.close()


def test_a_snippet_that_knows_no_maintenance_page_is_named_before_anything_is_stopped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    world = with_file(WINDOW, first=True)
    answer = SimulatedProxy._answer

    def older(proxy: SimulatedProxy, box: Any, endpoint: Endpoint, key: str) -> Answer | None:
        return answer(proxy, box, endpoint, key) if key else Answer(200, "")

    monkeypatch.setattr(SimulatedProxy, "_answer", older)
    result = world.run("window", page=True)
    assert isinstance(result.error, TealError)
    assert "does not show the maintenance page" in result.error.message
    assert WINDOW not in world.world.applied
    assert not any(isinstance(row["step"], RunWindow) for row in world.world.disk.steps)
    world.sleep(1.0)
    world.promises.settled("window")
    assert sound(world, "window") == []
    world.close()
