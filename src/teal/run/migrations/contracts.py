"""The steps of a contract: the floor rises, the contract runs, and what can be taken back is."""

from __future__ import annotations

from collections.abc import Mapping

from teal.core.migrations.contracts import UNNAMED, PendingState, contracts_to_record, taken_along
from teal.core.migrations.files import ScriptFile, pending, refuse_early, refuse_edited
from teal.core.migrations.tombstones import hard_form, hard_name, soft_form, soft_name, soft_of, undo_form
from teal.core.model.migrations import Migrations, Phase
from teal.core.model.units import ReleaseId
from teal.errors import Failed, Refused
from teal.ports import Database
from teal.run.context import RunContext
from teal.run.migrations.database import exclusive, files_of, migrations_here, migrations_of, opened
from teal.run.migrations.gate import contract_file
from teal.run.migrations.jobs import ask_pending, run_exclusively

# --- what is owed


async def record(context: RunContext, release: ReleaseId) -> bool:
    """Record the contracts that *release* brings, and those that somebody has run already."""
    migrations, journal = migrations_of(context), context.ports.journal
    brought = await _by_files(context, migrations) if migrations.files else await _by_command(context, release)
    wanted = contracts_to_record(journal.contracts(), brought, release)
    for name, least in wanted:
        journal.open_contract(name, least)
    return not wanted


async def _by_files(context: RunContext, migrations: Migrations) -> Mapping[str, ReleaseId]:
    """Return the contracts among the files that are not applied; close those that are."""
    files = [each for each in files_of(context.ports, migrations) if each.phase is Phase.CONTRACT]
    async with opened(context.ports, context.stack) as database:
        applied = await database.applied()
    done = {each.name for each in applied if each.at is not None}
    for change in context.ports.journal.contracts():
        if change.closed is None and f"{change.name}.{Phase.CONTRACT}" in done:
            context.ports.journal.close_contract(change.name, "found in the database")
    due = (each for each in pending(files, applied) if soft_name(each.name) not in done)
    return {each.stem: each.min_release for each in due}


async def _by_command(context: RunContext, release: ReleaseId) -> Mapping[str, ReleaseId]:
    """Return the contracts that the owner's command names; one without a name where it names none."""
    migrations = migrations_of(context)
    if not migrations.pending:
        return {UNNAMED: ReleaseId(0)} if Phase.CONTRACT in migrations.commands else {}
    asked = await ask_pending(context, release)
    named = dict.fromkeys(asked.of(Phase.CONTRACT), ReleaseId(0))
    return named or ({UNNAMED: ReleaseId(0)} if asked.state == "contract" else {})


def raise_floor(context: RunContext, contract: str) -> bool:
    """Let the journal know that *contract* is run, before it is; tell whether it knew."""
    if _is_closed(context, contract):
        return True
    file, journal = contract_file(context, contract), context.ports.journal
    if contract == UNNAMED:  # the next one is called the same, and would take this one's floor away
        release = next(each.release for each in journal.contracts() if each.name == contract)
        journal.open_contract(f"of release {release}", release)
        journal.close_contract(f"of release {release}", "")
    journal.close_contract(contract, file.reason if file else "")
    return False


def _is_closed(context: RunContext, contract: str) -> bool:
    return any(each.name == contract and each.closed is not None for each in context.ports.journal.contracts())


async def run_contract(context: RunContext, contract: str, release: ReleaseId, *, soft: bool) -> bool:
    """Run *contract* from *release*, or its soft form; tell whether it had been run already."""
    file = contract_file(context, contract)
    if file is not None:
        async with exclusive(context.ports, context.stack) as database:
            return await _apply(context, database, file, soft=soft)
    if soft:
        raise Refused("a contract that a command runs has no soft form", hint="leave out --soft")
    await _run_command(context, contract, release)
    return False


async def _apply(context: RunContext, database: Database, file: ScriptFile, *, soft: bool) -> bool:
    """Apply the form of *file* that is due; what a run that was killed has done is not done again."""
    applied = await database.applied()
    done = {each.name for each in applied if each.at is not None}
    wanted = soft_name(file.name) if soft else file.name
    if wanted in done:
        return True
    refuse_edited((file,), applied)
    refuse_early(file, applied)
    if soft:
        await database.apply(soft_form(file, context.ports.clock.now()), on_line=context.reporter.tool)
        for statement in soft_of(file).later:
            context.reporter.note(f"waits for the contract itself: {statement}")
    elif {soft_name(file.name), hard_name(file.name)}.isdisjoint(done):
        await database.apply(file, on_line=context.reporter.tool)
    else:
        if hard_name(file.name) not in done:
            await database.apply(hard_form(file), on_line=context.reporter.tool)
        await database.record(file)
    return False


async def _run_command(context: RunContext, contract: str, release: ReleaseId) -> None:
    """Run the owner's command, and look whether the contract is still pending."""
    migrations = migrations_here(context.stack)
    await run_exclusively(context, Phase.CONTRACT, release)
    if not migrations.pending:
        return
    asked = await ask_pending(context, release)
    if _is_pending(asked, contract):
        raise Failed(
            f"the contract command ended well, but {contract} is still pending",
            hint="the rollback floor stays: see what the command did",
        )
    for each in taken_along(context.ports.journal.contracts(), asked.of(Phase.CONTRACT)):
        context.ports.journal.close_contract(each, f"run together with {contract}")
        context.reporter.note(f"{each} was run, too")


def _is_pending(asked: PendingState, contract: str) -> bool:
    """Tell whether the owner's tool still names *contract*, or says that one is pending where it names none."""
    return asked.state == "contract" if contract == UNNAMED else contract in asked.of(Phase.CONTRACT)


async def take_back_floor(context: RunContext, contract: str) -> bool:
    """Take the floor back where the database's own record says that nothing was applied; else it stays."""
    if not _is_closed(context, contract):
        return True
    file = contract_file(context, contract)
    if file is None or not file.transaction:
        context.reporter.note(
            f"the rollback floor stays: it is not certain how much of {contract} was applied", warning=True
        )
        return False
    async with opened(context.ports, context.stack) as database:
        known = {each.name for each in await database.applied()}
    if {file.name, soft_name(file.name), hard_name(file.name)}.isdisjoint(known):
        context.ports.journal.reopen_contract(contract)
        context.reporter.note(f"nothing of {contract} was applied: the rollback floor is as it was")
    return False


async def undo_contract(context: RunContext, contract: str) -> bool:
    """Bring back what the soft form of *contract* took away; tell whether nothing was away."""
    file = contract_file(context, contract)
    if file is None:
        raise Refused("a contract that a command runs has no soft form", hint="write the undo as a new expand")
    async with exclusive(context.ports, context.stack) as database:
        done = {each.name for each in await database.applied()}
        if soft_name(file.name) in done:
            await database.apply(undo_form(file), on_line=context.reporter.tool)
            await _count_missing(context, database, file)
        elif not {file.name, hard_name(file.name)}.isdisjoint(done):
            raise Refused(f"{contract} has been run: what it dropped is gone", hint="only a backup has it")
        else:
            context.reporter.note(
                f"nothing of {contract} was applied: there is nothing to bring back but the rollback floor"
            )
    context.ports.journal.reopen_contract(contract)
    return soft_name(file.name) not in done


async def _count_missing(context: RunContext, database: Database, file: ScriptFile) -> None:
    """Say how many rows are not as the columns that are back want them: nothing filled those meanwhile."""
    columns = soft_of(file).columns
    empty = (f"SELECT count(*) FROM {each.table} WHERE {each.name} IS NULL" for each in columns)  # noqa: S608
    for sql in file.asserts or empty:
        missing = await database.count(sql)
        if missing:
            rows = f"{missing} row{'s' * (missing != 1)}"
            context.reporter.note(
                f"{rows} written while it was away, to be filled before an old release comes back: {sql}", warning=True
            )
