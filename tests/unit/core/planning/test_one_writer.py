"""Data of one writer: no command lets two releases run at once, whatever it is, and wherever it was killed."""

from __future__ import annotations

from dataclasses import replace

from teal.core.model.mounts import Mount, Verdict
from teal.core.model.observed import Unfinished
from teal.core.model.own_proxy import OwnProxy
from teal.core.model.release import Release
from teal.core.model.side import Side
from teal.core.model.stack import Stack, Tree
from teal.core.model.traffic import Mode, Traffic
from teal.core.planning.order import Plan
from teal.core.planning.plan import plan_deploy, plan_leave, plan_rollback
from teal.core.planning.recovery import diagnose
from teal.core.planning.steps import Drain, EmptySide, RecordActive, RunOnce, Start, Step
from teal.core.planning.transition import leave_transition, plan_transition
from tests.unit.worlds import BLUE_7, MIGRATE, PLAINLY, SHARED, STACK, WEB, color

DATA: Tree = {"type": "volume", "source": "index", "target": "/data"}
ONE = replace(STACK, strategy="recreate")


def names(plan: Plan) -> list[str]:
    return [type(step).__name__ for step in plan.before]


def deploy(stack: Stack, **options: object) -> Plan:
    return plan_deploy(BLUE_7, stack, plan_transition(BLUE_7, stack, command="deploy", **options))  # type: ignore[arg-type]


def waits(plan: Plan) -> list[str]:
    """Return what is done from the moment on at which users wait until the new one starts."""
    found = names(plan)
    return found[found.index("Hold") : found.index("Start") + 1]


def test_a_deploy_and_a_rollback_stop_the_old_release_before_the_new_one_starts() -> None:
    assert waits(deploy(ONE)) == ["Hold", "Drain", "Retire", "Start"]
    back = Release(6, Side.GREEN, 6000.0, dict.fromkeys(("web", "api", "queue", "clock"), ""), STACK.rotating)
    transition = plan_transition(BLUE_7, ONE, command="rollback", release=back)
    assert waits(plan_rollback(BLUE_7, ONE, transition, back)) == ["Hold", "Drain", "Retire", "Start"]


def test_a_leave_stops_the_color_before_the_plain_services_start() -> None:
    assert waits(plan_leave(ONE, leave_transition(BLUE_7, ONE))) == ["Hold", "Drain", "Retire", "Start"]


def test_the_own_proxy_has_the_ports_before_nothing_runs_and_gives_them_back_after() -> None:
    owned = replace(ONE, own=OwnProxy())
    adopting = replace(plan_transition(PLAINLY, owned, command="deploy"), taken=("web",))
    plan = plan_deploy(PLAINLY, owned, adopting)
    assert waits(plan) == ["Hold", "Drain", "TakeOver", "Retire", "Start"]
    assert names(plan).count("TakeOver") == 1
    undo = [type(planned.step).__name__ for planned in plan.undo]
    assert undo.index("EmptySide") < undo.index("GiveBack") < undo.index("Start")
    leaving = replace(leave_transition(BLUE_7, owned), taken=("web",))
    plan = plan_leave(owned, leaving)
    assert waits(plan) == ["Hold", "Drain", "Retire", "GiveBack", "Start"]
    assert names(plan).count("GiveBack") == 1


def test_a_one_shot_that_writes_them_runs_while_nothing_else_does() -> None:
    services: Tree = {"web": {"volumes": [DATA]}, "migrate": {"volumes": [DATA]}}
    stack = replace(
        ONE,
        models={Side.BLUE: {"services": services}},
        services=(WEB, MIGRATE),
        mounts=(Mount("web", "/data", "index", "volume", Verdict.UNSAFE, ""),),
    )
    assert waits(deploy(stack)) == ["Hold", "Drain", "Retire", "RunOnce", "Start"]
    free = replace(stack, models={Side.BLUE: {"services": {**services, "migrate": {}}}})
    assert waits(deploy(free)) == ["Hold", "Drain", "Retire", "Start"]
    assert RunOnce("migrate", 8) in deploy(free).before


def test_only_the_option_makes_a_window_of_it() -> None:
    assert not plan_transition(BLUE_7, ONE, command="deploy").window
    assert plan_transition(BLUE_7, ONE, command="deploy").strategy == "recreate"


def test_what_was_killed_is_emptied_before_the_old_release_starts_again() -> None:
    observed = replace(
        BLUE_7,
        containers=(*SHARED, *color(Side.BLUE, 7, state="exited"), *color(Side.GREEN, 8)),
        traffic=Traffic(Mode.HOLD),
        unfinished=Unfinished(3, "deploy", Side.BLUE, Side.GREEN, 8, held=True, started=50.0),
    )
    steps: list[tuple[Step, ...]] = []
    for stack in (ONE, STACK):
        found = diagnose(observed, stack)
        assert found is not None
        steps.append(found.plan.steps)
    again = (Start(Side.BLUE, 7, ("web", "api")), RecordActive(Side.BLUE), Start(Side.BLUE, 7, ("queue", "clock")))
    assert steps[0] == (Drain(Side.GREEN), EmptySide(Side.GREEN, logs=True), *again)
    assert steps[1][:3] == again
