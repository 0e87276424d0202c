"""What a version means, as the engine and the proxy write theirs."""

from __future__ import annotations

import pytest

from teal.core.model.versions import engine_version, is_old_caddy


@pytest.mark.parametrize(
    ("text", "version"),
    [("28.1.1", (28, 1)), ("20.10.24+dfsg1", (20, 10)), ("29.0.0-rc.1", (29, 0)), ("dev", (0, 0)), ("", (0, 0))],
)
def test_the_engines_version_is_its_first_two_numbers(text: str, version: tuple[int, int]) -> None:
    assert engine_version(text) == version


@pytest.mark.parametrize(
    ("text", "old"),
    [
        ("2.11.2", False),
        ("2.11.1", True),
        ("2.9.0", True),
        ("2.12.0-beta.1", False),
        ("3.0.0", False),
        ("2.11", True),
        ("v2.11.4", False),
        ("(devel)", None),
        ("", None),
        ("9.123456789.1", None),
    ],
)
def test_a_caddy_that_cannot_count_is_old_and_of_one_that_says_nothing_nobody_can_tell(
    text: str, old: bool | None
) -> None:
    assert is_old_caddy(text) is old
