"""The command ``init``: writes what a first deploy would ask, and deploys nothing."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

import click

from teal.cli.asking import keep, row, settle
from teal.cli.group import TealCommand
from teal.cli.options import Purpose
from teal.cli.results import answer
from teal.cli.runner import look
from teal.cli.session import Session
from teal.errors import Refused
from teal.run.api import InitResult

if TYPE_CHECKING:
    from teal.config.prepare_caddy import Prepared
    from teal.core.model.proposal import Choice, Proposal
    from teal.core.model.stack import Stack
    from teal.run.api import Understood
    from teal.run.context import EventSink, Ports


_WATCH = """\
# A new release is watched for so long, and goes back by itself where it is worse; 0: not at all.
bake: 1m
"""


@click.command(cls=TealCommand, example="teal init\nteal init --write")
@click.option("-y", "--yes", is_flag=True, help="Don't ask: take what is proposed.")
@click.option(
    "--write", is_flag=True, help="Prepare the stack's own Caddy, too: import and mounts, all else unchanged."
)
@click.pass_obj
def init(session: Session, /, *, yes: bool, write: bool) -> None:
    """Write teal.yml: what a first deploy would ask, and in comments what Teal has found by itself, and why.

    A teal.yml that is there keeps every byte of its own. Where the stack has a Caddy, what it needs to be switched
    without Teal's own proxy is printed as a diff; --write applies it. Nothing is deployed.
    """
    from teal.cli import wiring
    from teal.cli.show.understood import new_file, summary

    understood, stack = _understood(session)
    prepared = wiring.prepared(session.options, stack)
    if write:
        _apply(prepared)
    path = wiring.teal_yml(session.options)
    before = wiring.text_of(path)
    asked: dict[Proposal, Choice] = {}
    while settled := settle(session, understood, yes=yes, command="teal init", asked=set(asked)):
        asked |= settled
        understood, stack = _understood(session)
    keep(session, {}, new=new_file(understood))
    if before is None:  # who begins today is watched over; a file that was there keeps its mind
        wiring.write(path, f"{wiring.text_of(path)}{_WATCH}")
    after = wiring.text_of(path) or ""
    outcome: Literal["written", "unchanged"] = "unchanged" if after == before else "written"
    rows = tuple(row(question, choice) for question, choice in asked.items())
    diff = "".join(change.diff(Path(stack.directory)) for change in prepared.changes)
    notes = _notes(prepared, stack, applied=write)
    result = InitResult(
        understood.project, outcome, str(path), after, rows, diff, applied=write and bool(diff), notes=notes
    )
    answer(session, result, lambda found: f"{summary(understood)}\n\n{_said(found, refused=understood.refused)}")


def _apply(prepared: Prepared) -> None:
    """Write what the stack's own Caddy needs; all of it, or nothing."""
    from teal.cli import wiring

    if prepared.by_hand and prepared.changes:
        listed = "\n".join(prepared.by_hand)
        raise Refused(
            "the Caddyfile has lines that only you can change", hint=f"change these first, then try again:\n{listed}"
        )
    for change in prepared.changes:
        wiring.write(change.path, change.after)


def _notes(prepared: Prepared, stack: Stack, *, applied: bool) -> tuple[str, ...]:
    if not prepared.changes:
        return ()
    if applied:
        return (f"`teal up {stack.caddy}` restarts {stack.caddy} with it, once",)
    return (
        "your Caddy could be switched directly, without Teal's own proxy (one hop less): "
        "`teal init --write` makes these changes",
        *prepared.by_hand,
    )


def _said(result: InitResult, *, refused: bool) -> str:
    then = "teal check (something else stands in the way)" if refused else "teal deploy"
    made = "was left as it is: nothing has to be added" if result.outcome == "unchanged" else "is written"
    head = "changed:" if result.applied else ""
    parts = [head, result.diff.rstrip(), *result.notes, f"{result.file} {made}; then: {then}"]
    return "\n".join(part for part in parts if part)


def _understood(session: Session) -> tuple[Understood, Stack]:
    async def run(ports: Ports, stack: Stack, _: EventSink) -> tuple[Understood, Stack]:
        from teal.run.commands.understand import understand

        return await understand(ports, stack), stack

    return look(session, Purpose.READ, run)
