"""Does: the steps of a deploy that change the schema: judge, expand, check the old code on it, note what is owed."""

from __future__ import annotations

from collections.abc import Mapping

from teal.core.migrations.files import ScriptFile, pending, read_files, refuse_early, refuse_edited
from teal.core.migrations.tombstones import soft_name
from teal.core.model.migrations import Migrations
from teal.core.model.stack import Stack
from teal.core.owing import UNNAMED, owed
from teal.core.phase import Phase
from teal.core.planning.steps import Recheck
from teal.errors import CheckFailed, Refused
from teal.ports import Database
from teal.run.context import Scene
from teal.run.migrations.database import opened
from teal.run.migrations.jobs import ask_pending, run_exclusively, still_runs
from teal.run.ports import Ports
from teal.run.steps import traffic


def migrations_here(stack: Stack) -> Migrations:
    """Return what the owner says of schema changes; ``Refused`` where nothing is said."""
    if stack.migrations is None:
        raise Refused(
            "teal.yml has no section migrations: Teal knows nothing of this stack's schema",
            hint="for a directory of SQL files one line does: `migrations: {files: sql}`; see docs/migrations.md",
        )
    return stack.migrations


def migrations_of(scene: Scene) -> Migrations:
    """Return the same within a step, which only a stack with migrations has."""
    assert scene.stack.migrations is not None, "only a stack with migrations has such steps"
    return scene.stack.migrations


def files_of(ports: Ports, migrations: Migrations) -> tuple[ScriptFile, ...]:
    """Return the files of Teal's own runner, as they lie there now."""
    return read_files(ports.machine.texts(migrations.files, ".sql"))


async def expand(scene: Scene, release: int, recheck: Recheck | None = None) -> bool:
    """Bring the expand phase of *release* into the database, unless it is there; what serves is checked before it."""
    migrations = migrations_of(scene)
    if migrations.files:
        return await _expand_by_files(scene, migrations, recheck)
    if not await still_runs(scene, Phase.EXPAND, migrations.one_shot) and not await _is_next(scene, release):
        return True
    await _look_before(scene, recheck)
    await run_exclusively(scene, Phase.EXPAND, release, migrations.one_shot)
    return False


async def _is_next(scene: Scene, release: int) -> bool:
    """Tell whether the owner's ``pending`` says that an expand is next; without one it may always be."""
    return not migrations_of(scene).pending or (await ask_pending(scene, release)).state == "expand"


async def _expand_by_files(scene: Scene, migrations: Migrations, recheck: Recheck | None) -> bool:
    files = files_of(scene.ports, migrations)
    async with opened(scene.ports, scene.stack) as database:
        if not pending(files, await database.applied(), Phase.EXPAND):
            return True
        await _look_before(scene, recheck)
        async with database.exclusively(scene.stack.project):
            await apply_all(scene, database, files, Phase.EXPAND)
    return False


async def apply_all(scene: Scene, database: Database, files: tuple[ScriptFile, ...], phase: Phase) -> None:
    """Apply what is due of *phase*, in order."""
    refuse_edited(files, await database.applied())
    for file in pending(files, await database.applied(), phase):
        refuse_early(file, await database.applied())
        await database.apply(file, told=scene.tool)
        scene.tool(f"applied {file.name}")


# --- the release that serves, on the schema that it didn't know


async def _look_before(scene: Scene, recheck: Recheck | None) -> None:
    """Learn whether the release that serves passes its checks now: only then can the expansion be to blame."""
    if recheck is None:
        return
    try:
        await _check(scene, recheck)
    except CheckFailed as error:
        scene.sick = error.message
        scene.note(f"before the schema was touched: {error.message}", warning=True)


async def recheck(scene: Scene, step: Recheck) -> bool:
    """Check the release that serves once more, where the schema was expanded since it was last checked."""
    if scene.sick:
        return False  # it can't be told apart what the schema has to do with it
    if not scene.ports.journal.expanded_unchecked():
        return True
    try:
        await _check(scene, step)
    except CheckFailed as error:
        which = f"release {step.release}" if step.release is not None else "the plain stack"
        error.message = f"{which}, which serves, does not work with the expanded schema: {error.message}"
        if scene.ports.journal.blamed_schema():  # whoever deploys again after that means to
            scene.note(error.message, warning=True)
            return False
        error.hint = (
            "users are still on it, and meet the same: see its log, and mend the schema with a new expand file; a "
            "second deploy goes on, if the new release passes its own checks"
        )
        raise
    return False


async def _check(scene: Scene, step: Recheck) -> None:
    kept = scene.release(step.release).remembered if step.release is not None else None
    try:
        await traffic.check(scene, step.side, step.release, kept.checks if kept else scene.stack.checks)
    finally:
        traffic.unkey(scene)


# --- what is owed


async def record(scene: Scene, release: int) -> bool:
    """Record the contracts that *release* brings, and those that somebody has run already."""
    migrations, journal = migrations_of(scene), scene.ports.journal
    brought = await _by_files(scene, migrations) if migrations.files else await _by_command(scene, release)
    wanted = owed(journal.contracts(), brought, release)
    for name, least in wanted:
        journal.open_contract(name, least)
    return not wanted


async def _by_files(scene: Scene, migrations: Migrations) -> Mapping[str, int]:
    """Return the contracts among the files that are not applied; close those that are."""
    files = [each for each in files_of(scene.ports, migrations) if each.phase is Phase.CONTRACT]
    async with opened(scene.ports, scene.stack) as database:
        applied = await database.applied()
    done = {each.name for each in applied if each.at is not None}
    for change in scene.ports.journal.contracts():
        if change.closed is None and f"{change.name}.{Phase.CONTRACT}" in done:
            scene.ports.journal.close_contract(change.name, "found in the database")
    due = (each for each in pending(files, applied) if soft_name(each.name) not in done)
    return {each.stem: each.min_release for each in due}


async def _by_command(scene: Scene, release: int) -> Mapping[str, int]:
    """Return the contracts that the owner's command names; one without a name where it names none."""
    migrations = migrations_of(scene)
    if not migrations.pending:
        return {UNNAMED: 0} if Phase.CONTRACT in migrations.commands else {}
    asked = await ask_pending(scene, release)
    named = dict.fromkeys(asked.of(Phase.CONTRACT), 0)
    return named or ({UNNAMED: 0} if asked.state == "contract" else {})
