"""A rename while writers never stop: the short form of what `make prove-migrations` shows of all four changes."""

from __future__ import annotations

import pytest

from proof.migrations.changes import CHANGES
from proof.migrations.stack import ledger
from proof.migrations.walking import plain, prove

pytestmark = [pytest.mark.engine, pytest.mark.load]


def test_a_rename_goes_through_all_its_steps_and_no_write_is_lost() -> None:
    with ledger(20_000) as stack:
        found = prove(stack, "rename", plain(CHANGES[1:2]))
    assert found.tally.failed == []
    assert found.differing == []
    assert found.lossless
    assert found.tally.writes > 100
