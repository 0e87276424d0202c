"""The backfill: batch after batch, with room for users between them, until no row is left."""

from __future__ import annotations

from dataclasses import dataclass

from teal.core.migrations.files import ScriptFile, pending, refuse_early, refuse_edited
from teal.core.model.migrations import Phase
from teal.core.model.units import ReleaseId, Seconds
from teal.errors import Unavailable
from teal.ports import Database
from teal.run.context import RunContext
from teal.run.migrations.database import exclusive, files_of, migrations_of
from teal.run.migrations.jobs import ask_pending, run_exclusively

SAID_EVERY = 2.0  # seconds between two lines of progress
LONGEST_REST = 2.0  # seconds between two batches
WORKED = 15.0  # seconds that only a backfill lasts, and no attempt to connect
BACK_WITHIN = 60.0  # seconds for a database that has gone to come back


@dataclass(slots=True)
class _Progress:
    """How far one file is."""

    name: str
    began: float
    said: float
    rows: int = 0

    def line(self, now: float) -> str:
        """Return it in words."""
        rate = self.rows / max(now - self.began, 0.001)
        return f"{self.name}: {self.rows:,} rows, {rate:,.0f} a second"


async def backfill(context: RunContext, release: ReleaseId) -> bool:
    """Run the backfills of *release* that are due; one that was interrupted goes on where it was."""
    migrations = migrations_of(context)
    if not migrations.files:
        return await _by_command(context, release)
    files = files_of(context.ports, migrations)
    gone_at: float | None = None
    while True:
        began = context.ports.clock.monotonic()
        try:
            return await _by_files(context, files)
        except Unavailable as error:
            now = context.ports.clock.monotonic()
            gone_at = now if gone_at is None or now - began > WORKED else gone_at
            if now - gone_at > BACK_WITHIN or context.interrupted:
                raise
            context.reporter.note(f"{error.message}: the backfill goes on when it is back", warning=True)
            await context.ports.clock.sleep(Seconds(1.0))


async def _by_command(context: RunContext, release: ReleaseId) -> bool:
    migrations = migrations_of(context)
    if migrations.pending and (await ask_pending(context, release)).state == "done":
        return True
    await run_exclusively(context, Phase.BACKFILL, release)
    return False


async def _by_files(context: RunContext, files: tuple[ScriptFile, ...]) -> bool:
    async with exclusive(context.ports, context.stack) as database:
        applied = await database.applied()
        due = pending(files, applied, Phase.BACKFILL)
        refuse_edited(files, applied)
        for file in due:
            refuse_early(file, await database.applied())
            if not await _fill(context, database, file):
                return False
    return not due


async def _fill(context: RunContext, database: Database, file: ScriptFile) -> bool:
    """Run each statement of *file* until it finds no row any more; tell whether it came to the end."""
    now = context.ports.clock.monotonic()
    progress = _Progress(file.name, now, now)
    for statement in file.statements:
        sql = statement.sql
        while True:
            began = context.ports.clock.monotonic()
            rows = await database.batch(sql, on_line=context.reporter.tool)
            progress.rows += rows
            sql = statement.after(sql, rows)
            if not sql:
                break
            if context.interrupted:
                context.reporter.note(
                    f"{progress.line(began)}; interrupted: `teal migrate backfill` goes on", warning=True
                )
                return False
            await _rest(context, file, progress, rows, began)
    await database.record(file)
    context.reporter.tool(f"{progress.line(context.ports.clock.monotonic())}: done")
    return True


async def _rest(context: RunContext, file: ScriptFile, progress: _Progress, rows: int, began: float) -> None:
    """Leave the database to users for as long as the batch took, or as the file's rate says; tell of progress."""
    clock = context.ports.clock
    took = clock.monotonic() - began
    await clock.sleep(Seconds(max(0.0, rows / file.rate - took) if file.rate else min(took, LONGEST_REST)))
    if clock.monotonic() - progress.said >= SAID_EVERY:
        progress.said = clock.monotonic()
        context.reporter.tool(progress.line(progress.said))
