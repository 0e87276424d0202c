"""Translates: what the journal forgets, so that years of deploys neither fill the disk nor slow a command down.

The latest runs stay whole. Of older ones stay those by which releases came to serve last, with the steps that tell
where they left users, since a rollback asks for them, and every kind of step that is not known here: whoever adds one
that must be remembered need not think of this.
"""

from __future__ import annotations

import sqlite3

from teal.core.planning.step_names import StepName

WHOLE = 200  # runs that stay as they are
SWITCHES = 100  # older runs that stay by their switch, the last one for each release and color
ORDINARY = (
    StepName.START_SHARED,
    StepName.PREFLIGHT,
    StepName.BUILD,
    StepName.KEEP,
    StepName.CLEAR,
    StepName.RUN_ONCE,
    StepName.CREATE,
    StepName.START,
    StepName.CHECK,
    StepName.RUN_HOOK,
    StepName.HAND_OVER,
    StepName.DRAIN,
    StepName.RETIRE,
    StepName.REMOVE,
    StepName.PART,
    StepName.PRUNE,
)
MOVES = (StepName.SWITCH, StepName.CONFIRM, StepName.SETTLE, StepName.HOLD)
GONE = ("join",)  # of older versions, ordinary too
_NAMES = ", ".join(f"'{name}'" for name in (*ORDINARY, *GONE))
_MOVES = ", ".join(f"'{name}'" for name in MOVES)
_STEPS = f"""
DELETE FROM step WHERE run IN (SELECT id FROM run WHERE id <= :old AND ended IS NOT NULL) AND (
    name IN ({_NAMES}) OR name IN ({_MOVES}) AND run NOT IN (
        SELECT run FROM step WHERE id IN (
            SELECT max(step.id) FROM step JOIN run ON run.id = step.run
            WHERE name = '{StepName.SWITCH}' AND step.ended IS NOT NULL
                AND outcome IN ('done', 'needs-person', 'healed')
            GROUP BY payload ORDER BY max(step.id) DESC LIMIT :switches)))
"""  # noqa: S608
_RUNS = """
DELETE FROM run WHERE id <= :old AND ended IS NOT NULL AND NOT EXISTS (SELECT 1 FROM step WHERE run = run.id)
    AND id <> (SELECT id FROM run WHERE typeof(release) = 'integer' ORDER BY release DESC LIMIT 1)
"""  # the highest number stays known: none is used twice


def forget(connection: sqlite3.Connection, latest: int) -> None:
    """Forget what is older than the last runs before run *latest*; raises ``sqlite3.Error`` where that can't be."""
    bounds = {"old": latest - WHOLE, "switches": SWITCHES}
    if bounds["old"] > 0:
        connection.execute(_STEPS, bounds)
        connection.execute(_RUNS, {"old": bounds["old"]})
