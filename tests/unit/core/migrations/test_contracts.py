"""Which contracts are open, and since which release: whoever may still need what they remove counts as older."""

from __future__ import annotations

from teal.core.migrations.contracts import UNNAMED, contracts_to_record
from teal.core.model.migrations import OpenChange

OPEN = OpenChange("0007_writer", 3, 100.0)
RUN = OpenChange("0005_old", 2, 50.0, closed=60.0)


def test_a_contract_is_owed_since_the_first_release_that_brings_it() -> None:
    assert contracts_to_record([RUN], {"0007_writer": 0}, 3) == (("0007_writer", 3),)
    assert contracts_to_record([RUN, OPEN], {"0007_writer": 0}, 4) == ()


def test_its_file_may_ask_for_a_later_release() -> None:
    assert contracts_to_record([], {"0007_writer": 9}, 3) == (("0007_writer", 9),)


def test_a_release_of_an_older_source_needs_the_old_shape_again() -> None:
    assert contracts_to_record([OPEN], {}, 4) == (("0007_writer", 5),)
    assert contracts_to_record([OpenChange("0007_writer", 9, 100.0)], {}, 4) == ()


def test_of_contracts_without_a_name_nobody_can_tell_which_is_new() -> None:
    assert contracts_to_record([OpenChange(UNNAMED, 3, 100.0)], {UNNAMED: 0}, 4) == ((UNNAMED, 4),)


def test_a_contract_that_is_pending_although_it_was_run_is_open_again() -> None:
    assert contracts_to_record([RUN], {"0005_old": 0}, 4) == (("0005_old", 4),)
