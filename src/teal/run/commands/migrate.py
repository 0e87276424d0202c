"""The commands of ``migrate``: how the schema stands, expand and backfill alone, a contract through its gate."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from msgspec import structs

from teal.core.migrations.contracts import known, plan_contract, plan_undo, refused
from teal.core.migrations.files import excuses, pending, refuse_edited
from teal.core.migrations.gate import GateEvidence, evaluate_gate, is_open, once_given_up, rollbacks_lost
from teal.core.migrations.tombstones import soft_of
from teal.core.model.migrations import Migrations, Phase
from teal.core.model.observed import Observed
from teal.core.model.release import RenderInputs
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Stack
from teal.core.model.units import ReleaseId
from teal.core.model.versions import engine_version
from teal.core.planning.events import Event, StepFinished
from teal.core.planning.images import services_due
from teal.core.planning.order import OnFailure, Plan, planned
from teal.core.planning.rollback_floor import floor_of
from teal.core.planning.step_names import Command
from teal.core.planning.steps import Backfill, CheckActive, Expand, JudgeMigrations, Step
from teal.core.planning.transition import source_of
from teal.core.planning.wording import say
from teal.core.rendering.project import render_jobs
from teal.errors import Refused, SchemaBroken, TealError
from teal.run.api import ContractOptions, OpenRow
from teal.run.context import EventSink, Ports, RunContext, run_context
from teal.run.execute import execute, prepare
from teal.run.migrations import gate
from teal.run.migrations.database import files_of, migrations_here, opened
from teal.run.migrations.gate import contract_file, look
from teal.run.migrations.jobs import ask_pending, print_sql
from teal.run.migrations.judge import judged
from teal.run.migrations.open_changes import open_rows
from teal.run.migrations.results import (
    ContractResult,
    MigrateCheckResult,
    MigrateResult,
    MigrateStatus,
    PendingRow,
    SchemaState,
)
from teal.run.observe import observe
from teal.run.recovery import heal
from teal.run.steps import release as release_steps

NO_RELEASE = ReleaseId(0)  # under which one-shots are kept that belong to no release
NO_PENDING = "no `pending` command: each deploy runs `expand`"
_NEXT: tuple[SchemaState, ...] = ("expand", "backfill", "contract")


# --- how it stands


async def migrate_status(ports: Ports, stack: Stack, watch: EventSink) -> MigrateStatus:
    """Return what is next, what is pending by name, and which changes are open."""
    migrations = migrations_here(stack)
    context = run_context(ports, stack, watch, key="")
    floor = floor_of(ports.journal.contracts())
    state: SchemaState = "done"
    rows: tuple[PendingRow, ...] = ()
    excused: tuple[str, ...] = ()
    problems: tuple[str, ...] = ()
    unknown = unasked(migrations)
    try:
        state, rows = ("unknown", ()) if unknown else await _look(context, migrations)
    except SchemaBroken as error:
        state, problems = "broken", (f"{error.message} ({error.hint})",)
    except TealError as error:
        state, unknown = "unknown", f"{error.message} ({error.hint})"
    try:  # where it can't be asked how things stand, its commands can't be asked for their SQL either
        excused = await _excused(context, migrations, rows) if unknown in {"", NO_PENDING} else ()
    except TealError as error:
        problems = (*problems, f"{error.message} ({error.hint})")
    return MigrateStatus(
        stack.project,
        state,
        rows,
        await _open(context),
        ReleaseId(floor.release if floor else 0),
        excused,
        problems,
        unknown,
    )


def unasked(migrations: Migrations) -> str:
    """Return why nobody can be asked what is pending, "" where somebody can."""
    return "" if migrations.files or migrations.pending else NO_PENDING


async def _open(context: RunContext) -> tuple[OpenRow, ...]:
    """Return the changes that are open, with all that their gates wait for but time and the operator's yes."""
    observed = await observe(context.ports, context.stack)
    rows = open_rows(context.ports, context.stack)
    return tuple([structs.replace(row, waits=await _waits(context, observed, row.name)) for row in rows])


async def _waits(context: RunContext, observed: Observed, name: str) -> tuple[str, ...]:
    try:
        seen = await gate.look(context, observed, name, ContractOptions(confirmed=True))
    except TealError as error:
        return (error.message,)
    return tuple(
        f"{each.name}: {each.evidence}" for each in evaluate_gate(seen) if not each.met and each.name != "delay"
    )


async def _excused(context: RunContext, migrations: Migrations, rows: tuple[PendingRow, ...]) -> tuple[str, ...]:
    """Return what the files of pending and open changes, or the SQL that commands print, excuse themselves for."""
    if not migrations.files:
        if migrations.prints:
            await _keep_jobs(context)
        printed = [(f"sql.{phase}", await print_sql(context, phase, NO_RELEASE)) for phase in migrations.prints]
        return tuple(each for name, sql in printed for each in excuses(name, sql))
    open_ = {change.name for change in context.ports.journal.contracts() if change.closed is None}
    alive = {row.name for row in rows} | open_
    files = [file for file in files_of(context.ports, migrations) if {file.name, file.stem} & alive]
    return tuple(each for file in files for each in excuses(f"{file.name}.sql", file.sql))


async def migrate_check(ports: Ports, stack: Stack, watch: EventSink) -> MigrateCheckResult:
    """Judge all SQL that is pending, without running any of it; the database is asked where it can be."""
    migrations = migrations_here(stack)
    context = run_context(ports, stack, watch, key="")
    if migrations.prints:
        await _keep_jobs(context)
    found = await judged(context, NO_RELEASE, offline=True)
    names = tuple(script.name for script in found.scripts)
    unknown = "" if found.scripts else unasked(migrations)
    return MigrateCheckResult(
        stack.project, not found.hurting, names, found.findings, (*found.notes, *found.untried), unknown
    )


async def _look(context: RunContext, migrations: Migrations) -> tuple[SchemaState, tuple[PendingRow, ...]]:
    if migrations.files:
        rows = await _due_files(context.ports, context.stack, migrations)
        return next((each for each in _NEXT if any(row.phase == each for row in rows)), "done"), rows
    asked = await ask_pending(context, await _keep_jobs(context))
    return asked.state, tuple(PendingRow(str(phase), name) for phase, name in asked.names)


async def _due_files(ports: Ports, stack: Stack, migrations: Migrations) -> tuple[PendingRow, ...]:
    files = files_of(ports, migrations)
    async with opened(ports, stack) as database:
        applied = await database.applied()
    refuse_edited(files, applied)
    due = sorted(pending(files, applied), key=lambda each: list(Phase).index(each.phase))
    return tuple(PendingRow(str(each.phase), each.name) for each in due)


async def _keep_jobs(context: RunContext) -> ReleaseId:
    """Keep the commands with the images of this moment; return the number under which they are found."""
    stack, releases = context.stack, context.ports.releases
    if not stack.migrations or not (stack.migrations.jobs or stack.migrations.one_shot):
        return NO_RELEASE
    names = {stack.migrations.service, stack.migrations.one_shot} - {""}
    ids = await release_steps.image_ids(context, [stack.service(name) for name in sorted(names)])
    info = await context.ports.engine.info()
    made = RenderInputs(NO_RELEASE, ids, releases.folder(NO_RELEASE), engine=engine_version(info.version))
    releases.keep_once(NO_RELEASE, render_jobs(stack, Side.BLUE, made))
    return NO_RELEASE


# --- expand and backfill, alone


async def migrate_expand(ports: Ports, stack: Stack, watch: EventSink, *, dry_run: bool = False) -> MigrateResult:
    """Judge and run the expand phase now, from a newly built image; the release that serves is checked after it."""
    migrations = migrations_here(stack)

    def steps(observed: Observed) -> tuple[Step, ...]:
        source = source_of(observed, stack)
        serving = None
        if source is not None and stack.proxy:
            serving = CheckActive(source, observed.release_on(source) if source in COLORS else None)
        expand = Expand(NO_RELEASE, migrations.how(Phase.EXPAND), serving)
        return (JudgeMigrations(NO_RELEASE), expand, *([serving] if serving else ()))

    return await _Alone(ports, stack, watch, "expand").run(steps, dry_run=dry_run)


async def migrate_backfill(ports: Ports, stack: Stack, watch: EventSink, *, dry_run: bool = False) -> MigrateResult:
    """Run the backfills that are due now; one that was interrupted goes on."""
    how = migrations_here(stack).how(Phase.BACKFILL)
    if not how:
        raise Refused("nothing says how to backfill", hint="give migrations in teal.yml a command `backfill`")
    return await _Alone(ports, stack, watch, "backfill").run(lambda _: (Backfill(NO_RELEASE, how),), dry_run=dry_run)


class _Alone:
    """One journaled run of steps without a change of hands."""

    def __init__(self, ports: Ports, stack: Stack, watch: EventSink, phase: str) -> None:
        self._ports, self._stack, self._watch, self._phase = ports, stack, watch, phase
        self._passed: list[bool] = []

    async def run(self, steps: Callable[[Observed], tuple[Step, ...]], *, dry_run: bool) -> MigrateResult:
        """Build, then perform *steps* under the lock; or say what they would be."""
        if dry_run:
            return await self._planned(steps)
        with self._ports.lock.hold(f"migrate {self._phase}"):
            healed, observed = await heal(self._ports, self._stack, self._watch)
            source = source_of(observed, self._stack)
            plan = Plan(
                Command(f"migrate-{self._phase}"), source, None, None, planned(OnFailure.ABORT, *steps(observed))
            )
            context = run_context(self._ports, self._stack, self._told, key=self._ports.machine.secret())
            run = context.begin(plan.command, source, None, None)
            await prepare(await self._build(), plan, context, run)
            await self._keep(context, run)
            await execute(plan, context, run)
        outcome: Literal["done", "unchanged"] = "unchanged" if all(self._passed) else "done"
        notes = tuple(context.reporter.notes)
        return MigrateResult(
            self._stack.project, self._phase, outcome, phases=context.reporter.phases, notes=notes, healed=healed
        )

    async def _planned(self, steps: Callable[[Observed], tuple[Step, ...]]) -> MigrateResult:
        wanted = (*await self._build(), *steps(await observe(self._ports, self._stack)))
        migrations = migrations_here(self._stack)
        due = await _due_files(self._ports, self._stack, migrations) if migrations.files else ()
        mine = tuple(row for row in due if row.phase == self._phase)
        return MigrateResult(self._stack.project, self._phase, "planned", tuple(map(say, wanted)), mine)

    async def _build(self) -> tuple[Step, ...]:
        """Return the step that makes, or pulls, the new image of what runs the commands."""
        migrations = migrations_here(self._stack)
        services = map(self._stack.service, sorted({migrations.service, migrations.one_shot} - {""}))
        due = services_due(tuple(services), "build", await release_steps.absent(self._ports, self._stack))
        return (due,) if due else ()

    async def _keep(self, context: RunContext, run: int) -> None:
        try:
            await _keep_jobs(context)
        except TealError as error:
            context.end(run, "aborted", error.message)
            raise

    def _told(self, event: Event) -> None:
        if isinstance(event, StepFinished) and isinstance(event.step, Expand | Backfill):
            self._passed.append(event.passed)
        self._watch(event)


async def migrate_contract(
    ports: Ports, stack: Stack, name: str, options: ContractOptions, watch: EventSink
) -> ContractResult:
    """Run contract *name* (the first open one, for none) where its gate is open; ``Refused`` where it is shut."""
    if options.dry_run:
        observed = await observe(ports, stack)
        context = _context(ports, stack, watch)
        seen = await _gather(context, observed, name, options)
        plan = plan_contract(observed, seen, stack.project, soft=options.soft, give_up=options.give_up)
        steps = tuple(say(step) for step in plan.steps)
        gone, notes = rollbacks_lost(seen), tuple(context.reporter.notes)
        return ContractResult(
            stack.project, seen.change.name, "planned", seen.minimum, evaluate_gate(seen), gone, steps, notes=notes
        )
    with ports.lock.hold("contract"):
        healed, observed = await heal(ports, stack, watch)
        context = _context(ports, stack, watch)
        seen = await _gather(context, observed, name, options)
        passing = once_given_up(seen) if options.give_up else seen
        _refuse_shut(passing)
        plan = plan_contract(observed, seen, stack.project, soft=options.soft, give_up=options.give_up)
        await execute(plan, context, context.begin(Command.MIGRATE_CONTRACT, observed.active, None, None))
        outcome: Literal["soft", "done"] = "soft" if options.soft else "done"
        gone = rollbacks_lost(seen) if options.give_up else ()
        notes = tuple(context.reporter.notes)
        return ContractResult(
            stack.project, seen.change.name, outcome, seen.minimum, evaluate_gate(passing), gone, (), healed, notes
        )


def _refuse_shut(seen: GateEvidence) -> None:
    """Raise ``Refused`` where the gate is shut; nothing has been given up yet."""
    conditions = evaluate_gate(seen)
    if not is_open(conditions):
        raise refused(seen.change.name, conditions)


async def _gather(context: RunContext, observed: Observed, name: str, options: ContractOptions) -> GateEvidence:
    """Return what is seen; ``Refused`` where a soft form is asked for that there is not."""
    seen = await look(context, observed, name, options)
    file = contract_file(context, seen.change.name)
    if options.soft and file is None:
        raise Refused("a contract that a command runs has no soft form", hint="leave out --soft")
    if options.soft and file is not None:
        soft_of(file)
    return seen


async def migrate_undo(ports: Ports, stack: Stack, name: str, watch: EventSink) -> ContractResult:
    """Bring back what the soft form of contract *name* took away; the floor falls again."""
    with ports.lock.hold("undo"):
        healed, observed = await heal(ports, stack, watch)
        context = _context(ports, stack, watch)
        change = known(name, observed.contracts)
        plan = plan_undo(observed, change.name)
        await execute(plan, context, context.begin(Command.MIGRATE_UNDO, observed.active, None, None))
        notes = tuple(context.reporter.notes)
        return ContractResult(stack.project, change.name, "undone", change.release, healed=healed, notes=notes)


def _context(ports: Ports, stack: Stack, watch: EventSink) -> RunContext:
    return run_context(ports, stack, watch, key=ports.machine.secret())
