"""The steps of a contract: the floor rises, the contract runs, and what can be taken back is."""

from __future__ import annotations

from collections.abc import Mapping

from teal.core.migrations.contracts import UNNAMED, Asked, owed, taken_along
from teal.core.migrations.files import ScriptFile, pending, refuse_early, refuse_edited
from teal.core.migrations.tombstones import hard_form, hard_name, soft_form, soft_name, soft_of, undo_form
from teal.core.model.migrations import Migrations, Phase
from teal.errors import Failed, Refused
from teal.ports import Database
from teal.run.context import Scene
from teal.run.migrations.database import exclusive, files_of, migrations_here, migrations_of, opened
from teal.run.migrations.gate import contract_file
from teal.run.migrations.jobs import ask_pending, run_exclusively

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


def raise_floor(scene: Scene, contract: str) -> bool:
    """Let the journal know that *contract* is run, before it is; tell whether it knew."""
    if _is_closed(scene, contract):
        return True
    file, journal = contract_file(scene, contract), scene.ports.journal
    if contract == UNNAMED:  # the next one is called the same, and would take this one's floor away
        release = next(each.release for each in journal.contracts() if each.name == contract)
        journal.open_contract(f"of release {release}", release)
        journal.close_contract(f"of release {release}", "")
    journal.close_contract(contract, file.reason if file else "")
    return False


def _is_closed(scene: Scene, contract: str) -> bool:
    return any(each.name == contract and each.closed is not None for each in scene.ports.journal.contracts())


async def run_contract(scene: Scene, contract: str, release: int, *, soft: bool) -> bool:
    """Run *contract* from *release*, or its soft form; tell whether it had been run already."""
    file = contract_file(scene, contract)
    if file is not None:
        async with exclusive(scene.ports, scene.stack) as database:
            return await _apply(scene, database, file, soft=soft)
    if soft:
        raise Refused("a contract that a command runs has no soft form", hint="leave out --soft")
    await _run_command(scene, contract, release)
    return False


async def _apply(scene: Scene, database: Database, file: ScriptFile, *, soft: bool) -> bool:
    """Apply the form of *file* that is due; what a run that was killed has done is not done again."""
    applied = await database.applied()
    done = {each.name for each in applied if each.at is not None}
    wanted = soft_name(file.name) if soft else file.name
    if wanted in done:
        return True
    refuse_edited((file,), applied)
    refuse_early(file, applied)
    if soft:
        await database.apply(soft_form(file, scene.ports.clock.now()), told=scene.tool)
        for statement in soft_of(file).later:
            scene.note(f"waits for the contract itself: {statement}")
    elif {soft_name(file.name), hard_name(file.name)}.isdisjoint(done):
        await database.apply(file, told=scene.tool)
    else:
        if hard_name(file.name) not in done:
            await database.apply(hard_form(file), told=scene.tool)
        await database.record(file)
    return False


async def _run_command(scene: Scene, contract: str, release: int) -> None:
    """Run the owner's command, and look whether the contract is still pending."""
    migrations = migrations_here(scene.stack)
    await run_exclusively(scene, Phase.CONTRACT, release)
    if not migrations.pending:
        return
    asked = await ask_pending(scene, release)
    if _is_pending(asked, contract):
        raise Failed(
            f"the contract command ended well, but {contract} is still pending",
            hint="the rollback floor stays: see what the command did",
        )
    for each in taken_along(scene.ports.journal.contracts(), asked.of(Phase.CONTRACT)):
        scene.ports.journal.close_contract(each, f"run together with {contract}")
        scene.note(f"{each} was run, too")


def _is_pending(asked: Asked, contract: str) -> bool:
    """Tell whether the owner's tool still names *contract*, or says that one is pending where it names none."""
    return asked.state == "contract" if contract == UNNAMED else contract in asked.of(Phase.CONTRACT)


async def take_back_floor(scene: Scene, contract: str) -> bool:
    """Take the floor back where the database's own record says that nothing was applied; else it stays."""
    if not _is_closed(scene, contract):
        return True
    file = contract_file(scene, contract)
    if file is None or not file.transaction:
        scene.note(f"the rollback floor stays: what of {contract} was applied is not certain", warning=True)
        return False
    async with opened(scene.ports, scene.stack) as database:
        known = {each.name for each in await database.applied()}
    if {file.name, soft_name(file.name), hard_name(file.name)}.isdisjoint(known):
        scene.ports.journal.reopen_contract(contract)
        scene.note(f"nothing of {contract} was applied: the rollback floor is as it was")
    return False


async def undo_contract(scene: Scene, contract: str) -> bool:
    """Bring back what the soft form of *contract* took away; tell whether nothing was away."""
    file = contract_file(scene, contract)
    if file is None:
        raise Refused("a contract that a command runs has no soft form", hint="write the undo as a new expand")
    async with exclusive(scene.ports, scene.stack) as database:
        done = {each.name for each in await database.applied()}
        if soft_name(file.name) in done:
            await database.apply(undo_form(file), told=scene.tool)
            await _count_missing(scene, database, file)
        elif not {file.name, hard_name(file.name)}.isdisjoint(done):
            raise Refused(f"{contract} has been run: what it dropped is gone", hint="only a backup has it")
        else:
            scene.note(f"nothing of {contract} was applied: there is nothing to bring back but the rollback floor")
    scene.ports.journal.reopen_contract(contract)
    return soft_name(file.name) not in done


async def _count_missing(scene: Scene, database: Database, file: ScriptFile) -> None:
    """Say how many rows are not as the columns that are back want them: nothing filled those meanwhile."""
    columns = soft_of(file).columns
    empty = (f"SELECT count(*) FROM {each.table} WHERE {each.name} IS NULL" for each in columns)  # noqa: S608
    for sql in file.asserts or empty:
        missing = await database.count(sql)
        if missing:
            rows = f"{missing} row{'s' * (missing != 1)}"
            scene.note(
                f"{rows} written while it was away, to be filled before an old release comes: {sql}", warning=True
            )
