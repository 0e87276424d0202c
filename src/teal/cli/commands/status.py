"""The commands that only look: status, history, check."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import click

from teal.cli.group import TealCommand
from teal.cli.options import Purpose
from teal.cli.results import answer
from teal.cli.runner import look
from teal.cli.session import Session
from teal.core.model.units import Moment

if TYPE_CHECKING:
    from teal.core.model.stack import Stack
    from teal.run.api import CheckResult, History, RunLog, Status
    from teal.run.context import EventSink, Ports


@click.command(cls=TealCommand, example="teal status --json")
@click.pass_obj
def status(session: Session, /) -> None:
    """Say what the engine and the proxy show now: colors, releases, services, the lock, the way back."""

    async def run(ports: Ports, stack: Stack, _: EventSink) -> Status:
        from teal.run.commands.status import status

        return await status(ports, stack)

    result = look(session, Purpose.LOOK, run)
    from teal.cli.show.status import status as show

    answer(session, result, lambda found: show(found, now=Moment(time.time())))


@click.command(cls=TealCommand, example="teal history --limit 5\nteal history 57")
@click.argument("run", type=click.IntRange(min=1), required=False)
@click.option("-n", "--limit", type=click.IntRange(min=1), default=20, show_default=True, help="How many at most.")
@click.pass_obj
def history(session: Session, /, *, limit: int, run: int | None) -> None:
    """List what has changed this stack: outcome and duration, the latest first; of one RUN all that it said."""
    if run is not None:
        _log(session, run)
        return
    from teal.cli.show.status import history as show

    async def past(ports: Ports, _: Stack, __: EventSink) -> History:
        from teal.run.api import History
        from teal.run.commands.status import history

        return History(history(ports, limit))

    answer(session, look(session, Purpose.LOOK, past), show)


def _log(session: Session, number: int) -> None:
    """Say what run *number* has told."""
    from teal.cli.show.status import run_log as show

    async def read(ports: Ports, _: Stack, __: EventSink) -> RunLog:
        from teal.run.commands.status import log_of

        return log_of(ports, number)

    answer(session, look(session, Purpose.LOOK, read), show)


@click.command(cls=TealCommand, example="teal check")
@click.pass_obj
def check(session: Session, /) -> int:
    """Judge configuration and machine without changing anything; exit status 1 where a deploy would be refused."""
    from teal.cli.show.status import check as show

    async def run(ports: Ports, stack: Stack, _: EventSink) -> CheckResult:
        from teal.run.commands.check import check

        return await check(ports, stack)

    result = look(session, Purpose.READ, run)
    answer(session, result, show)
    return 0 if result.ready else 1
