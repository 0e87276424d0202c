"""Does: the steps of a deploy that change the schema: judge, expand, check the old code on it, note what is owed."""

from __future__ import annotations

from teal.core.migrations.files import ScriptFile, pending, refuse_early, refuse_edited
from teal.core.model.migrations import Migrations, Phase
from teal.core.planning.steps import Recheck
from teal.errors import CheckFailed
from teal.ports import Database
from teal.run.context import Scene
from teal.run.migrations.database import files_of, migrations_of, opened
from teal.run.migrations.jobs import ask_pending, run_exclusively, still_runs
from teal.run.steps import checks


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
        await checks.check(scene, step.side, step.release, kept.checks if kept else scene.stack.checks)
    finally:
        checks.unkey(scene)
