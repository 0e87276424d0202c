"""Plans statements against a schema that is not there yet: in a transaction that has applied it, and is rolled back.

Applications wait for the locks of that transaction: it gives up a lock that it does not get at once, and after so long
it lets go of all of them and begins anew with the statements that are left.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from time import monotonic

from teal.adapters.postgres import errors
from teal.adapters.postgres.driver import Connection
from teal.core.judge.values import Counted, Part, Planned, Query, Unplanned

_WITH_PARAMETERS = 160_000  # from this version on EXPLAIN takes $1 as it is
_HELD = 0.3  # seconds that locks are kept for planning
# Shorter than the server's deadlock_timeout (1 s): no application is killed for a deadlock with what is only tried.
_LIMITS = "BEGIN; SET LOCAL lock_timeout = '200ms'; SET LOCAL statement_timeout = '5s'"
_EXTENSION = """
SELECT quote_ident(n.nspname) FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'"""
_COUNTED = """
SELECT s.query FROM {schema}.pg_stat_statements s
WHERE s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND coalesce(s.query, '') NOT LIKE '%teal\\_migrations%'
GROUP BY s.query ORDER BY sum(s.calls) DESC LIMIT 5000"""
_NOT_READ = "<insufficient privilege>"
Retry = Callable[[Callable[[], Awaitable[None]]], Awaitable[None]]


async def counted(connection: Connection) -> Counted | None:
    """Return the statements that the server has counted in this database; None without the extension."""
    schema = await connection.fetchval(_EXTENSION)
    if schema is None:
        return None
    rows = [row["query"] for row in await connection.fetch(_COUNTED.format(schema=schema))]
    hidden = f"""SELECT count(*) FROM {schema}.pg_stat_statements s WHERE s.query = '{_NOT_READ}'
        AND s.dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"""
    return Counted(tuple(row for row in rows if row and row != _NOT_READ), int(str(await connection.fetchval(hidden))))


class Trial:
    """Which of some queries can be planned now, and not within a change. No query is run."""

    def __init__(self, connection: Connection, parts: Sequence[Part], queries: Sequence[Query]) -> None:
        self._connection, self._parts, self._queries = connection, parts, queries
        self._version, self._path = 0, ""
        self.at = parts[0]  # what is tried at this moment, for whoever explains an error

    async def planned(self, again: Retry) -> Planned:
        """Return what was seen; *again* repeats what did not get a lock."""
        self._version = int(await self._connection.fetchval("SELECT current_setting('server_version_num')"))
        known: list[Query] = []
        failing: list[Query] = []

        async def before() -> None:
            known[:] = [query for query in self._queries if not await self._refusal(query)]

        async def portion() -> None:
            failing.extend(await self._portion(left))

        await again(lambda: self._rolled_back(before))
        left = list(known)
        while left:
            await again(lambda: self._rolled_back(portion))
        found: list[Unplanned] = []

        async def place() -> None:
            found[:] = await self._placed(failing)

        if failing:
            await again(lambda: self._rolled_back(place))
        plannable = set(known)
        return Planned(tuple(found), tuple(one for one in self._queries if one not in plannable))

    async def _rolled_back(self, do: Callable[[], Awaitable[None]]) -> None:
        self._path = await self._connection.fetchval("SELECT current_setting('search_path')")
        await self._connection.execute(_LIMITS)
        try:
            await do()
        finally:
            if not self._connection.is_closed():
                await self._connection.execute("ROLLBACK")

    async def _portion(self, left: list[Query]) -> list[Query]:
        """Apply the change, plan as many of the queries that are *left* as time allows; return those that fail."""
        for part in self._parts:
            await self._do(part)
        await self._look()
        found, planned, until = [], 0, monotonic() + _HELD
        for query in left:
            if planned and monotonic() > until:
                break
            if await self._refusal(query):
                found.append(query)
            planned += 1
        del left[:planned]
        return found

    async def _placed(self, failing: Sequence[Query]) -> list[Unplanned]:
        """Return from which part on each of the *failing* can't be planned, and why."""
        found: list[Unplanned] = []
        waiting = list(failing)
        for part in self._parts:
            await self._do(part)
            await self._connection.execute("SAVEPOINT teal_part")
            await self._look()
            said = {query: await self._refusal(query) for query in waiting}
            found += [Unplanned(part, query, error) for query, error in said.items() if error]
            waiting = [query for query in waiting if not said[query]]
            await self._connection.execute("ROLLBACK TO SAVEPOINT teal_part")
        return found

    async def _do(self, part: Part) -> None:
        self.at = part
        await self._connection.execute(part.sql)

    async def _look(self) -> None:
        """Look for names where the application does, whatever the change has set for itself."""
        await self._connection.execute("RESET ROLE")
        await self._connection.fetchval("SELECT set_config('search_path', $1, true)", self._path)

    async def _refusal(self, query: Query) -> str:
        """Return why *query* can't be planned; "" where it can."""
        explains = self._version >= _WITH_PARAMETERS
        planned = f"EXPLAIN (GENERIC_PLAN) {query.sql}" if explains else f"PREPARE teal_query AS {query.sql}"
        end = "" if explains else "DEALLOCATE teal_query;"
        try:
            await self._connection.execute(f"SAVEPOINT teal_query; {planned}\n; {end} RELEASE SAVEPOINT teal_query")
        except Exception as error:
            if not errors.is_of_server(error) or errors.is_busy(error) or self._connection.is_closed():
                raise
            await self._connection.execute("ROLLBACK TO SAVEPOINT teal_query")
            return str(error).splitlines()[0]
        return ""
