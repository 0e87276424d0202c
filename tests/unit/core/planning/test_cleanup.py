"""What cleanup and down remove, as tables."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.core.model.observed import Observed
from teal.core.model.side import Side
from teal.core.planning.cleanup import plan_cleanup, plan_down, refuse_unknown, removal
from teal.core.planning.steps import EmptySide, Prune, RecordActive, Step
from teal.errors import Refused
from tests.unit.worlds import BLUE_7, EMPTY, PLAINLY, SHARED, STACK, color, past

LEFT = replace(
    BLUE_7, containers=(*SHARED, *color(Side.BLUE, 7)), networks={"shop-green_default": "n", "shop_default": "m"}
)
LONG = replace(BLUE_7, past=past(4, 5, 6, 7), releases=(replace(BLUE_7.releases[0], number=4), *BLUE_7.releases))


@pytest.mark.parametrize(
    ("observed", "steps"),
    [
        pytest.param(EMPTY, (), id="nothing is there"),
        pytest.param(PLAINLY, (), id="a plain stack is nobody's leftover"),
        pytest.param(BLUE_7, (EmptySide(Side.GREEN),), id="the color that doesn't serve"),
        pytest.param(LEFT, (EmptySide(Side.GREEN),), id="a network that a killed command left"),
        pytest.param(replace(LEFT, networks={"shop_default": "m"}), (), id="only what serves"),
        pytest.param(LONG, (EmptySide(Side.GREEN), Prune((4,))), id="a release beyond the policy"),
    ],
)
def test_a_cleanup_removes_what_does_not_serve_and_what_the_policy_no_longer_keeps(
    observed: Observed, steps: tuple[Step, ...]
) -> None:
    plan = plan_cleanup(observed, STACK)
    assert plan.steps == steps
    assert plan.source is observed.active


def test_a_cleanup_names_containers_releases_and_networks_and_no_shared_one() -> None:
    observed = replace(LONG, networks=LEFT.networks)
    gone = removal(plan_cleanup(observed, STACK), observed, STACK)
    assert gone.containers == tuple(sorted(c.name for c in color(Side.GREEN, 6)))
    assert gone.releases == (4,)
    assert gone.networks == ("shop-green_default",)


def test_nothing_is_removed_while_a_color_runs_and_nobody_knows_whether_it_serves() -> None:
    refuse_unknown(BLUE_7)
    refuse_unknown(replace(BLUE_7, traffic=None, containers=(*SHARED, *color(Side.BLUE, 7, state="exited"))))
    with pytest.raises(Refused, match="names none"):
        refuse_unknown(replace(BLUE_7, traffic=None))


def test_down_removes_what_serves_last_and_forgets_which_one_was_active() -> None:
    assert plan_down(BLUE_7).steps == (EmptySide(Side.GREEN), EmptySide(Side.BLUE), RecordActive(None))
    assert plan_down(EMPTY).steps == (EmptySide(Side.BLUE), EmptySide(Side.GREEN), RecordActive(None))
