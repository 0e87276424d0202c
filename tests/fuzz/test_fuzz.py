"""A short run of every fuzz: whatever is read ends well or in an error that helps; ``make fuzz`` goes on for long."""

import pytest

from tests.fuzz import raw
from tests.fuzz.judging import Target
from tests.fuzz.running import fuzz
from tests.fuzz.targets import TARGETS

EXAMPLES = 60


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_whatever_is_read_ends_well_or_in_a_proper_error(target: Target) -> None:
    found = fuzz(target, EXAMPLES, always_the_same=True)
    if found.error:
        raise found.error
    assert found.ran >= EXAMPLES


@pytest.mark.engine
def test_whatever_a_compose_file_holds_compose_and_teal_together_say_what_is_wrong() -> None:
    found = fuzz(raw.TARGET, EXAMPLES, always_the_same=True)
    if found.error:
        raise found.error
    assert found.ran >= EXAMPLES
