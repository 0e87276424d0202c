"""The steps of a deploy that change the schema: judge, expand, check the old code on it, record open contracts."""

from __future__ import annotations

from teal.core.migrations.files import ScriptFile, pending, refuse_early, refuse_edited
from teal.core.model.migrations import Migrations, Phase
from teal.core.model.units import ReleaseId
from teal.core.planning.steps import CheckActive
from teal.errors import CheckFailed
from teal.ports import Database
from teal.run.context import RunContext
from teal.run.migrations.database import files_of, migrations_of, opened
from teal.run.migrations.jobs import ask_pending, run_exclusively, still_runs
from teal.run.steps import checks


async def expand(context: RunContext, release: ReleaseId, recheck: CheckActive | None = None) -> bool:
    """Bring the expand phase of *release* into the database, unless it is there; what serves is checked before it."""
    migrations = migrations_of(context)
    if migrations.files:
        return await _expand_by_files(context, migrations, recheck)
    if not await still_runs(context, Phase.EXPAND, migrations.one_shot) and not await _is_next(context, release):
        return True
    await _look_before(context, recheck)
    await run_exclusively(context, Phase.EXPAND, release, migrations.one_shot)
    return False


async def _is_next(context: RunContext, release: ReleaseId) -> bool:
    """Tell whether the owner's ``pending`` says that an expand is next; without one it may always be."""
    return not migrations_of(context).pending or (await ask_pending(context, release)).state == "expand"


async def _expand_by_files(context: RunContext, migrations: Migrations, recheck: CheckActive | None) -> bool:
    files = files_of(context.ports, migrations)
    async with opened(context.ports, context.stack) as database:
        if not pending(files, await database.applied(), Phase.EXPAND):
            return True
        await _look_before(context, recheck)
        async with database.exclusively(context.stack.project):
            await apply_all(context, database, files, Phase.EXPAND)
    return False


async def apply_all(context: RunContext, database: Database, files: tuple[ScriptFile, ...], phase: Phase) -> None:
    """Apply what is due of *phase*, in order."""
    refuse_edited(files, await database.applied())
    for file in pending(files, await database.applied(), phase):
        refuse_early(file, await database.applied())
        await database.apply(file, on_line=context.reporter.tool)
        context.reporter.tool(f"applied {file.name}")


# --- the release that serves, on the schema that it didn't know


async def _look_before(context: RunContext, recheck: CheckActive | None) -> None:
    """Learn whether the release that serves passes its checks now: only then can the expansion be to blame."""
    if recheck is None:
        return
    try:
        await _check(context, recheck)
    except CheckFailed as error:
        context.schema.sick = error.message
        context.reporter.note(f"before the schema was touched: {error.message}", warning=True)


async def check_active(context: RunContext, step: CheckActive) -> bool:
    """Check the release that serves once more, where the schema was expanded since it was last checked."""
    if context.schema.sick:
        return False  # it can't be told apart what the schema has to do with it
    if not context.ports.journal.expanded_unchecked():
        return True
    try:
        await _check(context, step)
    except CheckFailed as error:
        which = f"release {step.release}" if step.release is not None else "the plain stack"
        error.message = f"{which}, which serves, does not work with the expanded schema: {error.message}"
        if context.ports.journal.blamed_schema():  # whoever deploys again after that means to
            context.reporter.note(error.message, warning=True)
            return False
        error.hint = (
            "users are still on it and meet the same error: see its log, and fix the schema by a new expand file; a "
            "second deploy goes on, if the new release passes its own checks"
        )
        raise
    return False


async def _check(context: RunContext, step: CheckActive) -> None:
    kept = context.release(step.release).stack if step.release is not None else None
    try:
        await checks.check(context, step.side, step.release, kept.checks if kept else context.stack.checks)
    finally:
        checks.unkey(context)
