"""How often the judge is right: precision (of what it refuses) and recall (of what must be refused)."""

from collections.abc import Sequence
from dataclasses import dataclass

from tests.judge.corpus import Entry


@dataclass(frozen=True)
class Figures:
    """Counts of verdicts, against the labels."""

    refused_rightly: int
    refused_wrongly: int
    missed: int
    passed_rightly: int

    @property
    def precision(self) -> float:
        """How many of the refused had to be."""
        return self.refused_rightly / max(1, self.refused_rightly + self.refused_wrongly)

    @property
    def recall(self) -> float:
        """How many of those that had to be refused were."""
        return self.refused_rightly / max(1, self.refused_rightly + self.missed)


def measure(entries: Sequence[Entry]) -> Figures:
    """Judge *entries* and count. A refusal by other rules than the label's counts as wrong."""
    counts = [0, 0, 0, 0]
    for entry in entries:
        said = {one.rule for one in entry.findings if one.excused is None}
        if entry.refused:
            counts[0 if said & entry.refused else 2] += 1
        else:
            counts[1 if said else 3] += 1
    return Figures(*counts)
