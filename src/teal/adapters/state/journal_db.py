"""Translates: the journal's file: how it is opened, and whether it is one."""

from __future__ import annotations

import sqlite3
from pathlib import Path

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
