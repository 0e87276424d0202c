"""Schema changes in a deploy that is killed at any point: applied once, filled whole, owed from the right release."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.core.model.migrations import DatabaseAt, Migrations
from teal.core.model.stack import Stack
from tests.simulated import Trouble
from tests.simulation.simulation import Simulation
from tests.simulation.stack import stack_of

FOLDER = "/srv/shop/sql"
FILES = {
    "0001_notes.expand.sql": "CREATE TABLE notes (id int);",
    "0002_writer.expand.sql": "ALTER TABLE reviews ADD COLUMN writer text;",
    "0002_writer.backfill.sql": (
        '-- teal: allow=backfill-before-trigger reason="no release writes reviews meanwhile"\n'
        "UPDATE reviews SET writer = author WHERE id IN\n"
        " (SELECT id FROM reviews WHERE writer IS NULL AND author IS NOT NULL LIMIT 1000);"
    ),
    "0002_writer.contract.sql": "ALTER TABLE reviews DROP COLUMN author;",
}
ROWS = 3500


def migrating(setting: str, when: str) -> Stack:
    section = Migrations(files=FOLDER, database=DatabaseAt("db"), backfill=when)  # type: ignore[arg-type]
    return replace(stack_of(setting), migrations=section, fingerprint=f"{setting} {when}")


def deployed(when: str) -> Simulation:
    """Return a world whose first release serves; the second brings the files."""
    world = Simulation(every=0.2)
    world.stack = migrating("a", when)
    world.plain_up()
    world.users.flow()
    assert world.run("deploy").ok
    world.world.source += 1
    world.stack = migrating("b", when)
    world.world.disk.texts |= {f"{FOLDER}/{name}": text for name, text in FILES.items()}
    world.world.rows = ROWS
    return world


def stand(world: Simulation, what: str) -> list[str]:
    """Return what is not as it must be once the files have been deployed."""
    applied, contracts = world.world.applied, world.world.disk.contracts
    wanted = {name.removesuffix(".sql") for name in FILES if "contract" not in name}
    found = []
    if applied.keys() != wanted:
        found.append(f"{what}: applied are {sorted(applied)}")
    if world.world.rows:
        found.append(f"{what}: {world.world.rows} rows are not filled")
    if list(contracts) != ["0002_writer"] or contracts["0002_writer"].release < 2:
        found.append(f"{what}: owed are {contracts}")
    return found + [f"{what}: {each}" for each in world.promises.violations + world.surprises]


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_deploy_expands_checks_fills_and_says_what_it_owes(when: str) -> None:
    world = deployed(when)
    result = world.run("deploy")
    assert result.ok, result.error
    assert stand(world, when) == []
    assert [row.name for row in result.value.open] == ["0002_writer"]
    steps = [type(row["step"]).__name__ for row in world.world.disk.steps if row["run"] == len(world.world.disk.runs)]
    order = ["JudgeMigrations", "Expand", "CheckActive", "Create", "RecordContracts", "Switch"]
    assert [each for each in steps if each in order] == order
    assert (steps.index("Backfill") < steps.index("Create")) == (when == "before")
    world.close()


@pytest.mark.parametrize(("when", "kind"), [("before", "kill-after"), ("after", "kill-before")])
def test_a_kill_at_any_point_applies_nothing_twice_and_the_next_deploy_ends_the_work(when: str, kind: str) -> None:
    whole = deployed(when)
    count = len(whole.run("deploy").process.effects)
    whole.close()
    broken: list[str] = []
    for at in range(1, count + 1):
        world = deployed(when)
        victim = world.run("deploy", Trouble(at, kind))  # type: ignore[arg-type]
        assert victim.killed, victim.error
        world.world.source += 1
        after = world.run("deploy")
        what = f"{kind} {victim.process.met[0]}"
        if not after.ok:
            broken.append(f"{what}: {after.error!r}")
        world.sleep(1.0)
        broken += stand(world, what)
        world.close()
    assert not broken, f"{len(broken)} broken:\n" + "\n".join(broken)


def test_a_signal_ends_a_backfill_after_the_switch_between_two_batches_and_it_can_go_on() -> None:
    world = deployed("after")
    name = "0002_writer.backfill.sql"
    world.world.disk.texts[f"{FOLDER}/{name}"] = f"-- teal: rate=500\n{FILES[name]}"
    task = world.begin("deploy")
    while world.world.rows == ROWS:
        world.sleep(0.2)
    world.interrupt(task)
    result = world.finish(task)
    assert result.ok, result.error
    assert 0 < world.world.rows < ROWS
    assert any("`teal migrate backfill` goes on" in note for note in result.value.notes)
    world.world.source += 1
    assert world.run("deploy").ok
    assert stand(world, "after a signal") == []
    world.close()
