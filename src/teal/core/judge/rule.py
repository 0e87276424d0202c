"""What a rule is: whom it protects, where it looks, what it says. The rules lie in ``rules_*.py``, one by one."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from teal.core.judge.actions import Action
from teal.core.judge.context import Known
from teal.core.model.migrations import Phase

EXPAND, BACKFILL, CONTRACT, WINDOW = Phase.EXPAND, Phase.BACKFILL, Phase.CONTRACT, Phase.WINDOW
BESIDE_TRAFFIC = (EXPAND, BACKFILL, CONTRACT)
ALWAYS = (*BESIDE_TRAFFIC, WINDOW)


class Nature(StrEnum):
    """What a rule is about, and so what excuses it: ``phase=`` does for the first two, all others need ``allow=``."""

    PHASE = "another phase"  # a release that is there at that time can't live with it
    UNKNOWN = "can't be read"  # what it does can't be told from the file
    LOCK = "a long lock"  # the application waits
    LOSS = "fails or loses"  # the change itself fails, or writes are lost


REPEATED = ": the statement is run until nothing is left"
# What is said of the file itself: no reason makes it readable.
_INEXCUSABLE = ("unreadable", "exception-without-reason", "exception-for-another-phase")
Check = Callable[[Action, Known], bool | str]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule: *check* returns True or the name of what is wrong, False where all is well.

    *why* and *remedy* may hold ``{it}`` (what the check named, else the object), ``{table}`` and ``{name}``; a remedy
    ``{again}``, which says of a backfill that its batches are repeated.
    """

    name: str
    nature: Nature
    phases: tuple[Phase, ...]
    on: frozenset[str]  # kinds of actions; empty: all
    why: str
    remedy: str
    check: Check
    spares_fresh: bool = True  # nobody uses a table that was made a moment ago

    @property
    def excuse(self) -> str:
        """Return how a file declares that it is meant all the same, where another way out is not in the remedy."""
        if self.excused_by_phase or "allow=" in self.remedy or self.name in _INEXCUSABLE:
            return ""
        return f"; or -- teal: allow={self.name} reason=…"

    @property
    def excused_by_phase(self) -> bool:
        """Return whether ``phase=`` with a reason excuses it; ``allow=`` and its name always does."""
        return self.nature in (Nature.PHASE, Nature.UNKNOWN)


RULES: dict[str, Rule] = {}


def rule(
    name: str,
    nature: Nature,
    phases: Phase | tuple[Phase, ...],
    on: str | tuple[str, ...] = (),
    *,
    why: str,
    remedy: str,
    spares_fresh: bool = True,
) -> Callable[[Check], Check]:
    """Register the decorated check under *name*."""
    where = (phases,) if isinstance(phases, Phase) else phases
    kinds = frozenset((on,) if isinstance(on, str) else on)

    def register(check: Check) -> Check:
        assert name not in RULES, name
        RULES[name] = Rule(name, nature, where, kinds, why, remedy, check, spares_fresh)
        return check

    return register


def always(action: Action, known: Known) -> bool:
    """Return True: the kind and the phase say it all."""
    del action, known
    return True
