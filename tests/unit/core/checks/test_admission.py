"""One list of what stands in the way: what `check` calls an error is what a deploy refuses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.core.checks.admission import by_sight
from teal.core.model.observed import Observed
from teal.core.model.side import Side
from teal.core.planning.transition import plan_transition
from teal.errors import Refused
from tests.unit.worlds import BLUE_7, PLAIN_APP, STACK

MODELLED = replace(STACK, models={Side.PLAIN: {"services": {}}})

PLAIN_CLOCK = tuple(each for each in PLAIN_APP if each.service == "clock")
WITHOUT_CLOCK = tuple(c for c in BLUE_7.containers if not (c.service == "clock" and c.side is Side.BLUE))


def levels(observed: Observed, *, busy: bool = False) -> list[str]:
    return [each.level for each in by_sight(observed, MODELLED, busy=busy)]


def test_the_only_running_scheduler_is_no_third_copy_for_check_as_for_deploy() -> None:
    """Its adoption failed, and the plain one goes on: `check` once said how to end it."""
    observed = replace(BLUE_7, containers=(*WITHOUT_CLOCK, *PLAIN_CLOCK))
    assert plan_transition(observed, MODELLED, command="deploy").kept_plain_jobs == ("clock",)
    (said,) = by_sight(observed, MODELLED)
    assert said.level == "note"
    assert said.message == "clock goes on as a plain container, since that of blue does not run"
    assert "rm" not in said.remedy


def test_a_third_copy_is_an_error_to_check_and_refused_by_deploy_in_the_same_words() -> None:
    observed = replace(BLUE_7, containers=(*BLUE_7.containers, *PLAIN_CLOCK))
    (said,) = by_sight(observed, MODELLED)
    with pytest.raises(Refused) as refused:
        plan_transition(observed, MODELLED, command="deploy")
    assert (refused.value.message, refused.value.hint) == (said.message, said.remedy)
    assert said.level == "error"


def test_what_a_working_command_has_in_hand_is_no_third_copy() -> None:
    assert levels(replace(BLUE_7, containers=(*BLUE_7.containers, *PLAIN_CLOCK)), busy=True) == []
