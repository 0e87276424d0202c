"""Which statements of which script would hurt whom: each action meets each rule of its phase.

- Actions are what statements do (``actions``); rules are in ``rules``, one module for each kind of harm.
- A rule is passed over where ``lint`` turns it off, where the phase or the kind of action is not its own, on tables of
  the migrations' own bookkeeping, and, where it says so, on tables that the same change has made.
- A finding has the statement's line, why it would hurt and what to write instead.
- A finding that the file excuses (``-- teal:`` with a reason) is still found, and says the reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from teal.core.judge.actions import Action, read
from teal.core.judge.context import Known
from teal.core.judge.phase_table import HARMLESS
from teal.core.judge.rule import REPEATED, RULES, Nature, Rule
from teal.core.judge.rules import (  # noqa: F401  each registers its rules
    bodies,
    columns,
    constraints,
    data,
    ending,
    hypertables,
    logs,
    phase,
    sync,
    transactions,
    unknown,
)
from teal.core.judge.rules.transactions import BOOKKEEPING
from teal.core.judge.values import Catalog, Finding, Lint, Script, Tried
from teal.core.model.migrations import Phase

_PHASES = (Phase.EXPAND, Phase.BACKFILL, Phase.CONTRACT, Phase.WINDOW)


def judge(
    scripts: Sequence[Script], catalog: Catalog, lint: Lint, tried: Mapping[str, Tried] | None = None
) -> tuple[Finding, ...]:
    """Return what would hurt, by script and line; empty: all scripts are safe in their phases.

    Give all scripts that are due, for what one does may need another. Within a phase they are in the order in which
    they are run; the phases themselves come one after the other, wherever the scripts were read. *tried* is what was
    seen of what can't be read (``attempts``).
    """
    known = Known(read(in_order(scripts)), catalog, lint, tried or {})
    found = {
        (finding.script, finding.line, finding.rule): finding
        for action in known.actions
        for rule in RULES.values()
        if rule.name not in lint.off and (finding := _finding(rule, action, known)) is not None
    }
    return tuple(found.values())


def in_order(scripts: Sequence[Script]) -> list[Script]:
    """Return *scripts* as a deploy and its contracts carry them out: all expands, then all backfills, and so on."""
    return sorted(scripts, key=lambda script: _PHASES.index(script.phase))


def _finding(rule: Rule, action: Action, known: Known) -> Finding | None:
    if action.script.phase not in rule.phases or (rule.on and action.kind not in rule.on):
        return None
    if action.table in BOOKKEEPING | known.lint.bookkeeping or (rule.spares_fresh and known.fresh(action)):
        return None
    what = rule.check(action, known)
    return _said(rule, action, action.it if what is True else str(what), known) if what else None


def _said(rule: Rule, action: Action, it: str, known: Known) -> Finding:
    words = {"it": it, "table": action.table, "name": action.name, "phase": str(action.script.phase)}
    again = "" if action.script.phase is Phase.CONTRACT else REPEATED
    why, remedy = rule.why.format(**words), f"{rule.remedy}{rule.excuse}".format(**words, again=again)
    return Finding(action.script.name, action.line, rule.name, why, remedy, _excuse(rule, action, known))


def _excuse(rule: Rule, action: Action, known: Known) -> str | None:
    """Return the reason that the file gives, where it counts for *rule*.

    Before a block ``phase=`` speaks of what can't be read there; of what can, only where it does one thing.
    """
    notes = action.notes
    by_phase = notes.phase == action.script.phase and rule.excused_by_phase
    if by_phase and action.block and rule.nature is Nature.PHASE:
        within = (one for one in known.actions if one.block == action.block and one.kind not in HARMLESS)
        by_phase = len({one.statement for one in within}) == 1
    return (notes.reason or None) if by_phase or rule.name in notes.allow else None
