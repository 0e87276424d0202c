"""Looks at everything that the gate before a contract asks: containers, releases, sessions, rows, time."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from teal.core.migrations.contracts import UNNAMED, meant, refused, short, strictest
from teal.core.migrations.files import Applied, ScriptFile, pending
from teal.core.migrations.gate import DatabaseSession, GateEvidence, evaluate_gate, is_open, rotating_containers
from teal.core.migrations.tombstones import soft_name
from teal.core.model.migrations import Migrations, OpenChange, Phase
from teal.core.model.observed import Observed
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.errors import Failed, Refused, Unavailable
from teal.ports import Database
from teal.run.api import ContractOptions
from teal.run.context import RunContext
from teal.run.migrations.database import files_of, migrations_here, opened
from teal.run.migrations.jobs import ask_pending
from teal.run.observe import observe

LINGERS = 5.0  # seconds within which the server has noticed that a client was removed
LOOKS = Seconds(0.5)  # between two looks meanwhile


@dataclass(frozen=True, slots=True)
class _Due:
    """What the database, or the owner's own tool, says of contracts."""

    names: tuple[str, ...]  # pending
    files: tuple[ScriptFile, ...] = ()
    applied: tuple[Applied, ...] = ()

    def file(self, name: str) -> ScriptFile | None:
        """Return the file of the contract *name*."""
        return next((each for each in self.files if each.phase is Phase.CONTRACT and each.stem == name), None)


async def look(context: RunContext, observed: Observed, name: str, options: ContractOptions) -> GateEvidence:
    """Return what is seen of the gate of contract *name*; ``Refused`` where there is no such contract."""
    migrations = migrations_here(context.stack)
    active = observed.active_release
    due = await _due(context, migrations, active)
    change = meant(name, observed.contracts, due.names)
    if not migrations.files:
        change = strictest(change, observed.contracts, due.names)
    file = due.file(change.name)
    asked = await _asked(context, file.asserts if file else migrations.asserts)
    return GateEvidence(
        change=change,
        active=active,
        containers=rotating_containers(observed, context.stack.rotating_names),
        kept=tuple(release.number for release in observed.releases),
        standing=observed.containers,
        trusted=options.trusted,
        backfills=_unfinished(context, migrations, change, file, due),
        delay=migrations.contract_delay,
        softened=_softened(file, due.applied),
        now=context.ports.clock.now(),
        confirmed=options.confirmed,
        sessions=asked.sessions,
        differing=asked.differing,
    )


async def _due(context: RunContext, migrations: Migrations, active: ReleaseId | None) -> _Due:
    if migrations.files:
        files = files_of(context.ports, migrations)
        async with opened(context.ports, context.stack) as database:
            applied = await database.applied()
        return _Due(tuple(each.stem for each in pending(files, applied, Phase.CONTRACT)), files, applied)
    if Phase.CONTRACT not in migrations.commands:
        return _Due(())
    if not migrations.pending or active is None:
        return _Due((UNNAMED,))
    asked = await ask_pending(context, active)
    return _Due(asked.of(Phase.CONTRACT) or ((UNNAMED,) if asked.state == "contract" else ()))


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the database itself says; None where it can't be asked."""

    sessions: tuple[DatabaseSession, ...] | None
    differing: Mapping[str, int | None]


async def _asked(context: RunContext, asserts: Iterable[str]) -> _Asked:
    """Return what the database itself says: sessions, and rows that an assertion finds wrong."""
    try:
        async with opened(context.ports, context.stack) as database:
            sessions = await database.sessions()
            return _Asked(sessions, {sql: await _count(context, database, sql) for sql in asserts})
    except (Unavailable, Refused) as error:
        context.reporter.note(f"{error.message}: {error.hint}", warning=True)
        return _Asked(None, dict.fromkeys(asserts))


async def _count(context: RunContext, database: Database, sql: str) -> int | None:
    try:
        return await database.count(sql)
    except Failed as error:
        context.reporter.note(f"{error.message}: {sql}", warning=True)
        return None


def _unfinished(
    context: RunContext, migrations: Migrations, change: OpenChange, file: ScriptFile | None, due: _Due
) -> tuple[str, ...]:
    """Return the backfills that must be over before the contract *change*, and aren't."""
    if migrations.files:
        before = pending(due.files, due.applied, Phase.BACKFILL)
        return tuple(each.name for each in before if file is None or each.number <= file.number)
    if Phase.BACKFILL not in migrations.commands or _backfilled(context, change):
        return ()
    return (migrations.how(Phase.BACKFILL),)


def _backfilled(context: RunContext, change: OpenChange) -> bool:
    """Tell whether the owner's backfill command has ended well since the contract came."""
    return context.ports.journal.backfilled_since(Moment(change.opened - _HOUR))


_HOUR = 3600.0  # a backfill comes before the switch of the release that brings its contract


def _softened(file: ScriptFile | None, applied: Iterable[Applied]) -> Moment | None:
    """Return when the soft form of *file* was run, where it holds."""
    name = soft_name(file.name) if file else ""
    return next((each.at for each in applied if each.name == name), None)


async def open_gate(context: RunContext, contract: str, trusted: Iterable[str]) -> None:
    """Look once more, nothing having been changed but what was given up; raise ``Refused`` where the gate is shut.

    A session whose container has just been removed may be there for a moment more.
    """
    clock = context.ports.clock
    end = clock.monotonic() + LINGERS
    options = ContractOptions(confirmed=True, trusted=frozenset(trusted))
    while True:
        conditions = evaluate_gate(await look(context, await observe(context.ports, context.stack), contract, options))
        if is_open(conditions):
            return
        if {each.name for each in conditions if not each.met} != {"sessions"} or clock.monotonic() > end:
            raise refused(contract, conditions)
        await clock.sleep(LOOKS)


def contract_file(context: RunContext, contract: str) -> ScriptFile | None:
    """Return the file of *contract*; None where a command runs it."""
    migrations = migrations_here(context.stack)
    files = files_of(context.ports, migrations) if migrations.files else ()
    return _Due((), files).file(short(contract))
