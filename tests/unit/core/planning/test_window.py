"""A window: users wait or see the page, nothing of the application runs, the database changes."""

from __future__ import annotations

from dataclasses import replace

from teal.core.model.migrations import Migrations, Phase
from teal.core.model.observed import Unfinished
from teal.core.model.side import Side
from teal.core.model.traffic import Mode, Traffic
from teal.core.planning.order import steps_of
from teal.core.planning.plan import plan_deploy
from teal.core.planning.recovery import diagnose
from teal.core.planning.steps import (
    Backfill,
    CheckActive,
    Drain,
    EmptySide,
    Expand,
    HandOver,
    Hold,
    JudgeMigrations,
    RecordActive,
    RecordWindow,
    RestoreAfterWindow,
    Retire,
    RunWindow,
    Singleton,
    Start,
    Switch,
)
from teal.core.planning.transition import Transition, plan_transition, source_of
from teal.core.planning.wording import say
from tests.unit.worlds import BLUE_7, PLAINLY, SHARED, STACK, color, past

ALL = ("web", "api", "queue", "clock")
MIGRATING = replace(STACK, migrations=Migrations(files="/srv/shop/migrations"))


def change(*, page: bool = False) -> Transition:
    return replace(plan_transition(BLUE_7, MIGRATING, command="migrate-window", strategy="recreate"), page=page)


def test_the_database_changes_between_the_old_release_s_stop_and_the_new_one_s_start() -> None:
    before = plan_deploy(BLUE_7, MIGRATING, change()).before
    at = before.index(RunWindow(8))
    expand = Expand(8, "the files of migrations")
    assert before[at - 4 : at] == (Hold(limit=30.0), Drain(Side.BLUE), Retire(Side.BLUE, ALL), expand)
    assert before[at + 1 : at + 3] == (Backfill(8, expand.how), Start(Side.GREEN, 8, ("web", "api")))
    assert before.index(JudgeMigrations(8, (Phase.EXPAND, Phase.BACKFILL, Phase.WINDOW))) < at - 4
    assert not any(isinstance(step, CheckActive) for step in before)
    assert Switch(Side.GREEN, 8) in before[at:]


def test_recreate_makes_the_window_s_changes_too_and_blue_green_none() -> None:
    recreate = plan_transition(BLUE_7, MIGRATING, command="deploy", strategy="recreate")
    assert RunWindow(8) in plan_deploy(BLUE_7, MIGRATING, recreate).before
    beside = plan_deploy(BLUE_7, MIGRATING, plan_transition(BLUE_7, MIGRATING, command="deploy"))
    assert not any(isinstance(step, RunWindow | RecordWindow) for step in beside.steps)


def test_after_a_window_no_release_that_can_t_live_with_it_comes_back() -> None:
    assert plan_deploy(BLUE_7, MIGRATING, change()).after[0] == RecordWindow(8)


def test_with_the_maintenance_page_nobody_waits() -> None:
    before = plan_deploy(BLUE_7, MIGRATING, change(page=True)).before
    assert Hold(page=True) in before
    assert "maintenance page" in say(Hold(page=True))
    assert "after 30 s" in say(Hold(limit=30.0))


def test_a_window_that_fails_brings_the_old_release_back_as_far_as_the_database_allows() -> None:
    undo = steps_of(plan_deploy(BLUE_7, MIGRATING, change()).undo)
    assert undo == (Hold(), Drain(Side.GREEN), EmptySide(Side.GREEN, logs=True), RestoreAfterWindow(Side.BLUE, 7, ALL))


def test_a_window_that_fails_before_anybody_is_held_holds_nobody_and_starts_nothing() -> None:
    for command, facts in (("migrate-window", {}), ("deploy", {"window": False})):
        plan = plan_deploy(BLUE_7, MIGRATING, replace(change(), command=command, **facts))  # type: ignore[arg-type]
        assert Hold() in steps_of(plan.undo)
        undo = steps_of(plan.undo_of(plan.before, untouched=True))
        assert undo == (Drain(Side.GREEN), EmptySide(Side.GREEN, logs=True), RecordActive(Side.BLUE))
    beside = plan_deploy(BLUE_7, MIGRATING, plan_transition(BLUE_7, MIGRATING, command="deploy"))
    assert beside.undo_of(beside.before, untouched=True) == beside.undo


def test_a_window_never_takes_a_job_of_the_old_release_back() -> None:
    """It would run on a database that was changed under it."""
    jobs = HandOver(Side.GREEN, 8, ("queue",), (Singleton("clock", None),))
    assert jobs in plan_deploy(BLUE_7, MIGRATING, change()).after


def test_a_window_where_nothing_serves_holds_nobody() -> None:
    first = replace(change(), source=None, source_services=())
    before = plan_deploy(BLUE_7, MIGRATING, first).before
    assert not any(isinstance(step, Hold | Drain | Retire) for step in before)
    assert before.index(RunWindow(8)) < before.index(Start(Side.GREEN, 8, ("web", "api")))


def killed(mode: Mode, **facts: object) -> object:
    return replace(
        BLUE_7,
        containers=(*SHARED, *color(Side.BLUE, 7, state="exited"), *color(Side.GREEN, 8)),
        traffic=Traffic(mode).with_key(Side.BLUE, "k3y"),
        **facts,  # type: ignore[arg-type]
    )


RUN = Unfinished(3, "migrate-window", Side.BLUE, Side.GREEN, 8, True, 50.0)


def test_a_window_killed_in_the_middle_is_healed_whatever_users_see() -> None:
    for mode in (Mode.HOLD, Mode.MAINTENANCE):
        found = diagnose(killed(mode, unfinished=RUN), MIGRATING)  # type: ignore[arg-type]
        assert found is not None
        assert found.plan.steps == (
            RestoreAfterWindow(Side.BLUE, 7, ALL),
            Drain(Side.GREEN),
            EmptySide(Side.GREEN, logs=True),
            RecordActive(Side.BLUE),
        )


def test_only_a_run_that_kept_users_away_can_have_changed_the_database_in_a_window() -> None:
    """Finishing any other asks no database: a cleanup or rollback that heals it may not know the way there."""
    switched = replace(killed(Mode.GREEN), containers=(*SHARED, *color(Side.BLUE, 7), *color(Side.GREEN, 8)))  # type: ignore[type-var]
    for command, held in (("deploy", False), ("deploy", True), ("migrate-window", True)):
        run = replace(RUN, command=command, held=held)
        found = diagnose(replace(switched, unfinished=run), MIGRATING)  # type: ignore[type-var]
        assert found is not None
        assert (RecordWindow(8, unseen=True) in found.plan.steps) is held


def test_a_page_that_an_ended_run_left_is_taken_down_by_the_next_command() -> None:
    found = diagnose(killed(Mode.MAINTENANCE), STACK)  # type: ignore[arg-type]
    assert found is not None
    assert found.plan.steps == (RestoreAfterWindow(Side.BLUE, 7, ALL),)
    assert "maintenance page" in found.text


def test_a_page_that_a_person_put_up_stays() -> None:
    """It has no key of Teal's."""
    assert diagnose(replace(BLUE_7, traffic=Traffic(Mode.MAINTENANCE)), STACK) is None


def test_while_users_are_kept_away_no_plain_copy_is_taken_for_what_serves() -> None:
    for mode in (Mode.HOLD, Mode.MAINTENANCE):
        held = replace(PLAINLY, traffic=Traffic(mode))
        assert source_of(replace(held, past=past(switched=(Side.BLUE, 7))), STACK) is None
        assert source_of(replace(held, past=past(switched=(Side.PLAIN, None))), STACK) is Side.PLAIN
        assert source_of(held, STACK) is Side.PLAIN
