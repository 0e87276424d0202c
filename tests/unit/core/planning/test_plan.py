"""Plans as tables: what stands there before, and the steps that follow from it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.core.model.migrations import Migrations, Phase
from teal.core.model.observed import Observed
from teal.core.model.side import Side
from teal.core.model.stack import Evidence, Hook, Stack
from teal.core.planning.images import images_due
from teal.core.planning.order import OnFailure, Plan, Planned, sparing, steps_of
from teal.core.planning.plan import plan_deploy, plan_forward, plan_leave, plan_prepare, plan_rollback
from teal.core.planning.rollback import rollback_release
from teal.core.planning.steps import (
    Backfill,
    Build,
    CheckActive,
    CheckStandby,
    Confirm,
    Create,
    Drain,
    EmptySide,
    Expand,
    HandOver,
    Hold,
    JudgeMigrations,
    Preflight,
    Prune,
    PutBack,
    RecordActive,
    RecordContracts,
    RemovePlain,
    Retire,
    RunHook,
    RunOnce,
    SaveRelease,
    Singleton,
    Start,
    StartShared,
    Step,
    Switch,
)
from teal.core.planning.transition import Transition, leave_transition, plan_transition
from teal.core.planning.wording import say
from teal.core.services.classify import services_of
from teal.errors import Refused
from tests.unit.worlds import BLUE_7, EMPTY, PLAIN_APP, PLAINLY, SHARED, STACK, color, container, past

ALL = ("web", "api", "queue", "clock")
MOUNTS = {"volumes": [{"type": "image", "source": "data:now", "target": "/data"}]}
MODELLED = replace(STACK, models={Side.BLUE: {"services": {each.name: MOUNTS for each in STACK.services}}})


def deploy(observed: Observed, stack: Stack = STACK, **options: object) -> Plan:
    return plan_deploy(observed, stack, plan_transition(observed, stack, command="deploy", **options))  # type: ignore[arg-type]


def kinds(steps: tuple[Step, ...]) -> list[str]:
    return [type(step).__name__ for step in steps]


def test_a_deploy_fills_the_other_color_proves_it_and_then_switches() -> None:
    plan = deploy(BLUE_7)
    assert plan.before == (
        SaveRelease(8, Side.GREEN),
        RunOnce("migrate", 8),
        EmptySide(Side.GREEN),
        Create(Side.GREEN, 8),
        Start(Side.GREEN, 8, ("web", "api")),
        CheckStandby(Side.GREEN, 8),
        Switch(Side.GREEN, 8),
        Confirm(Side.GREEN, 8, Side.BLUE),
    )


def test_workers_and_singletons_come_after_the_switch_and_the_old_color_goes_last() -> None:
    assert deploy(BLUE_7).after == (
        HandOver(Side.GREEN, 8, ("queue",), (Singleton("clock", Side.BLUE),)),
        Drain(Side.BLUE),
        Retire(Side.BLUE, ALL),
        RecordActive(Side.GREEN),
        Prune((5,)),
    )


FILES = Migrations(files="/srv/shop/sql")


def test_the_schema_is_expanded_and_the_old_code_checked_on_it_before_anything_is_created() -> None:
    before = deploy(BLUE_7, replace(STACK, migrations=FILES)).before
    assert before[1:8] == (
        RunOnce("migrate", 8),
        JudgeMigrations(8, no_window=True),
        Expand(8, "the files of sql", CheckActive(Side.BLUE, 7)),
        CheckActive(Side.BLUE, 7),
        Backfill(8, "the files of sql"),
        EmptySide(Side.GREEN),
        Create(Side.GREEN, 8),
    )
    assert before[-3:] == (RecordContracts(8), Switch(Side.GREEN, 8), Confirm(Side.GREEN, 8, Side.BLUE))


def test_a_one_shot_that_is_the_expand_phase_is_run_as_it_and_not_once_more() -> None:
    before = deploy(BLUE_7, replace(STACK, migrations=Migrations(one_shot="migrate"))).before
    assert not [step for step in before if isinstance(step, RunOnce | Backfill)]
    assert Expand(8, "the one-shot migrate", CheckActive(Side.BLUE, 7)) in before


def test_a_backfill_that_comes_after_the_switch_comes_last_of_all() -> None:
    commands = {Phase.EXPAND: ("up",), Phase.BACKFILL: ("/bin/sh", "-c", "fill it")}
    section = Migrations(service="api", commands=commands, backfill="after")
    plan = deploy(BLUE_7, replace(STACK, migrations=section))
    assert plan.after[-1] == Backfill(8, "`fill it` in api")
    assert "Backfill" not in kinds(plan.before)


def test_the_first_deploy_of_all_has_no_old_code_to_check() -> None:
    assert "CheckActive" not in kinds(deploy(EMPTY, replace(STACK, migrations=FILES)).before)
    assert CheckActive(Side.PLAIN, None) in deploy(PLAINLY, replace(STACK, migrations=FILES)).before


def test_a_rollback_and_what_heals_change_no_schema() -> None:
    stack = replace(STACK, migrations=replace(FILES, backfill="after"))
    transition = plan_transition(BLUE_7, stack, command="heal")
    names = {"JudgeMigrations", "Expand", "CheckActive", "Backfill", "RecordContracts"}
    assert not names & set(kinds(plan_forward(BLUE_7, stack, transition).steps))
    release = rollback_release(BLUE_7, None).release
    back = plan_rollback(BLUE_7, stack, plan_transition(BLUE_7, stack, command="rollback", release=release), release)
    assert not names & set(kinds(back.steps))


def test_a_failed_deploy_leaves_the_active_color_untouched() -> None:
    undo = steps_of(deploy(BLUE_7).undo)
    assert undo == (
        RecordActive(Side.BLUE),
        Drain(Side.GREEN),
        EmptySide(Side.GREEN, logs=True),
        RecordActive(Side.BLUE),
    )
    assert not [step for step in undo if isinstance(step, (EmptySide, Retire)) and step.side is Side.BLUE]


def test_where_nothing_serves_the_jobs_start_with_the_routes_which_may_wait_for_one() -> None:
    assert Start(Side.BLUE, 1, ("web", "api"), ("queue", "clock")) in deploy(EMPTY).before
    held = replace(EMPTY, containers=(container("clock", Side.PLAIN, None, state="restarting"),))
    assert Start(Side.BLUE, 1, ("web", "api"), ("queue",)) in deploy(held).before  # two must never run
    assert Start(Side.GREEN, 8, ("web", "api")) in deploy(BLUE_7).before


def test_the_first_deploy_has_nothing_to_drain_or_retire() -> None:
    plan = deploy(EMPTY)
    assert plan.source is None
    assert plan.target is Side.BLUE
    assert {"Drain", "Retire", "RemovePlain", "LeaveNetworks"}.isdisjoint(kinds(plan.steps))


def test_a_first_deploy_never_fills_the_color_that_the_state_file_names_already() -> None:
    assert deploy(replace(BLUE_7, containers=SHARED)).target is Side.GREEN


def test_a_plain_stack_is_adopted_apart_from_its_containers_which_are_removed_at_the_end() -> None:
    plan = deploy(PLAINLY)
    assert Create(Side.BLUE, 1, apart=True) in plan.before
    assert HandOver(Side.BLUE, 1, ("queue",), (Singleton("clock", Side.PLAIN),)) in plan.after
    farewell = plan.after[plan.after.index(Drain(Side.PLAIN)) :]
    assert farewell[:4] == (Drain(Side.PLAIN), Retire(Side.PLAIN, ALL), RemovePlain(ALL), RecordActive(Side.BLUE))


def test_plain_containers_that_were_stopped_by_hand_are_removed_by_the_first_deploy() -> None:
    stopped = tuple(replace(each, state="exited") for each in PLAIN_APP)
    plan = deploy(replace(EMPTY, containers=(*SHARED, *stopped)))
    assert plan.source is None
    assert RemovePlain(ALL) in plan.after


def test_leave_goes_plain_and_removes_both_colors_at_its_end() -> None:
    plan = plan_leave(STACK, leave_transition(BLUE_7, STACK))
    assert plan.before[0] == Create(Side.PLAIN, None)
    assert Switch(Side.PLAIN, None) in plan.before
    assert plan.after[-2:] == (EmptySide(Side.BLUE), EmptySide(Side.GREEN))
    assert steps_of(plan.undo) == (
        RecordActive(Side.BLUE),
        Drain(Side.PLAIN),
        EmptySide(Side.PLAIN),
        RecordActive(Side.BLUE),
    )


def test_a_leave_puts_the_images_of_the_active_release_back_before_anything_is_created() -> None:
    images = (Build((), absent=("new",)), PutBack(7, ("shop-api:latest",)))
    plan = plan_leave(STACK, leave_transition(BLUE_7, STACK), images)
    assert plan.before[:3] == (*images, Create(Side.PLAIN, None))
    assert steps_of(plan.undo_of(images, untouched=True)) == (RecordActive(Side.BLUE), RecordActive(Side.BLUE))


def test_rollback_to_a_stopped_color_is_a_start_and_a_switch() -> None:
    release = rollback_release(BLUE_7, None).release
    assert release.number == 6
    plan = plan_rollback(BLUE_7, STACK, plan_transition(BLUE_7, STACK, command="rollback", release=release), release)
    assert kinds(plan.before) == ["Start", "CheckStandby", "Switch", "Confirm"]
    assert steps_of(plan.undo) == (
        RecordActive(Side.BLUE),
        Drain(Side.GREEN),
        Retire(Side.GREEN, ALL),
        RecordActive(Side.BLUE),
    )


@pytest.mark.parametrize(
    "spoilt",
    [
        pytest.param(color(Side.GREEN, 6)[1:], id="a container is gone"),
        pytest.param(color(Side.GREEN, 5), id="another release stands there"),
        pytest.param(color(Side.GREEN, 6, image="sha256:other"), id="made from another image"),
        pytest.param(color(Side.GREEN, 6, networks={"shop-green_default": "old"}), id="a network was made anew"),
    ],
)
def test_rollback_re_creates_what_does_not_stand_there_exactly(spoilt: tuple[object, ...]) -> None:
    observed = replace(
        BLUE_7, containers=(*SHARED, *color(Side.BLUE, 7), *spoilt), networks={"shop-green_default": "new"}
    )
    release = rollback_release(observed, 6).release
    plan = plan_rollback(
        observed, STACK, plan_transition(observed, STACK, command="rollback", release=release), release
    )
    assert kinds(plan.before)[:4] == ["Drain", "EmptySide", "Create", "Start"]


def test_rollback_never_runs_a_one_shot() -> None:
    release = rollback_release(BLUE_7, 5).release
    plan = plan_rollback(BLUE_7, STACK, plan_transition(BLUE_7, STACK, command="rollback", release=release), release)
    assert "RunOnce" not in kinds(plan.steps)
    assert "Build" not in kinds(plan.steps)


def test_rollback_is_refused_with_the_reason_when_the_images_are_gone() -> None:
    observed = replace(BLUE_7, containers=(*SHARED, *color(Side.BLUE, 7)), images=frozenset())
    with pytest.raises(Refused, match="image of web, api, queue, clock was removed"):
        rollback_release(observed, None)


def test_rollback_without_an_earlier_release_says_so() -> None:
    observed = replace(BLUE_7, containers=(*SHARED, *color(Side.BLUE, 7)), past=past(7))
    with pytest.raises(Refused, match="no earlier release"):
        rollback_release(observed, None)


def test_what_stands_in_a_color_has_served_though_the_journal_was_lost() -> None:
    observed = replace(BLUE_7, past=past())
    standing = observed.release_on(Side.GREEN)
    assert standing is not None
    assert rollback_release(observed, None).release.number == standing
    plan = plan_deploy(observed, STACK, plan_transition(observed, STACK, command="deploy"))
    assert not {7, standing} & {n for step in plan.after if isinstance(step, Prune) for n in step.releases}


def test_rolling_back_twice_does_not_bring_the_bad_release_again() -> None:
    observed = replace(BLUE_7, containers=(*SHARED, *color(Side.GREEN, 6), *color(Side.BLUE, 7, state="exited")))
    observed = replace(observed, traffic=observed.traffic and type(observed.traffic)(users=Side.GREEN))  # type: ignore[arg-type]
    assert rollback_release(observed, None).release.number == 5


def test_rollback_after_a_mended_deploy_passes_over_the_release_that_was_rolled_back_before() -> None:
    # 5 served, 6 was bad and rolled back to 5, then came 7: before 7 it was 5 that served.
    assert rollback_release(replace(BLUE_7, past=past(6, 5, 7)), None).release.number == 5


def test_keep_leaves_the_routes_of_the_old_color_up() -> None:
    assert Retire(Side.BLUE, ("queue", "clock")) in deploy(BLUE_7, keep=True).after


def test_recreate_holds_and_drains_before_the_old_color_stops_and_brings_it_back_on_failure() -> None:
    plan = deploy(BLUE_7, strategy="recreate")
    at = kinds(plan.before)
    assert at[at.index("Hold") : at.index("Start") + 1] == ["Hold", "Drain", "Retire", "Start"]
    assert steps_of(plan.undo) == (
        Hold(),
        Drain(Side.GREEN),
        EmptySide(Side.GREEN, logs=True),
        Start(Side.BLUE, 7, ("web", "api")),
        RecordActive(Side.BLUE),
        Start(Side.BLUE, 7, ("queue", "clock")),
    )


def test_a_plain_copy_beside_an_active_color_is_refused_by_name() -> None:
    observed = replace(BLUE_7, containers=(*BLUE_7.containers, container("web", Side.PLAIN, None)))
    with pytest.raises(Refused, match="plain containers of web run beside the active blue"):
        deploy(observed)


def test_shared_services_are_named_by_no_step_but_their_own() -> None:
    for plan in (deploy(BLUE_7), deploy(PLAINLY), plan_leave(STACK, leave_transition(BLUE_7, STACK))):
        for step in (*plan.steps, *steps_of(plan.undo)):
            assert not {"db", "proxy"} & set(getattr(step, "services", ()))


def test_prepare_starts_shared_services_checks_the_room_and_builds_without_them() -> None:
    hooked = replace(MODELLED, hooks=(Hook("pre-build", ("true",)),))
    assert plan_prepare(hooked, build="build") == (
        StartShared(("proxy", "db")),
        Preflight(),
        RunHook("pre-build", Side.PLAIN, None),
        Build(("api",)),
    )
    assert "Build" not in kinds(plan_prepare(MODELLED, build="none"))
    assert plan_prepare(MODELLED, build="pull")[-1] == Build(("api",), ("web", "queue", "clock", "migrate"))


def test_what_is_not_there_is_pulled_as_compose_would_and_named() -> None:
    lacking = frozenset({"shop-api", "shop-web", "data:now", "other"})
    services = tuple(replace(s, image="shop-web") if s.name == "web" else s for s in STACK.services)
    stack = replace(MODELLED, services=services)
    assert plan_prepare(stack, build="build", absent=lacking)[-1] == Build(
        ("api",), absent=("web", "queue", "clock", "migrate"), mounted=("data:now",)
    )
    assert plan_prepare(stack, build="build", absent=frozenset({"shop-web"}))[-1] == Build(("api",), absent=("web",))
    assert say(Build((), ("web",), ("migrate",), ("data:now",))) == "pull web, migrate, data:now"
    assert "Build" not in kinds(plan_prepare(stack, build="none", absent=lacking))
    never = replace(stack, services=tuple(replace(s, pull="never", builds=False) for s in services))
    assert images_due(never, "build", lacking - {"data:now"}) is None
    always = replace(stack, services=tuple(replace(s, pull="always", builds=False) for s in services))
    assert images_due(always, "build", frozenset()) == Build((), ("web", "api", "queue", "clock", "migrate"))


@pytest.mark.parametrize(
    ("written", "pull"),
    [("", "missing"), ("if_not_present", "missing"), ("never", "never"), ("build", "never"), ("always", "always")]
    + [(each, "always") for each in ("daily", "weekly", "every_12h", "newer")],
)
def test_a_pull_policy_is_taken_as_compose_takes_it_and_one_that_waits_pulls_each_time(written: str, pull: str) -> None:
    model: dict[str, object] = {"name": "x", "services": {"web": {"image": "web", "pull_policy": written}}}
    (found,) = services_of({Side.PLAIN: model, Side.BLUE: model}, Evidence())
    assert found.pull == pull


def test_until_a_deploy_touches_the_other_color_what_stands_there_stays() -> None:
    for options in ({}, {"strategy": "recreate"}):
        plan = deploy(BLUE_7, **options)
        touching = next(n for n, step in enumerate(plan.before) if getattr(step, "side", None) is Side.GREEN and n)
        for begun in range(1, touching + 1):
            undo = steps_of(plan.undo_of(plan.before[:begun], untouched=True))
            assert set(undo) == {RecordActive(Side.BLUE)}
        assert EmptySide(Side.GREEN, logs=True) in steps_of(plan.undo_of(plan.before[: touching + 1], untouched=True))


def test_a_run_that_was_killed_after_its_switch_goes_forward_without_starting_over() -> None:
    transition = Transition("heal", Side.GREEN, Side.BLUE, 7, STACK.rotating, STACK.rotating)
    plan = plan_forward(BLUE_7, STACK, transition)
    assert plan.before == (Switch(Side.BLUE, 7, again=True), Confirm(Side.BLUE, 7, Side.GREEN))
    assert {"SaveRelease", "EmptySide", "Create", "CheckStandby"}.isdisjoint(kinds(plan.steps))


def test_a_plan_says_beside_each_step_what_its_failure_leads_to() -> None:
    commands = {Phase.EXPAND: ("up",), Phase.BACKFILL: ("/bin/sh", "-c", "fill it")}
    section = Migrations(service="api", commands=commands, backfill="after")
    hooks = tuple(Hook(when, ("true",)) for when in ("pre-switch", "post-switch", "post-deploy", "on-failure"))
    plan = deploy(BLUE_7, replace(STACK, migrations=section, hooks=hooks))
    at = next(n for n, each in enumerate(plan.order) if isinstance(each.step, Confirm))
    assert {each.on_failure for each in plan.order[: at + 1]} == {OnFailure.ABORT}
    assert [(type(each.step).__name__, each.on_failure) for each in plan.order[at + 1 :]] == [
        ("RunHook", OnFailure.REPORT),
        ("HandOver", OnFailure.KEEP_PREVIOUS),
        ("Drain", OnFailure.RESUME),
        ("Retire", OnFailure.RESUME),
        ("RecordActive", OnFailure.RESUME),
        ("Prune", OnFailure.RESUME),
        ("RunHook", OnFailure.REPORT),
        ("Backfill", OnFailure.REPORT),
    ]
    assert plan.order[-1].remedy == "`teal migrate backfill` goes on"
    assert plan.undo[-1] == Planned(RunHook("on-failure", Side.GREEN, 8, each=True), OnFailure.REPORT)
    assert {each.on_failure for each in plan.undo[:-1]} == {OnFailure.RESUME}


def test_a_failure_hook_comes_last_of_an_undo_that_touches_nothing_too() -> None:
    stack = replace(STACK, hooks=(Hook("on-failure", ("true",)),))
    for options in ({}, {"strategy": "recreate"}):
        undo = deploy(BLUE_7, stack, **options).undo_of((), untouched=True)
        assert isinstance(undo[-1].step, RunHook)


def test_a_step_is_performed_so_that_it_ends_nothing_that_goes_on() -> None:
    kept = frozenset({"clock"})
    assert sparing(Retire(Side.BLUE, ("web", "clock")), kept) == Retire(Side.BLUE, ("web",))
    assert sparing(RemovePlain(("web", "clock")), kept) == RemovePlain(("web",))
    assert sparing(EmptySide(Side.BLUE, logs=True), kept) == EmptySide(Side.BLUE, logs=True, sparing=kept)
    assert sparing(Drain(Side.BLUE), kept) == Drain(Side.BLUE)
