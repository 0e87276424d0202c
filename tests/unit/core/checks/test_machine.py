"""Whether a second color fits the machine."""

from __future__ import annotations

import pytest

from teal.core.checks.machine import Room, check_room
from teal.core.model.problem import demand
from teal.errors import Refused


def test_a_second_color_that_does_not_fit_is_refused_with_both_numbers_and_the_ways_out() -> None:
    gib = 1024**3
    with pytest.raises(Refused, match=r"needs about 6.0 GB of memory, 5.0 GB is available") as refused:
        demand(check_room(Room(16 * gib, 5 * gib, 5 * gib, 50 * gib)))
    assert "--strategy recreate" in refused.value.hint
    assert "--force-memory" in refused.value.hint
    assert list(check_room(Room(16 * gib, 5 * gib, 5 * gib, 50 * gib), force_memory=True)) == []
    (small,) = check_room(Room(8 * gib, 5 * gib, gib, 50 * gib))
    assert (small.level, small.service) == ("warning", "memory")
    assert "12 GB" in small.message
