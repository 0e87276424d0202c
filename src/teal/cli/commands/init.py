"""The command ``init``: writes what a first deploy would ask, and deploys nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from teal.cli.asking import answers, keep, row, written
from teal.cli.group import Command
from teal.cli.options import Purpose
from teal.cli.results import answer
from teal.cli.runner import look
from teal.cli.session import Session
from teal.run.api import InitResult

if TYPE_CHECKING:
    from teal.core.model.stack import Stack
    from teal.run.api import Understood
    from teal.run.context import EventSink, Ports


@click.command(cls=Command, example="teal init\nteal init --yes")
@click.option("-y", "--yes", is_flag=True, help="Don't ask: take what is proposed.")
@click.pass_obj
def init(session: Session, /, *, yes: bool) -> None:
    """Write teal.yml: what a first deploy would ask, and in comments what Teal has found by itself, and why.

    A teal.yml that is there keeps every byte of its own. Nothing is deployed.
    """
    from teal.cli import wiring
    from teal.cli.show.understood import new_file, summary

    understood = _understood(session)
    chosen = answers(session, understood.questions, yes=yes, command="teal init")
    path = wiring.teal_yml(session.options)
    before = wiring.text_of(path)
    keep(session, written(chosen), new=new_file(understood))
    after = wiring.text_of(path) or ""
    rows = tuple(map(row, understood.questions, chosen))
    outcome = "unchanged" if after == before else "written"
    result = InitResult(understood.project, outcome, str(path), after, rows)  # type: ignore[arg-type]
    answer(session, result, lambda found: f"{summary(understood)}\n\n{_said(found, refused=understood.refused)}")


def _said(result: InitResult, *, refused: bool) -> str:
    then = "teal check (something else stands in the way)" if refused else "teal deploy"
    if result.outcome == "unchanged":
        return f"{result.file} was left as it is: nothing has to be added; then: {then}"
    return f"{result.file} is written; then: {then}"


def _understood(session: Session) -> Understood:
    async def run(ports: Ports, stack: Stack, _: EventSink) -> Understood:
        from teal.run.commands.understand import understand

        return await understand(ports, stack)

    return look(session, Purpose.READ, run)
