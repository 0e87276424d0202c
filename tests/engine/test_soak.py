"""A short soak: two rounds of each kind; what 500 of them show, `make soak` shows."""

from __future__ import annotations

import pytest

from proof.bench.row import HEAD
from proof.soak.__main__ import soak

pytestmark = [pytest.mark.engine, pytest.mark.load]


def test_twelve_rounds_of_deploys_rollbacks_and_failures_leave_nothing_behind_and_lose_nothing() -> None:
    found = soak(12)
    print(f"\n{HEAD}", *(row.line for row in found), sep="\n")
    assert [row.name for row in found if row.met is False] == []
    assert sum(row.met is True for row in found) > 15
