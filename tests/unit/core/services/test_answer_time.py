"""How long a release may take to answer goes by how the one before it answers at that moment."""

import pytest

from teal.core.services.answer_time import allowed


@pytest.mark.parametrize(
    ("took", "seconds"),
    [
        pytest.param(0.01, 15.0, id="the other one is quick: the timeout is all"),
        pytest.param(3.0, 30.0, id="it is slow, too: ten times as long"),
        pytest.param(9.0, 60.0, id="at most four times the timeout"),
        pytest.param(None, 60.0, id="nothing answers"),
    ],
)
def test_a_release_gets_as_much_time_as_the_other_one_needs(took: float | None, seconds: float) -> None:
    assert allowed(15.0, took) == seconds
