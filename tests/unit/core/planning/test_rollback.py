"""Which releases have served, by the journal's runs; which one a rollback brings back, and what the others are."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.core.model.migrations import OpenChange
from teal.core.model.observed import Past
from teal.core.model.side import Side
from teal.core.planning.past import Turn, past_of, turn_of
from teal.core.planning.rollback import kept_releases, rollback_release, way_back
from teal.core.planning.steps import Confirm, Drain, Hold, RecordActive, RestoreAfterWindow, Step, Switch
from teal.errors import Refused
from tests.unit.worlds import BLUE_7, SHARED, color, past, release

WHY = "after the switch green/web did not answer"


def deploy(number: int, side: Side = Side.GREEN, outcome: str = "done", *more: Step, command: str = "deploy") -> Turn:
    """Return a run that came to its switch, and what it did then."""
    message = WHY if outcome == "aborted" else ""
    return turn_of(command, number, outcome, message, (Switch(side, number), *more))


GOOD = (Confirm(Side.GREEN), Drain(Side.BLUE), RecordActive(Side.GREEN))


@pytest.mark.parametrize(
    ("turn", "serves", "users"),
    [
        pytest.param(deploy(4, Side.GREEN, "done", *GOOD), True, Side.GREEN, id="it ended well"),
        pytest.param(deploy(4, Side.GREEN, "needs-person", *GOOD), True, Side.GREEN, id="something failed after it"),
        pytest.param(deploy(4, Side.GREEN, "healed"), True, Side.GREEN, id="killed, and finished by a later command"),
        pytest.param(deploy(4, Side.GREEN, "done"), True, Side.GREEN, id="all else of it was forgotten"),
        pytest.param(deploy(4, Side.GREEN, "aborted", RecordActive(Side.BLUE)), False, Side.BLUE, id="switched back"),
        pytest.param(deploy(4, Side.GREEN, "aborted"), False, Side.BLUE, id="switched back, but that was forgotten"),
        pytest.param(deploy(4, Side.GREEN, "interrupted"), False, Side.BLUE, id="killed, and undone later"),
        pytest.param(deploy(4, Side.GREEN, "needs-person", Hold()), False, Side.BLUE, id="nothing serves after it"),
        pytest.param(deploy(4, Side.GREEN, "needs-person"), False, Side.GREEN, id="never confirmed, nor healed"),
        pytest.param(
            deploy(4, Side.GREEN, "aborted", Hold(), RestoreAfterWindow(Side.BLUE, 3, ())),
            False,
            Side.BLUE,
            id="a window",
        ),
        pytest.param(deploy(4, Side.GREEN, ""), False, Side.GREEN, id="it is still open"),
    ],
)
def test_a_release_has_served_when_a_run_ended_with_it_serving(turn: Turn, serves: bool, users: Side) -> None:
    told = past_of([deploy(3, Side.BLUE, "done", RecordActive(Side.BLUE)), turn])
    assert told.served_releases == ((3, 4) if serves else (3,))
    assert told.last_switch == (users, 4 if users is Side.GREEN else 3)
    assert told.known == {3, 4}


def test_a_run_that_heals_or_settles_tells_where_users_are() -> None:
    killed = deploy(4, Side.GREEN, "interrupted")
    undone = turn_of("heal", None, "done", "", (RecordActive(Side.BLUE),))
    assert past_of([deploy(3, Side.BLUE), killed, undone]).last_switch == (Side.BLUE, 3)
    down = turn_of("down", None, "done", "", (RecordActive(None),))
    assert past_of([deploy(3, Side.BLUE), down]).last_switch == (Side.PLAIN, None)
    assert past_of([]) == Past()


def test_a_rollback_that_failed_is_remembered_until_its_release_serves_again() -> None:
    back = turn_of("rollback", 3, "aborted", WHY, ())
    assert past_of([deploy(3), deploy(4), back]).failed == {3: WHY}
    assert past_of([deploy(3), deploy(4), back, deploy(3, command="rollback")]).failed == {}
    assert past_of([deploy(3), deploy(4), turn_of("rollback", 3, "interrupted", "", ())]).failed == {}


def world(*, failed: dict[int, str] | None = None, served: tuple[int, ...] = (5, 6, 7)) -> Past:
    return replace(past(*served), known=frozenset({5, 6, 7}), failed=failed or {})


def test_the_release_whose_deploy_was_aborted_after_its_switch_is_not_what_a_rollback_means() -> None:
    aborted = replace(BLUE_7, past=world(served=(5, 7), failed={6: WHY}))
    found = way_back(aborted)
    assert found is not None
    assert (found.release.number, found.state) == (5, "served")
    assert rollback_release(aborted, None) == found


def test_a_rollback_that_failed_is_not_tried_again_unasked() -> None:
    observed = replace(BLUE_7, past=world(failed={6: WHY}))
    with pytest.raises(Refused) as caught:
        rollback_release(observed, None)
    assert caught.value.message == f"the last rollback to release 6 failed: {WHY}"
    assert caught.value.hint == (
        "`teal rollback 6` tries it once more, or take another that has served: `teal rollback 5`"
    )
    asked = rollback_release(observed, 6)
    assert asked.remark == (caught.value.message,)


def test_what_never_served_comes_by_its_number_only_and_is_said_to_be_that() -> None:
    observed = replace(BLUE_7, past=world(served=(5, 7), failed={6: "green/web is unhealthy"}))
    assert rollback_release(observed, 6).remark == ("release 6 never served: green/web is unhealthy",)
    with pytest.raises(Refused) as caught:
        rollback_release(observed, 99)
    assert caught.value.hint == "kept releases besides the active one: 5, 6 (never served)"


def test_every_kept_release_has_a_state() -> None:
    kept = tuple(release(number, Side.BLUE) for number in (2, 3, 4, 5, 6, 7))
    gone = replace(kept[2], images={**kept[2].images, "web": "sha256:pruned"})
    observed = replace(
        BLUE_7,
        containers=(*SHARED, *color(Side.BLUE, 7)),
        releases=(*kept[:2], gone, *kept[3:]),
        past=Past((Side.BLUE, 7), (2, 4, 6, 5, 7), {6: WHY, 3: "no room"}, frozenset(range(2, 8))),
        contracts=(OpenChange("0003_x", release=3, opened=1.0, closed=2.0),),
    )
    assert [(each.release.number, each.state, each.why) for each in kept_releases(observed)] == [
        (7, "active", ""),
        (6, "failed", WHY),
        (5, "served", ""),
        (4, "gone", "the image of web was removed from the engine"),
        (3, "never-served", "no room"),
        (2, "below-floor", "contract 0003_x has removed what releases before 3 need"),
    ]


def test_a_release_whose_rollback_failed_and_that_stands_there_still_has_not_served() -> None:
    """The undo of a rollback keeps what it had started: that it stands in a color says nothing then."""
    observed = replace(BLUE_7, past=world(served=(5, 7), failed={6: WHY}))
    assert observed.release_on(Side.GREEN) == 6
    found = way_back(observed)
    assert found is not None
    assert found.release.number == 5
