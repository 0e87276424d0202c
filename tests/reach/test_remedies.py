"""Each line for teal.yml that `check` prints is typed in: it is accepted, and what it was printed for is gone.

Over the stacks of the exam and the mistakes of the catalogue; the files alone are judged.
"""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from teal.config.edit_yaml import Entries, added
from teal.config.teal_yml import TealYml
from teal.core.checks.admission import by_files
from teal.core.model.problem import Problem
from teal.errors import TealError
from tests.catalogue import case
from tests.reach.answer import loaded
from tests.reach.images import images
from tests.reach.load import HERE

pytestmark = pytest.mark.engine  # Compose reads the files
KEYS = frozenset(TealYml.__struct_fields__)
STACKS = sorted(path.name for path in (HERE / "stacks").iterdir() if path.is_dir())
KNOWN = images()
MISTAKES = [name for name in case.cases() if case.read(name).status == 1 and case.read(name).run == "plan"]  # refused


def said(folder: Path) -> tuple[Problem, ...]:
    """What is found in the files of *folder*."""
    return by_files(loaded(folder, KNOWN), (28, 0), "/var/lib/teal/x/proxy")


def printed(problem: Problem) -> Iterator[Entries]:
    """The lines for teal.yml that the remedy of *problem* has, and those of its answers."""
    for written in re.findall(r"`([^`\n]+)`", problem.remedy):
        # What a start command migrates is also taken out of it, in the Compose file: the line alone mends nothing.
        if re.match(rf"({'|'.join(KEYS - {'migrations'})}): ", written):
            yield dict(_entries(YAML(typ="safe").load(written), ()))
    if problem.proposal:
        yield from (choice.teal_yml for choice in problem.proposal.choices if choice.teal_yml)


def _entries(tree: object, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str | int | tuple[str, ...]]]:
    if isinstance(tree, dict):
        for key, value in tree.items():
            yield from _entries(value, (*path, key))
    else:
        yield path, tuple(tree) if isinstance(tree, list) else tree  # type: ignore[misc]


def wrong(folder: Path) -> list[str]:
    """What of the printed lines is not accepted, or mends nothing."""
    path = folder / "teal.yml"
    before = path.read_text(encoding="utf-8") if path.exists() else ""
    found: list[str] = []
    tried: set[tuple[str, str]] = set()
    for problem in said(folder):
        for entries in printed(problem):
            text = added(before, entries)
            if (problem.message, text) in tried:
                continue
            tried.add((problem.message, text))
            path.write_text(text, encoding="utf-8")
            try:
                left = [each.message for each in said(folder)]
            except TealError as error:
                left = []
                found.append(f"{problem.message}: {text!r} is refused: {error.message}")
            if problem.message in left:
                found.append(f"{problem.message}: {text!r} mends nothing")
    return found


@pytest.mark.parametrize("name", STACKS)
def test_what_is_printed_for_a_stack_of_the_exam_can_be_typed(name: str, tmp_path: Path) -> None:
    shutil.copytree(HERE / "stacks" / name, tmp_path / name)
    assert wrong(tmp_path / name) == []


@pytest.mark.parametrize("name", MISTAKES)
def test_what_is_printed_for_a_mistake_can_be_typed(name: str, tmp_path: Path) -> None:
    case.write(case.read(name), tmp_path / "shop", tmp_path / "home")
    assert wrong(tmp_path / "shop") == []
