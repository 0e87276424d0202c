"""The exam's figures, asked of the files alone, held within limits: what does harm first."""

from __future__ import annotations

import pytest

from tests.reach import answer, load
from tests.reach.grade import Mark, accuracy, grade

pytestmark = pytest.mark.engine  # Compose reads the files; no engine is asked
HARMFUL = 0.01  # of the roles


def test_the_corpus_of_services_is_told_without_harm() -> None:
    figures = accuracy(load.services(), answer.of_case)
    assert len(figures.harmful) <= HARMFUL * figures.of, figures.harmful
    assert figures.right >= 0.95 * figures.of, figures.confusion


def test_no_mount_of_the_corpus_is_wrongly_safe() -> None:
    figures = accuracy(load.mounts(), answer.of_case)
    assert figures.harmful == ()
    assert figures.right >= 0.94 * figures.of, figures.confusion


def test_nine_of_ten_stacks_that_can_be_ready_are_with_zero_edits_and_none_is_called_so_wrongly() -> None:
    graded = [grade(stack, answer.of(stack)) for stack in load.stacks()]
    harmful = [f"{one.name}: {text}" for one in graded for text in one.harmful]
    roles = [text for text in harmful if ": role " in text]
    assert len(roles) <= HARMFUL * sum(one.roles[1] for one in graded), roles
    assert [text for text in harmful if text not in roles] == []
    refused = sum(one.mark in {Mark.REFUSED_RIGHTLY, Mark.REFUSED_OTHERWISE} for one in graded)
    ready = sum(one.mark is Mark.ZERO for one in graded)
    assert ready >= 0.9 * (len(graded) - refused), [f"{one.name}: {one.mark}: {one.wrong}" for one in graded]
