"""A proposal says on one line what its answer writes."""

from __future__ import annotations

import pytest

from teal.core.model.proposal import Choice, Proposal


@pytest.mark.parametrize(
    ("choice", "line"),
    [
        (Choice("both may", {("safe_volumes",): ("uploads",)}), "safe_volumes: [uploads]"),
        (Choice("it stays", {("services", "web"): "shared"}), "services: {web: shared}"),
        (Choice("one at a time", {("strategy",): "recreate"}), "strategy: recreate"),
        (Choice("nothing to write"), ""),
    ],
)
def test_a_choice_is_one_line_of_teal_yml(choice: Choice, line: str) -> None:
    """What is printed is what a person types."""
    assert choice.line == line


def test_the_default_is_what_teal_would_answer() -> None:
    """Where nobody is asked and proposals are taken, that one is taken."""
    both, one = Choice("both may"), Choice("one at a time")
    assert Proposal("web:/data", "may two write?", (one, both)).proposed is one
    assert Proposal("web:/data", "may two write?", (one, both), default=1).proposed is both
