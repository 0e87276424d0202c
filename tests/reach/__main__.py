"""``python -m tests.reach [--at FOLDER] [--answers FILE]``: the figures of the exam.

FILE is YAML: ``stacks``, ``services`` and ``mounts``, each from a name to an answer (model.Answer; ``ROLE PORT``; a
verdict). Without one the program is asked (answer.py).
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from ruamel.yaml import YAML

from tests.reach import answer, deploy, load
from tests.reach.grade import Accuracy, Graded, Mark, Said, accuracy, grade
from tests.reach.model import Answer, Case, MountCase, Role, Stack, Verdict


class Answers:
    """What a file says; of what it doesn't name it says nothing."""

    def __init__(self, path: Path) -> None:
        said: dict[str, dict[str, Any]] = YAML(typ="safe").load(path)
        self.stacks = msgspec.convert(said.get("stacks", {}), dict[str, Answer])
        self.cases = {**said.get("services", {}), **said.get("mounts", {})}

    def of(self, stack: Stack) -> Answer:
        """As answer.of."""
        return self.stacks.get(stack.name, Answer(roles={}))

    def of_case(self, case: Case | MountCase) -> Said:
        """As answer.of_case."""
        word, _, port = str(self.cases.get(case.name, "")).partition(" ")
        if not word:
            return None, None
        return (Role(word) if isinstance(case, Case) else Verdict(word)), int(port) if port else None


def report(graded: Sequence[Graded]) -> list[str]:
    """The lines of the stacks' table, what is wrong first."""
    lines = [f"{one.name}: {text}" for one in graded for text in one.wrong]
    lines += [f"{one.name}: HARMFUL {text}" for one in graded for text in one.harmful]
    lines += [f"{mark:32} {sum(one.mark is mark for one in graded):4}" for mark in Mark]
    for what in ("roles", "ports", "mounts", "takes"):
        right, of = (sum(getattr(one, what)[place] for one in graded) for place in (0, 1))
        lines.append(f"{what + ' right':32} {right:4} of {of}")
    kinds = {"roles harmful": "role", "mounts wrongly safe": "mount", "taken wrongly": "takes"}
    for what, begin in kinds.items():
        lines.append(f"{what:32} {sum(text.startswith(begin) for one in graded for text in one.harmful):4}")
    lines.append(f"{'mounts asked needlessly':32} {sum(one.asked for one in graded):4}")
    return [*lines, f"{'stacks':32} {len(graded):4}"]


def report_accuracy(what: str, figures: Accuracy) -> list[str]:
    """The lines of a corpus, with its confusions."""
    lines = [f"{what}: HARMFUL {text}" for text in figures.harmful]
    lines += [f"{what}: {right} taken for {said}: {count}" for (right, said), count in figures.confusion.most_common()]
    share = figures.right / max(1, figures.of)
    harm = f"{len(figures.harmful)} harmful ({len(figures.harmful) / max(1, figures.of):.1%})"
    asked = f"{figures.asked} asked needlessly"
    return [*lines, f"{what}: {figures.right} of {figures.of} right ({share:.1%}), {harm}, {asked}"]


def lines(at: Path, of: Callable[[Stack], Answer], of_case: Callable[[Case | MountCase], Said]) -> list[str]:
    """The whole report over a half of the exam."""
    table = report([grade(stack, of(stack)) for stack in load.stacks(at)])
    table += report_accuracy("services", accuracy(load.services(at), of_case))
    return table + report_accuracy("mounts", accuracy(load.mounts(at), of_case))


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--at", type=Path, default=load.HERE)
    parser.add_argument("--answers", type=Path)
    parser.add_argument("--deploy", action="store_true", help="deploy each stack that is called ready")
    parser.add_argument("names", nargs="*", help="of the stacks to deploy; all, where none is named")
    said = parser.parse_args()
    if said.deploy:
        sys.exit(1 if deploy.run(said.at, said.names) else 0)
    asked = Answers(said.answers) if said.answers else answer
    print("\n".join(lines(said.at, asked.of, asked.of_case)))


if __name__ == "__main__":
    main()
