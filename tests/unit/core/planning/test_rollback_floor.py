"""The rollback floor: no release below it comes back, whoever asks."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.core.model.migrations import OpenChange
from teal.core.model.observed import Observed
from teal.core.model.side import Side
from teal.core.model.traffic import Mode, Traffic
from teal.core.planning.recovery import diagnose
from teal.core.planning.rollback import rollback_release
from teal.core.planning.rollback_floor import contracts_unblocked_by, floor_of
from teal.core.planning.steps import RecordActive, Start
from teal.errors import Refused
from tests.unit.worlds import BLUE_7, SHARED, STACK, color, past, release

RUN_6 = OpenChange("0006_title", release=6, opened=50.0, closed=60.0, reason="title moved to headline")
RUN_7 = OpenChange("0007_writer", release=7, opened=70.0, closed=80.0)
OPEN_8 = OpenChange("0008_score", release=8, opened=90.0)


def refused(observed: Observed, wanted: int | None) -> Refused:
    with pytest.raises(Refused) as caught:
        rollback_release(observed, wanted)
    return caught.value


def test_the_floor_is_the_highest_minimum_of_the_contracts_that_were_run() -> None:
    assert floor_of(()) is None
    assert floor_of((OPEN_8,)) is None
    found = floor_of((RUN_7, RUN_6, OPEN_8))
    assert found is not None
    assert (found.release, found.contract, found.since) == (7, "0007_writer", 80.0)


def test_a_rollback_at_the_floor_is_allowed() -> None:
    assert rollback_release(replace(BLUE_7, contracts=(RUN_6,)), None).release.number == 6
    assert rollback_release(replace(BLUE_7, contracts=(OPEN_8,)), 5).release.number == 5


def test_a_rollback_below_the_floor_is_refused_with_the_reason_and_the_nearest_release() -> None:
    error = refused(replace(BLUE_7, contracts=(RUN_6,)), 5)
    assert "release 5 can't come back" in error.message
    assert "0006_title (title moved to headline)" in error.message
    assert "teal rollback 6" in error.hint


def test_a_release_below_the_floor_that_is_no_longer_kept_is_refused_for_the_same_reason() -> None:
    error = refused(replace(BLUE_7, contracts=(RUN_7,), releases=(release(7, Side.BLUE),)), 3)
    assert "0007_writer" in error.message
    assert "release 7 serves; no other release from 7 on is kept" in error.hint


def test_a_bare_rollback_whose_release_is_below_the_floor_is_refused() -> None:
    assert "release 6 can't come back" in refused(replace(BLUE_7, contracts=(RUN_7,)), None).message
    nothing = replace(BLUE_7, contracts=(RUN_7,), releases=(release(7, Side.BLUE),))
    assert "0007_writer" in refused(nothing, None).message


def test_the_nearest_release_is_one_whose_images_are_there() -> None:
    kept = (release(5, Side.BLUE), replace(release(6, Side.GREEN), images={}), release(7, Side.BLUE))
    gone = replace(BLUE_7, contracts=(RUN_6,), releases=kept, containers=(*SHARED, *color(Side.BLUE, 7)))
    assert "no other release from 6 on is kept" in refused(gone, 5).hint


def test_healing_never_brings_a_release_below_the_floor_back() -> None:
    held = replace(
        BLUE_7,
        containers=(*SHARED, *color(Side.GREEN, 6, state="exited")),
        traffic=Traffic(Mode.HOLD).with_key(Side.GREEN, "k3y"),
        past=past(5, 6, switched=(Side.GREEN, 6)),
    )
    free = diagnose(held, STACK)
    assert free is not None
    assert [type(step) for step in free.plan.steps] == [Start, RecordActive, Start]
    found = diagnose(replace(held, contracts=(RUN_7,)), STACK)
    assert found is not None
    assert (found.kind, found.plan.steps) == ("note", ())
    assert "release 6 is not brought back: contract 0007_writer" in found.text


def test_cleanup_frees_a_contract_once_its_last_older_release_goes() -> None:
    observed = replace(BLUE_7, contracts=(OpenChange("0007_writer", release=7, opened=70.0), RUN_6, OPEN_8))
    assert contracts_unblocked_by(observed, frozenset({5})) == ()
    assert contracts_unblocked_by(observed, frozenset({5, 6})) == ("0007_writer",)
    assert contracts_unblocked_by(observed, frozenset()) == ()
