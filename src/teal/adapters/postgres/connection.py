"""The way to the server: by its container's address, since nothing of it needs to be published."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, cast

from teal.adapters.postgres.driver import Connection, library
from teal.errors import ConfigError, TealError, Unavailable

if TYPE_CHECKING:
    from teal.adapters.postgres.database import PostgresDatabase
    from teal.core.migrations.connection import Credentials

LIBRARIES = ("asyncpg", "pgparse")
CONNECT_TIMEOUT = 10.0  # seconds for a connection
GOODBYE = 2.0  # seconds for closing it
LOCK_TIMEOUT = "1s"  # whoever comes after a statement that waits for a lock waits as long
STATEMENT_TIMEOUT = "5s"


class PostgresDatabases:
    """Connections, one for each use."""

    def missing(self) -> tuple[str, ...]:
        """Return those of the extra's libraries that are not installed."""
        return tuple(name for name in LIBRARIES if find_spec(name) is None)

    @asynccontextmanager
    async def open(self, login: Credentials, *, application: str) -> AsyncIterator[PostgresDatabase]:
        """Connect as *application*, and close at the end."""
        from teal.adapters.postgres.database import PostgresDatabase  # most commands open no database

        connection = await _connected(login, application)
        try:
            yield PostgresDatabase(connection, login)
        finally:
            with suppress(Exception):
                await asyncio.wait_for(asyncio.shield(connection.close()), GOODBYE)


async def _connected(login: Credentials, application: str) -> Connection:
    """Return a connection to the first of the addresses that answers."""
    error: TealError = Unavailable(
        f"the database {login.database} can't be reached: its container has no address that this machine knows",
        hint="see whether it runs: `teal status`",
    )
    for address in login.addresses:
        try:
            return await _connect(login, address, application)
        except OSError:  # a timeout, too
            error = Unavailable(
                f"the database {login.database} does not answer on port {login.port} of its container",
                hint="see `teal status`, and the log of its service",
            )
    raise error


async def _connect(login: Credentials, address: str, application: str) -> Connection:
    asyncpg = library()
    try:
        found = await asyncpg.connect(
            host=address,
            port=login.port,
            user=login.user,
            password=_password(login),
            database=login.database,
            timeout=CONNECT_TIMEOUT,
            server_settings={
                "application_name": f"{application} {os.uname().nodename}:{os.getpid()}"[:63],
                "lock_timeout": LOCK_TIMEOUT,
                "statement_timeout": STATEMENT_TIMEOUT,
                "idle_in_transaction_session_timeout": "60s",
            },
        )
        await found.execute(_NOTICE)
    except (asyncpg.PostgresError, asyncpg.InterfaceError) as refused:
        raise _refused(login, refused) from None
    return cast("Connection", found)


# The server looks whether this process still lives (14 and newer): an orphan's statement ends, and its lock with it.
_NOTICE = """
SELECT set_config(name, '1s', false) FROM pg_settings WHERE name = 'client_connection_check_interval'"""


def _password(login: Credentials) -> str:
    if not login.password_file:
        return login.password
    try:
        return Path(login.password_file).read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(
            f"the password file of {login.said} can't be read: {error.strerror}", hint="make it readable for you"
        ) from error


def _refused(login: Credentials, error: Exception) -> TealError:
    """Return what the server's refusal means; its own words may hold the name of a user, and are left out."""
    if getattr(error, "sqlstate", "") in {"28P01", "28000"}:
        return Unavailable(
            f"the database {login.database} refuses the login of {login.said}",
            hint="is it the password that the server was set up with?",
        )
    if getattr(error, "sqlstate", "") == "3D000":
        return Unavailable(
            f"there is no database {login.database} (from {login.said})", hint="create it, or correct the name"
        )
    return Unavailable(
        f"the database {login.database} accepts no connection now ({type(error).__name__})",
        hint="see its service's log",
    )
