"""Each command that changes something leaves a log of its run, as far as it came, also where it was killed."""

from __future__ import annotations

from tests.simulated import MemoryRunLogs, Process, Trouble
from tests.simulation.simulation import Simulation


def logs(world: Simulation) -> MemoryRunLogs:
    return MemoryRunLogs(world.world, Process(world.world, "reader"))


def test_a_run_s_log_begins_and_ends_with_it_and_names_each_step() -> None:
    world = Simulation()
    for at, command in enumerate(("deploy", "rollback", "leave"), start=1):
        if command == "rollback":
            world.new_source()
            world.run("deploy")
        result = world.run(command)
        number = logs(world).runs()[-1]
        lines = logs(world).read(number)
        assert number >= at
        assert (lines[0].event, lines[0].run, lines[0].command) == ("run-began", number, command)
        assert (lines[-1].event, lines[-1].outcome) == ("run-ended", "done"), result.error
        steps = {row["step"].name for row in world.world.disk.steps if row["run"] == number}
        assert {line.step for line in lines if line.event == "step-ended"} == steps
    world.close()


def test_a_killed_run_s_log_ends_where_it_was_killed_and_what_heals_it_has_its_own() -> None:
    world = Simulation()
    world.run("deploy")
    world.new_source()
    assert world.run("deploy", Trouble(38, "kill-after")).killed
    killed, before = logs(world).runs()[-1], logs(world).read(logs(world).runs()[-1])
    assert before[-1].event != "run-ended"
    world.run("up")
    assert logs(world).read(killed) == before
    (heal,) = (run for run in logs(world).runs() if run > killed)
    told = logs(world).read(heal)
    assert (told[0].command, told[-1].event, told[-1].outcome) == ("heal", "run-ended", "done")
    world.close()
