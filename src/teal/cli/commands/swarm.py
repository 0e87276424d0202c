"""The group swarm: a stack on several machines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from teal.cli.group import HELP, TealCommand
from teal.cli.options import Purpose
from teal.cli.results import answer
from teal.cli.runner import look
from teal.cli.session import Session

if TYPE_CHECKING:
    from teal.core.model.stack import Stack
    from teal.run.api import CheckResult
    from teal.run.context import EventSink, Ports


@click.group(context_settings=HELP, epilog="Then: docs/swarm.md")
def swarm() -> None:
    """Run the stack on a Docker Swarm of several machines."""


@swarm.command("check", cls=TealCommand, example="teal swarm check --json")
@click.pass_obj
def check(session: Session, /) -> int:
    """Judge whether the stack could run on a Swarm: from its files alone, nothing is asked and nothing changed.

    Refuses with the reason what a stack file would drop in silence, or open to the world. Exit status 1 where anything
    keeps the stack from a Swarm.
    """
    from teal.cli.show.status import check as show

    async def run(_: Ports, stack: Stack, __: EventSink) -> CheckResult:
        from teal.config.swarm import project_files
        from teal.run.commands.swarm_check import judge

        return judge(stack, project_files(stack))

    result = look(session, Purpose.READ, run)
    answer(session, result, show)
    return 0 if result.ready else 1
