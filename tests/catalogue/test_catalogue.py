"""The commonest mistakes, each with the words that Teal has for it: reviewed, and held to from then on."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tests.catalogue.case import cases, read, run

pytestmark = pytest.mark.engine
FEWEST = 40


@pytest.mark.parametrize("name", cases())
def test_a_mistake_is_said_in_the_words_that_were_agreed(name: str, tmp_path: Path) -> None:
    case = read(name)
    ended = run(case, tmp_path, f"teal-test-{os.getpid()}-catalogue")
    assert (ended.status, ended.err) == (case.status, case.says), case.why
    assert ended.out == ""


@pytest.mark.parametrize("name", cases())
def test_a_mistake_is_said_in_two_lines_after_at_most_a_list_and_before_what_to_type(name: str) -> None:
    case = read(name)
    said = case.says.splitlines()
    place = next(at for at, line in enumerate(said) if line.startswith("✗ "))
    above, (how, *typed) = said[:place], said[place + 1 :]
    assert how.startswith("  ")
    assert typed == [] or (how.endswith(":") and all(line.startswith("  ") for line in typed))
    assert case.status in {1, 2, 3, 5}
    assert above == [] or case.status == 1
    assert "Traceback" not in case.says


def test_the_catalogue_is_as_long_as_it_was_meant_to_be() -> None:
    assert len(cases()) >= FEWEST
