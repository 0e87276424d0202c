"""Changes the database while nothing of the application runs, and brings back what served where that fails."""

from __future__ import annotations

from teal.core.migrations.files import ScriptFile, pending
from teal.core.model.migrations import Migrations, Phase
from teal.core.model.side import Side
from teal.core.model.traffic import HELD
from teal.core.model.units import ReleaseId
from teal.core.planning.step_names import Command, StepName
from teal.errors import Refused, TealError, Unavailable
from teal.run.context import RunContext
from teal.run.migrations.database import files_of, migrations_here, migrations_of, opened
from teal.run.migrations.expand import apply_all
from teal.run.migrations.jobs import run_exclusively
from teal.run.steps import checks, start, traffic


async def run(context: RunContext, release: ReleaseId) -> bool:
    """Make the window's changes of *release*; tell whether none was due."""
    migrations = migrations_of(context)
    if not migrations.files:
        if Phase.WINDOW not in migrations.commands:
            return True
        how = migrations.how(Phase.WINDOW)
        context.schema.changed = (f"perhaps those of {how}",)  # where it fails, only the owner's tool can know
        await run_exclusively(context, Phase.WINDOW, release)
        context.schema.changed = (how,)
        return False
    due = await pending_files(context)
    async with opened(context.ports, context.stack) as database, database.exclusively(context.stack.project):
        try:
            await apply_all(context, database, files_of(context.ports, migrations), Phase.WINDOW)
        finally:
            done = {each.name for each in await database.applied() if each.at is not None or each.done}
            context.schema.changed = tuple(each.name for each in due if each.name in done)
    return not due


async def record(context: RunContext, release: ReleaseId, *, unseen: bool) -> bool:
    """Let the journal know what windows have changed, as the database tells it; tell whether it knew.

    *unseen*: the window was a killed run's; where a command makes the changes, nothing tells whether it came to it.
    """
    migrations, journal = migrations_of(context), context.ports.journal
    known = {each.name for each in journal.contracts()}
    changed = await _applied(context) if migrations.files else _by_command(context, release, unseen=unseen)
    new = [each for each in changed if each.name not in known]
    for each in new:
        journal.open_contract(each.name, each.min_release or release)
        journal.close_contract(each.name, each.reason)
    return not new


async def _applied(context: RunContext) -> tuple[ScriptFile, ...]:
    """Return the files of windows that the database says are applied."""
    async with opened(context.ports, context.stack) as database:
        done = {each.name for each in await database.applied() if each.at is not None}
    files = files_of(context.ports, migrations_of(context))
    return tuple(each for each in files if each.phase is Phase.WINDOW and each.name in done)


def _by_command(context: RunContext, release: ReleaseId, *, unseen: bool) -> tuple[ScriptFile, ...]:
    """Return what stands for the owner's command, where it was run."""
    how = migrations_of(context).how(Phase.WINDOW)
    if not how or not (context.schema.changed or unseen):
        return ()
    return (ScriptFile(f"window of release {release}", "", 0, Phase.WINDOW, "", reason=how),)


async def refuse_due(context: RunContext) -> None:
    """Raise ``Refused`` where a change waits for a window."""
    due = await pending_files(context) if migrations_of(context).files else ()
    if due:
        raise Refused(
            f"{', '.join(each.name for each in due)} can only be applied while nothing of the application runs",
            hint="`teal migrate window` does that; with --maintenance where it takes longer than 30 s",
        )


async def refuse_idle(context: RunContext) -> None:
    """Raise ``Refused`` where nothing waits for a window: users would be kept away for nothing."""
    if not await _is_due(context, migrations_here(context.stack)):
        raise Refused("no change of the schema waits for a window", hint="`teal deploy` needs none")


def warn_long(context: RunContext) -> None:
    """Say beforehand where a window will probably last longer than the proxy holds a request."""
    run = context.ports.journal.last_transition()
    took = sum(run.phases.get(name, 0.0) for name in (StepName.DRAIN, StepName.RETIRE, StepName.START)) if run else 0.0
    if took > HELD:
        said = f"users may wait longer than {HELD:.0f} s, since the last stop and start took {took:.0f} s"
        context.reporter.note(f"{said}: --maintenance shows them a page instead", warning=True)


async def _is_due(context: RunContext, migrations: Migrations) -> bool:
    if not migrations.files:
        return Phase.WINDOW in migrations.commands
    try:
        return bool(await pending_files(context))
    except Unavailable:
        return True  # the database's service is started first


async def pending_files(context: RunContext) -> tuple[ScriptFile, ...]:
    """Return the files of the window that are due."""
    async with opened(context.ports, context.stack) as database:
        return pending(files_of(context.ports, migrations_of(context)), await database.applied(), Phase.WINDOW)


async def restore(context: RunContext, side: Side, release: ReleaseId | None, names: tuple[str, ...]) -> None:
    """Start what served, prove that it answers as the database is now, and let users in; else the page stays.

    Raises what kept it from serving.
    """
    which = f"release {release}" if release is not None else "the plain stack"
    try:
        context.schema.changed = context.schema.changed or await _changed_before(context)
        await start.start(context, side, release, names)
        if context.stack.proxy:
            await checks.check(context, side, release)
    except TealError as error:
        context.traffic.turn_away()
        error.message = (
            f"{which} does not serve again, users see the maintenance page: {error.message}{_stands(context)}"
        )
        error.hint = "fix what keeps it from serving, or go forward: `teal deploy --strategy recreate`"
        context.schema.back = f"{error.message}; {error.hint}"
        raise
    context.schema.back = f"{which} serves again{_stands(context) or ', on the database as it was'}"
    context.reporter.note(context.schema.back, warning=bool(context.schema.changed))
    await traffic.record_active(context, side)


async def _changed_before(context: RunContext) -> tuple[str, ...]:
    """Return what a run that was killed has changed, as the database's own record tells it."""
    killed, migrations = context.ports.journal.unfinished(), context.stack.migrations
    if killed is None or killed.command == Command.HEAL or migrations is None:
        return ()
    if not migrations.files:
        how = migrations.how(Phase.WINDOW)
        return (f"perhaps those of {how}",) if how else ()
    try:
        async with opened(context.ports, context.stack) as database:
            applied = await database.applied()
    except TealError:
        return ("perhaps those of the window",)
    names = (each.name for each in applied if each.at is not None and each.at >= killed.started)
    return tuple(name for name in names if name.endswith(f".{Phase.WINDOW}"))


def _stands(context: RunContext) -> str:
    """Return in words which changes stay in the database."""
    return (
        f"; these changes stay in the database: {', '.join(context.schema.changed)}" if context.schema.changed else ""
    )
