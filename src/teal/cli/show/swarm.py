"""Says what was done on a Swarm, and what it shows now."""

from __future__ import annotations

from teal.cli.show.text import paint, seconds, table
from teal.run.commands.swarm import SwarmResult, SwarmStatus, UpResult


def result(found: SwarmResult) -> str:
    """Return how a command ended."""
    live = f", live after {seconds(found.live)}" if found.live is not None else ""
    head = f"{paint('✓', 'green')} {found.command} {found.project}: release {found.release} is {found.color}"
    return "\n".join([f"{head}{live}, done after {seconds(found.took)}", *found.notes])


def up(found: UpResult) -> str:
    """Return what runs now."""
    return f"{paint('✓', 'green')} {found.project}: {', '.join(found.services)} on the edges {', '.join(found.edges)}"


def status(found: SwarmStatus) -> str:
    """Return nodes, edges and tasks."""
    serves = f"release {found.release} ({found.active})" if found.active else "nothing was deployed yet"
    back = f", back to {found.back}: teal swarm rollback" if found.back else ""
    lines = [f"{paint(found.project, bold=True)}: {serves}{back}"]
    if found.holder:
        lines.append(f"{found.holder} works on this stack")
    if found.interrupted:
        lines.append(f"{found.interrupted} was interrupted: the next command goes on from there")
    edges = [
        (row.node, row.state, row.says or "holds its requests, or does not answer", "" if row.follows else "behind")
        for row in found.edges
    ]
    tasks = [(task.service, task.node, task.state, task.release) for task in found.tasks]
    return "\n".join(
        [
            *lines,
            "",
            table(("EDGE", "NODE IS", "SENDS USERS TO", ""), edges),
            "",
            table(("SERVICE", "NODE", "TASK", "RELEASE"), tasks),
        ]
    )
