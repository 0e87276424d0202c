"""The journal's file: opened, verified, and kept from growing without end.

The latest runs stay whole. Of older ones stay those by which releases came to serve last, with the steps that tell
where they left users, since a rollback asks for them, and every kind of step that is not known here: whoever adds one
that must be remembered need not think of this.
"""

from __future__ import annotations

import sqlite3
from pathlib import Path

from teal.core.planning.step_names import StepName
from teal.errors import NewerFormat

APPLICATION = 0x7EA1
VERSION = 1
WAIT = 5.0  # seconds for another process's write to end


def connect(path: Path) -> sqlite3.Connection:
    """Return a connection whose every line is on disk before the next thing happens."""
    connection = sqlite3.connect(path, timeout=WAIT, isolation_level=None)
    connection.text_factory = text
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA foreign_keys = ON")
    return connection


def sound(path: Path) -> bool:
    """Tell whether the file is this version's journal and undamaged; raise OperationalError where it can't be asked."""
    connection = sqlite3.connect(path, timeout=WAIT)
    connection.text_factory = text
    try:
        refuse_newer(connection, path)
        connection.execute("SELECT count(*) FROM run, step WHERE run.id < 0")
        return ours(connection) and connection.execute("PRAGMA quick_check(1)").fetchone() == ("ok",)
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        if not damage(error):
            raise
        return False
    finally:
        connection.close()


def refuse_newer(connection: sqlite3.Connection, path: Path) -> None:
    """Raise ``NewerFormat`` where a newer Teal has written the journal: it must not be taken for a damaged one."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    if application == APPLICATION and version(connection) > VERSION:
        raise NewerFormat(f"the journal {path}", version(connection), VERSION)


def damage(error: Exception) -> bool:
    """Tell a file that is no journal from one that can't be reached just now."""
    return not isinstance(error, sqlite3.OperationalError) or "no such" in str(error)


def version(connection: sqlite3.Connection) -> int:
    """Return the version of the tables, 0 for none."""
    return int(connection.execute("PRAGMA user_version").fetchone()[0])


def ours(connection: sqlite3.Connection) -> bool:
    """Tell whether it is a journal of this version."""
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    return application == APPLICATION and version(connection) == VERSION


def text(raw: bytes) -> str:
    """Return text of the file, whatever a fault has made of it."""
    return raw.decode(errors="replace")


WHOLE = 200  # runs that stay as they are
SWITCHES = 100  # older runs that stay by their switch, the last one for each release and color
ORDINARY = (
    StepName.START_SHARED,
    StepName.TAKE_OVER,
    StepName.GIVE_BACK,
    StepName.TIDY_PROXY,
    StepName.PREFLIGHT,
    StepName.BUILD,
    StepName.SAVE_RELEASE,
    StepName.EMPTY_SIDE,
    StepName.RUN_ONCE,
    StepName.CREATE,
    StepName.START,
    StepName.CHECK_STANDBY,
    StepName.RUN_HOOK,
    StepName.HAND_OVER,
    StepName.DRAIN,
    StepName.KEEP_PAGES,
    StepName.RETIRE,
    StepName.REMOVE_PLAIN,
    StepName.LEAVE_NETWORKS,
    StepName.PRUNE,
)
MOVES = (StepName.SWITCH, StepName.CONFIRM, StepName.RECORD_ACTIVE, StepName.HOLD)
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
