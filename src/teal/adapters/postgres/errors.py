"""The server's errors, with the file, the line and what to do."""

from __future__ import annotations

from teal.adapters.postgres.driver import library
from teal.core.migrations.sql import Statement
from teal.errors import Failed, TealError, Unavailable

LOCK_NOT_AVAILABLE, DEADLOCK = "55P03", "40P01"
QUERY_CANCELED = "57014"
NOT_ALLOWED = "42501"
NOT_LOADED = "55000"
_GONE = frozenset({"57P01", "57P02", "57P03", "08000", "08003", "08006", "53300"})
_STANDS = "what was already applied stays"


def state_of(error: BaseException) -> str:
    """Return the server's code for *error*, "" for another error."""
    return str(getattr(error, "sqlstate", "") or "")


def is_busy(error: BaseException) -> bool:
    """Tell whether somebody else's lock was in the way: the same may pass a moment later."""
    return state_of(error) in {LOCK_NOT_AVAILABLE, DEADLOCK}


def is_cut_short(error: BaseException) -> bool:
    """Tell whether a statement took too long, or the connection ended meanwhile."""
    return state_of(error) == QUERY_CANCELED or not state_of(error)


def is_of_server(error: BaseException) -> bool:
    """Tell whether *error* is the server's or the connection's, and not a bug."""
    asyncpg = library()
    return isinstance(error, asyncpg.PostgresError | asyncpg.InterfaceError | OSError)


def lost(error: BaseException, name: str) -> TealError | None:
    """Return the error for a connection that is gone, None where it isn't."""
    if isinstance(error, OSError | library().InterfaceError) or state_of(error) in _GONE:
        return Unavailable(f"the database {name} has ended the connection", hint="run the command again: it goes on")
    return None


def unasked(error: BaseException, name: str) -> TealError:
    """Return the error for a question of Teal's own that the database refuses."""
    message = str(getattr(error, "message", "") or type(error).__name__)
    if state_of(error) == NOT_ALLOWED:
        return Failed(
            f"the role that Teal connects as may not do this in the database {name}: {message}",
            hint="allow it to create its own schema: GRANT CREATE ON DATABASE …; nothing was applied",
        )
    return Unavailable(f"the database {name} says: {message}", hint="see the log of its service")


def uncounted(error: BaseException, sql: str) -> TealError:
    """Return the error for an assertion of the owner's that the database refuses."""
    message = str(getattr(error, "message", "") or type(error).__name__)
    return Failed(f"an assertion can't be evaluated: {message}", hint="correct the query", detail=sql)


def explained(
    error: BaseException, where: str, statement: Statement, *, tries: int = 1, blockers: str = ""
) -> TealError:
    """Return the error for *statement* of the file *where*."""
    place, said = f"{where}:{statement.line}", " ".join(statement.sql.split())[:200]
    if is_busy(error):
        who = f" ({blockers})" if blockers else ""
        return Failed(
            f"{place} did not get its lock in {tries} tries: another session holds it{who}",
            hint=f"let that session end, then run the command again; {_STANDS}",
            detail=said,
        )
    if state_of(error) == QUERY_CANCELED:
        return Failed(
            f"{place} took too long and was cancelled, because it holds its locks meanwhile",
            hint=f"do it in smaller steps, CONCURRENTLY, or as a backfill; {_STANDS}",
            detail=said,
        )
    message = str(getattr(error, "message", "") or type(error).__name__)
    return Failed(f"{place}: {message}", hint=f"correct the file; {_STANDS}", detail=said)
