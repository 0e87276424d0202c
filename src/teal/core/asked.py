"""Decides: what an answer of the owner's ``pending`` means."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from teal.core.phase import Phase

State = Literal["done", "expand", "contract"]
STATES: dict[int, State] = {0: "done", 2: "expand", 4: "contract"}
_NAMED = re.compile(r"(expand|backfill|contract)\s+(\S+)")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is next, and names, where it prints some."""

    state: State
    names: tuple[tuple[Phase, str], ...] = ()

    def of(self, phase: Phase) -> tuple[str, ...]:
        """Return the names of *phase*."""
        return tuple(name for each, name in self.names if each is phase)


def understood(status: int, lines: Iterable[str]) -> Asked | None:
    """Return what *status* and the printed *lines* say; None for a status that says nothing."""
    if status not in STATES:
        return None
    found = (_NAMED.fullmatch(line.strip()) for line in lines)
    return Asked(STATES[status], tuple(dict.fromkeys((Phase(each[1]), each[2]) for each in found if each)))
