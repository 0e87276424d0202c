"""Which release served at a moment, by the journal's runs."""

from __future__ import annotations

import pytest

from teal.core.model.side import Side
from teal.core.model.traffic import Mode
from teal.core.model.units import Moment, ReleaseId
from teal.core.planning.past import Turn, release_at


def turn(ended: float | None, release: int | None, side: Side, outcome: str = "done") -> Turn:
    number = None if release is None else ReleaseId(release)
    return Turn(
        "deploy",
        number,
        outcome,
        "",
        (side, number),
        confirmed=True,
        users=Mode(side),
        ended=Moment(ended) if ended else None,
    )


RUNS = (
    turn(10, 1, Side.BLUE),
    turn(20, 2, Side.GREEN),
    turn(25, 3, Side.BLUE, "aborted"),
    turn(30, 1, Side.BLUE),
    turn(40, None, Side.PLAIN),
    turn(None, 4, Side.GREEN, ""),
)


@pytest.mark.parametrize(
    ("when", "release"), [(5, None), (10, 1), (19, 1), (20, 2), (29, 2), (30, 1), (39, 1), (45, None)]
)
def test_the_release_that_served_then(when: float, release: int | None) -> None:
    assert release_at(RUNS, Moment(when)) == release
