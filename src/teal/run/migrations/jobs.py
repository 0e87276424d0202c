"""Runs the commands of migrations, each in a container of its own from the new image, which outlives Teal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from teal.core.migrations.contracts import PendingState, parse_pending
from teal.core.model.migrations import Phase, job
from teal.core.model.side import job_name, once_project
from teal.core.model.units import ReleaseId, Seconds
from teal.errors import Failed, SchemaBroken
from teal.run.context import RunContext
from teal.run.migrations.database import exclusive

TRIES = 10  # of a command that did not get its lock
SHOWN = 20  # last lines of a command that failed
_BUSY = re.compile(r"55P03|40P01|lock timeout|deadlock detected", re.IGNORECASE)


async def run_phase(context: RunContext, phase: Phase, release: ReleaseId, service: str = "") -> None:
    """Run the command of *phase* of *release*, or the one-shot *service*, to its end; ``Failed`` where it fails.

    One that did not get its lock, as its own words tell, is run again.
    """
    service, context.schema.asked = service or job(str(phase)), None
    for tries in range(1, TRIES + 1):
        status, lines = await _run(context, service, release)
        if status == 0:
            return
        if tries == TRIES or not _BUSY.search("\n".join(lines[-SHOWN:])):
            break
        context.reporter.note(f"the {phase} command did not get its lock: try {tries + 1} of {TRIES}")
        await context.ports.clock.sleep(Seconds(0.2 * tries))
    raise Failed(
        f"the {phase} phase ended with status {status}",
        detail="\n".join(lines[-SHOWN:]),
        hint="what it has applied stays, and the active release can live with it",
    )


async def run_exclusively(context: RunContext, phase: Phase, release: ReleaseId, service: str = "") -> None:
    """Do the same while nobody else migrates the database, where it is known; ``Locked`` where somebody does."""
    if context.stack.migrations is None or context.stack.migrations.database is None:
        await run_phase(context, phase, release, service)
        return
    async with exclusive(context.ports, context.stack):
        await run_phase(context, phase, release, service)


async def still_runs(context: RunContext, phase: Phase, service: str = "") -> bool:
    """Tell whether the command of *phase* that a killed run began still works: ``run_phase`` waits for its end."""
    found = await context.ports.engine.container(job_name(context.stack.project, service or job(str(phase))))
    return found is not None and found.running


async def ask_pending(context: RunContext, release: ReleaseId) -> PendingState:
    """Return what the owner's ``pending`` of *release* says; ``SchemaBroken`` where it says that something is broken.

    It is asked once, until a command has run.
    """
    if context.schema.asked is not None:
        return context.schema.asked
    await _forget(context, job("pending"))  # its answer is of this moment: no earlier one's is taken
    status, lines = await _run(context, job("pending"), release, only_output=True)
    context.schema.asked = parse_pending(status, lines)
    if context.schema.asked is None:
        raise SchemaBroken(
            f"`pending` ended with status {status}: 0, 2 and 4 are understood",
            detail="\n".join(lines[-SHOWN:]),
            hint="0: all done, 2: an expand is next, 4: a contract is pending",
        )
    return context.schema.asked


async def print_sql(context: RunContext, phase: Phase, release: ReleaseId) -> str:
    """Return what the owner's command prints as the SQL of *phase*."""
    status, lines = await _run(context, job(f"sql-{phase}"), release, only_output=True)
    if status != 0:
        raise Failed(
            f"the command that prints the SQL of the {phase} phase ended with status {status}",
            detail="\n".join(lines[-SHOWN:]),
            hint="see `sql` under migrations in teal.yml",
        )
    return "\n".join(lines)


async def _forget(context: RunContext, service: str) -> None:
    """Remove the container of an earlier run of *service* that has ended."""
    found = await context.ports.engine.container(job_name(context.stack.project, service))
    if found is not None and not found.running:
        await context.ports.engine.remove(found.id)


async def _run(
    context: RunContext, service: str, release: ReleaseId, *, only_output: bool = False
) -> tuple[int, Sequence[str]]:
    """Run *service* of the one-shots of *release*; return its status and what it said."""
    lines: list[str] = []

    def told(line: str) -> None:
        lines.append(line)
        if not only_output:
            context.reporter.tool(line)

    file, project = context.ports.releases.once(release), once_project(context.stack.project)
    name = job_name(context.stack.project, service)
    status = await context.ports.compose.run_once(
        project, file, service, name=name, on_line=told, only_output=only_output
    )
    return status, lines
