"""Does: runs the commands of migrations, each in a container of its own from the new image, which outlives Teal."""

from __future__ import annotations

import re
from collections.abc import Sequence

from teal.core.migrations.contracts import Asked, understood
from teal.core.model.migrations import Phase, job
from teal.core.model.side import job_name, once_project
from teal.errors import Failed, SchemaBroken
from teal.run.context import Scene
from teal.run.migrations.database import exclusive

TRIES = 10  # of a command that did not get its lock
SHOWN = 20  # last lines of a command that failed
_BUSY = re.compile(r"55P03|40P01|lock timeout|deadlock detected", re.IGNORECASE)


async def run_phase(scene: Scene, phase: Phase, release: int, service: str = "") -> None:
    """Run the command of *phase* of *release*, or the one-shot *service*, to its end; ``Failed`` where it fails.

    One that did not get its lock, as its own words tell, is run again.
    """
    service, scene.asked = service or job(str(phase)), None
    for tries in range(1, TRIES + 1):
        status, lines = await _run(scene, service, release)
        if status == 0:
            return
        if tries == TRIES or not _BUSY.search("\n".join(lines[-SHOWN:])):
            break
        scene.note(f"the {phase} command did not get its lock: try {tries + 1} of {TRIES}")
        await scene.ports.clock.sleep(0.2 * tries)
    raise Failed(
        f"the {phase} phase ended with status {status}",
        detail="\n".join(lines[-SHOWN:]),
        hint="what it has applied stays, and the active release can live with it",
    )


async def run_exclusively(scene: Scene, phase: Phase, release: int, service: str = "") -> None:
    """Do the same while nobody else migrates the database, where it is known; ``Locked`` where somebody does."""
    if scene.stack.migrations is None or scene.stack.migrations.database is None:
        await run_phase(scene, phase, release, service)
        return
    async with exclusive(scene.ports, scene.stack):
        await run_phase(scene, phase, release, service)


async def still_runs(scene: Scene, phase: Phase, service: str = "") -> bool:
    """Tell whether the command of *phase* that a killed run began still works: ``run_phase`` waits for its end."""
    found = await scene.ports.engine.container(job_name(scene.stack.project, service or job(str(phase))))
    return found is not None and found.running


async def ask_pending(scene: Scene, release: int) -> Asked:
    """Return what the owner's ``pending`` of *release* says; ``SchemaBroken`` where it says that something is broken.

    It is asked once, until a command has run.
    """
    if scene.asked is not None:
        return scene.asked
    await _forget(scene, job("pending"))  # its answer is of this moment: no earlier one's is taken
    status, lines = await _run(scene, job("pending"), release, only_output=True)
    scene.asked = understood(status, lines)
    if scene.asked is None:
        raise SchemaBroken(
            f"`pending` ended with status {status}: 0, 2 and 4 are understood",
            detail="\n".join(lines[-SHOWN:]),
            hint="0: all done, 2: an expand is next, 4: a contract is pending",
        )
    return scene.asked


async def print_sql(scene: Scene, phase: Phase, release: int) -> str:
    """Return what the owner's command prints as the SQL of *phase*."""
    status, lines = await _run(scene, job(f"sql-{phase}"), release, only_output=True)
    if status != 0:
        raise Failed(
            f"the command that prints the SQL of the {phase} phase ended with status {status}",
            detail="\n".join(lines[-SHOWN:]),
            hint="see `sql` under migrations in teal.yml",
        )
    return "\n".join(lines)


async def _forget(scene: Scene, service: str) -> None:
    """Remove the container of an earlier run of *service* that has ended."""
    found = await scene.ports.engine.container(job_name(scene.stack.project, service))
    if found is not None and not found.running:
        await scene.ports.engine.remove(found.id)


async def _run(scene: Scene, service: str, release: int, *, only_output: bool = False) -> tuple[int, Sequence[str]]:
    """Run *service* of the one-shots of *release*; return its status and what it said."""
    lines: list[str] = []

    def told(line: str) -> None:
        lines.append(line)
        if not only_output:
            scene.tool(line)

    file, project = scene.ports.releases.once(release), once_project(scene.stack.project)
    name = job_name(scene.stack.project, service)
    status = await scene.ports.compose.run_once(project, file, service, name=name, told=told, only_output=only_output)
    return status, lines
