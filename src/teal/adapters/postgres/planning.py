"""Plans statements against a schema that is not there yet: in a transaction that has applied it, and is rolled back."""

from __future__ import annotations

from collections.abc import Sequence

from teal.adapters.postgres import errors
from teal.adapters.postgres.driver import Connection
from teal.core.judge.queries import Unplanned

_WITH_PARAMETERS = 160_000  # from this version on EXPLAIN takes $1 as it is


async def tried(
    connection: Connection, steps: Sequence[tuple[str, tuple[str, ...]]], queries: Sequence[str]
) -> tuple[Unplanned, ...]:
    """Return which of *queries* can be planned now, and not after some of *steps*. No query is run."""
    version = int(await connection.fetchval("SELECT current_setting('server_version_num')"))
    found: list[Unplanned] = []
    await connection.execute("BEGIN; SET LOCAL lock_timeout = '1s'; SET LOCAL statement_timeout = '5s'")
    try:
        good = [query for query in queries if not await _refusal(connection, query, version)]
        for name, statements in steps:
            for statement in statements:
                await connection.execute(statement)
            said = {query: await _refusal(connection, query, version) for query in good}
            found += [Unplanned(name, query, error) for query, error in said.items() if error]
            good = [query for query in good if not said[query]]
    finally:
        if not connection.is_closed():
            await connection.execute("ROLLBACK")
    return tuple(found)


async def _refusal(connection: Connection, query: str, version: int) -> str:
    """Return why *query* can't be planned; "" where it can."""
    planned = f"EXPLAIN (GENERIC_PLAN) {query}" if version >= _WITH_PARAMETERS else f"PREPARE teal_query AS {query}"
    await connection.execute("SAVEPOINT teal_query")
    try:
        await connection.execute(planned)
    except Exception as error:
        if not errors.is_of_server(error) or errors.is_busy(error):
            raise
        await connection.execute("ROLLBACK TO SAVEPOINT teal_query")
        return str(error).splitlines()[0]
    if version < _WITH_PARAMETERS:
        await connection.execute("DEALLOCATE teal_query")
    await connection.execute("RELEASE SAVEPOINT teal_query")
    return ""
