"""The database that both colors share, where schema changes are carried through a deploy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Protocol

from teal.ports.machine import LineSink

if TYPE_CHECKING:  # most commands open no database, and need not wait for what is known of migrations
    from teal.core.judge.trying import Attempt
    from teal.core.judge.values import Catalog, Counted, Part, Planned, Query, Tried
    from teal.core.migrations.connection import Credentials
    from teal.core.migrations.files import Applied, ScriptFile
    from teal.core.migrations.gate import DatabaseSession


class Database(Protocol):
    """One database over one connection; where that breaks, ``Unavailable``."""

    async def catalog(self) -> Catalog:
        """Return what the judge asks about tables, columns and triggers."""
        ...

    async def statements(self) -> Counted:
        """Return what pg_stat_statements has counted in this database; ``Refused`` where it is not there."""
        ...

    async def unplanned(self, parts: Sequence[Part], queries: Sequence[Query]) -> Planned:
        """Return which of *queries* can be planned now, and not within *parts*; all of it is rolled back.

        ``Failed`` where one of *parts* fails.
        """
        ...

    async def tried(self, attempts: Sequence[Attempt]) -> Mapping[str, Tried]:
        """Return by its key what was seen of each of *attempts*, on a copy of its table; all of it is rolled back."""
        ...

    async def sessions(self) -> tuple[DatabaseSession, ...]:
        """Return the sessions of clients in this database, this one left out."""
        ...

    async def count(self, sql: str) -> int:
        """Return the number that *sql* selects, asked in a read-only transaction; ``Failed`` where it can't be."""
        ...

    async def applied(self) -> tuple[Applied, ...]:
        """Return what is known of files that were applied, or begun."""
        ...

    async def apply(self, file: ScriptFile, *, on_line: LineSink) -> None:
        """Apply *file* and record it, both in one transaction unless it says otherwise.

        A lock that can't be had is tried for again; ``Failed`` names file, line and the database's own words.
        """
        ...

    async def batch(self, sql: str, *, on_line: LineSink) -> int:
        """Run one statement of a backfill in a transaction of its own; return how many rows it has changed."""
        ...

    async def record(self, file: ScriptFile) -> None:
        """Record that *file* is applied, whose statements were run by ``batch``."""
        ...

    def exclusively(self, stack: str) -> AbstractAsyncContextManager[None]:
        """Let nobody else migrate for *stack*; ``Locked`` at once where somebody does, with their name."""
        ...


class Databases(Protocol):
    """The way to databases."""

    def missing(self) -> tuple[str, ...]:
        """Return the libraries that schema changes need and that are not installed."""
        ...

    def open(self, login: Credentials, *, application: str) -> AbstractAsyncContextManager[Database]:
        """Connect as *application*; ``Unavailable`` where nothing answers, ``ConfigError`` without the library."""
        ...
