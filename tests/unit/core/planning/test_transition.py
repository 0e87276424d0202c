"""What an interrupted command, or a hand, left behind, and what is done about it."""

from __future__ import annotations

from dataclasses import replace

from teal.core.model.observed import Observed, Unfinished
from teal.core.model.side import Side
from teal.core.model.traffic import Mode, Traffic, to
from teal.core.planning.recovery import Repair, adopted_from, diagnose
from teal.core.planning.steps import Drain, EmptySide, RecordActive, RemovePlain, Retire, Start, Switch
from teal.core.planning.transition import source_of
from tests.unit.worlds import BLUE_7, EMPTY, PLAIN_APP, PLAINLY, SHARED, STACK, color, keyed, past

AGAIN = (Start(Side.BLUE, 7, ("web", "api")), RecordActive(Side.BLUE), Start(Side.BLUE, 7, ("queue", "clock")))


def repair(observed: Observed) -> Repair:
    found = diagnose(observed, STACK)
    assert found is not None
    return found


def interrupted(
    command: str = "deploy", release: int | None = 8, target: Side = Side.GREEN, *, held: bool = False
) -> Unfinished:
    return Unfinished(3, command, Side.BLUE, target, release, held, 50.0)


def test_a_healthy_stack_needs_no_repair() -> None:
    assert diagnose(BLUE_7, STACK) is None
    assert diagnose(EMPTY, STACK) is None
    assert diagnose(PLAINLY, STACK) is None


def test_a_deploy_killed_before_its_switch_is_undone_and_the_active_color_not_touched() -> None:
    half = (*SHARED, *color(Side.BLUE, 7), *color(Side.GREEN, 8)[:2])
    observed = replace(BLUE_7, containers=half, unfinished=interrupted(), traffic=keyed(Side.BLUE, Side.GREEN))
    found = repair(observed)
    assert found.kind == "undo"
    assert found.plan.steps == (
        RecordActive(Side.BLUE),
        Drain(Side.GREEN),
        EmptySide(Side.GREEN, logs=True),
        RecordActive(Side.BLUE),
    )


def test_a_deploy_killed_before_it_touched_the_target_leaves_the_retired_release_there() -> None:
    found = repair(replace(BLUE_7, unfinished=interrupted()))
    assert found.kind == "note"
    assert found.plan.steps == ()


def test_a_deploy_killed_after_its_switch_goes_forward() -> None:
    both = (*SHARED, *color(Side.BLUE, 7), *color(Side.GREEN, 8))
    observed = replace(BLUE_7, containers=both, unfinished=interrupted(), traffic=keyed(Side.GREEN, Side.GREEN))
    found = repair(observed)
    assert found.kind == "forward"
    assert found.plan.steps[0] == Switch(Side.GREEN, 8, again=True)
    assert Retire(Side.BLUE, ("web", "api", "queue", "clock")) in found.plan.steps


def test_a_rollback_killed_before_its_switch_stops_the_old_release_again_but_keeps_it() -> None:
    observed = replace(
        BLUE_7,
        containers=(*SHARED, *color(Side.BLUE, 7), *color(Side.GREEN, 6)),
        unfinished=interrupted("rollback", 6),
    )
    retire = Retire(Side.GREEN, ("web", "api", "queue", "clock"))
    assert repair(observed).plan.steps == (Drain(Side.GREEN), retire, RecordActive(Side.BLUE))


def test_an_interrupted_leave_removes_its_plain_containers() -> None:
    observed = replace(
        BLUE_7, containers=(*BLUE_7.containers, *PLAIN_APP), unfinished=interrupted("leave", None, Side.PLAIN)
    )
    assert repair(observed).plan.steps == (Drain(Side.PLAIN), EmptySide(Side.PLAIN), RecordActive(Side.BLUE))


def test_a_recreate_killed_while_it_held_requests_brings_the_old_color_back() -> None:
    observed = replace(
        BLUE_7,
        containers=(*SHARED, *color(Side.BLUE, 7, state="exited"), *color(Side.GREEN, 8)),
        traffic=Traffic(Mode.HOLD),
        unfinished=interrupted(),
    )
    steps = repair(observed).plan.steps
    assert steps[:3] == AGAIN
    assert steps[3:] == (Drain(Side.GREEN), EmptySide(Side.GREEN, logs=True), RecordActive(Side.BLUE))


def test_a_recreate_whose_undo_was_interrupted_too_brings_the_old_color_back() -> None:
    stopped = (*SHARED, *color(Side.BLUE, 7, state="exited"))
    found = repair(replace(BLUE_7, containers=stopped, unfinished=interrupted(held=True)))
    assert found.kind == "undo"
    assert found.plan.steps == AGAIN


def test_a_leave_that_switched_to_plain_containers_which_are_gone_brings_the_color_back() -> None:
    for left in (SHARED, ()):
        stopped = (*left, *color(Side.BLUE, 7, state="exited"))
        leave = interrupted("leave", None, Side.PLAIN)
        gone = replace(
            BLUE_7, containers=stopped, traffic=to(Side.PLAIN), past=past(switched=(Side.PLAIN, None)), unfinished=leave
        )
        found = repair(gone)
        assert found.kind == "undo"
        assert "nothing stands there any more" in found.text
        assert found.plan.steps[:3] == AGAIN


def test_the_plain_containers_of_an_adoption_that_cannot_be_finished_are_ended_but_for_its_jobs() -> None:
    adoption = Unfinished(3, "deploy", Side.PLAIN, Side.BLUE, 7, held=False, started=50.0)
    blue = tuple(each for each in color(Side.BLUE, 7) if each.service != "clock")
    both = replace(BLUE_7, containers=(*SHARED, *PLAIN_APP, *blue), unfinished=adoption)
    names = ("web", "api", "queue")
    plan = adopted_from(both, STACK)
    assert plan is not None
    assert plan.steps == (Drain(Side.PLAIN), Retire(Side.PLAIN, names), RemovePlain(names))
    assert adopted_from(replace(both, unfinished=None), STACK) is None
    assert adopted_from(replace(both, traffic=to(Side.PLAIN)), STACK) is None
    assert adopted_from(replace(both, unfinished=interrupted()), STACK) is None


def test_a_lost_state_file_is_restored_to_what_the_journal_knows() -> None:
    for lost in (None, to(Side.PLAIN)):
        found = repair(replace(BLUE_7, traffic=lost))
        assert found.kind == "restore"
        assert found.plan.steps == (RecordActive(Side.BLUE),)


def test_a_lost_state_file_is_not_restored_to_a_color_that_does_not_run() -> None:
    stopped = (*SHARED, *color(Side.BLUE, 7, state="exited"))
    assert diagnose(replace(BLUE_7, traffic=None, containers=stopped), STACK) is None


def test_a_key_that_was_left_behind_is_removed() -> None:
    assert repair(replace(BLUE_7, traffic=keyed(Side.BLUE, Side.GREEN))).plan.steps == (RecordActive(Side.BLUE),)


def test_who_serves_is_told_by_the_state_file_and_by_what_stands_there() -> None:
    assert source_of(BLUE_7, STACK) is Side.BLUE
    assert source_of(PLAINLY, STACK) is Side.PLAIN
    assert source_of(EMPTY, STACK) is None
    assert source_of(replace(BLUE_7, containers=SHARED), STACK) is None
