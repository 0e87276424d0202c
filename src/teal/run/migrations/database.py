"""Opens the database of a stack, where the stack's own files say it is."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from teal.core.migrations.connection import Credentials, credentials
from teal.core.migrations.files import ScriptFile, read_files
from teal.core.model.migrations import DatabaseAt, Migrations
from teal.core.model.observed import running_plain
from teal.core.model.side import Side
from teal.core.model.stack import Stack
from teal.errors import Refused, Unavailable
from teal.ports import Database
from teal.run.context import Ports, RunContext


@asynccontextmanager
async def opened(ports: Ports, stack: Stack) -> AsyncIterator[Database]:
    """Yield the database that the migrations of *stack* change.

    Raises ``Refused`` where none is known, ``Unavailable`` where it doesn't run or answer. Needs the stack's models.
    """
    at = stack.migrations.database if stack.migrations else None
    if at is None:
        raise Refused(
            "which database the migrations change is not known",
            hint="say it in teal.yml: `database: {url: web.DATABASE_URL}` under migrations",
        )
    login = await _login(ports, stack, at)
    async with ports.databases.open(login, application=f"teal {stack.project}") as database:
        yield database


@asynccontextmanager
async def exclusive(ports: Ports, stack: Stack) -> AsyncIterator[Database]:
    """Yield the same while nobody else migrates it; ``Locked`` where somebody does."""
    async with opened(ports, stack) as database, database.exclusively(stack.project):
        yield database


async def _login(ports: Ports, stack: Stack, at: DatabaseAt) -> Credentials:
    if Side.PLAIN not in stack.models:
        raise Unavailable(
            "the stack's files were not read: how its database is reached is not known", hint="`teal check`"
        )
    said = credentials(at, stack.models[Side.PLAIN])
    server = running_plain(await ports.engine.containers(stack.project), at.service)
    if server is None:
        raise Unavailable(f"the database's service {at.service} does not run", hint="start it: `teal up`")
    return replace(said, addresses=tuple(filter(None, server.addresses.values())))


def migrations_here(stack: Stack) -> Migrations:
    """Return what the owner says of schema changes; ``Refused`` where nothing is said."""
    if stack.migrations is None:
        raise Refused(
            "teal.yml has no section migrations: Teal knows nothing of this stack's schema",
            hint="for a directory of SQL files one line does: `migrations: {files: sql}`; see docs/migrations.md",
        )
    return stack.migrations


def migrations_of(context: RunContext) -> Migrations:
    """Return the same within a step, which only a stack with migrations has."""
    assert context.stack.migrations is not None, "only a stack with migrations has such steps"
    return context.stack.migrations


def files_of(ports: Ports, migrations: Migrations) -> tuple[ScriptFile, ...]:
    """Return the files of Teal's own runner, as they lie there now."""
    return read_files(ports.machine.texts(migrations.files, ".sql"))
