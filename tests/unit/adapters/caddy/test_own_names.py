"""An answer names its upstream as the stack's files do, whichever proxy has chosen it."""

import pytest

from teal.adapters.caddy import proxy
from teal.core.rendering.own_proxy import PLAIN_END
from teal.ports import Answer


@pytest.mark.parametrize(
    ("upstream", "shown"),
    [
        ("web-blue:3000", "web-blue:3000"),
        (f"web{PLAIN_END}:3000", "web:3000"),
        (f"web{PLAIN_END}.:3000", "web.:3000"),
        ("", ""),
    ],
)
def test_the_end_that_the_own_proxy_adds_to_plain_names_is_not_shown(upstream: str, shown: str) -> None:
    told = proxy._plainly(Answer(200, upstream, {"x": "y"}, "text"))
    assert told == Answer(200, shown, {"x": "y"}, "text")
