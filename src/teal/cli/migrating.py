"""The group migrate: the schema's own commands, for what a deploy does not do by itself."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Protocol

import click

from teal.cli.commands.migrate import contract, undo, window
from teal.cli.group import HELP, Command
from teal.cli.options import Purpose
from teal.cli.planning import plan
from teal.cli.results import answer
from teal.cli.runner import look, nobody, perform
from teal.cli.session import Session

if TYPE_CHECKING:
    from teal.cli.library import Library
    from teal.core.model.stack import Stack
    from teal.run.migrate_results import Migrated
    from teal.run.ports import Ports, Watch

_DRY = click.option("--dry-run", is_flag=True, help="Print the steps and what is due, and change nothing.")


@click.group("migrate", context_settings=HELP)
def migrate() -> None:
    """Change the schema of the database in phases that no release suffers from.

    A deploy judges, expands and backfills by itself; `contract` comes later, through its gate.
    """


@migrate.command("status", cls=Command, example="teal migrate status\nteal migrate status --exit-code")
@click.option(
    "--exit-code", is_flag=True, help="Exit with 0: all done, 1: broken, 2: expand is next, 4: contract, 6: unknown."
)
@click.pass_obj
def status(session: Session, /, *, exit_code: bool) -> int:
    """Say which files or revisions are pending, which changes are open and what their gate waits for."""
    from teal.cli.show.migrate import status as show

    result = look(session, Purpose.JUDGE, lambda library, ports, stack: library.migrate_status(ports, stack, nobody))
    answer(session, result, lambda found: show(found, now=time.time()))
    return result.status if exit_code else int(result.state == "broken")


@migrate.command("check", cls=Command, example="teal migrate check")
@click.pass_obj
def check(session: Session, /) -> int:
    """Judge the SQL that is pending, and run none of it; exit status 1 where a deploy would refuse it.

    Each finding names file and line, whom it would hurt, and the safe way. Without a database, as in CI, all files
    are judged by what they say.
    """
    from teal.cli.show.migrate import checked

    result = look(session, Purpose.JUDGE, lambda library, ports, stack: library.migrate_check(ports, stack, nobody))
    answer(session, result, checked)
    return 0 if result.safe else 1


@migrate.command("expand", cls=Command, example="teal migrate expand")
@_DRY
@click.pass_obj
def expand(session: Session, /, *, dry_run: bool) -> None:
    """Judge and run the expand phase from a newly built image, then check the release that serves on the new schema.

    A deploy does the same; this is for whoever wants to migrate first and deploy later.
    """
    _alone(session, lambda library: library.migrate_expand, dry_run=dry_run)


@migrate.command("backfill", cls=Command, example="teal migrate backfill")
@_DRY
@click.pass_obj
def backfill(session: Session, /, *, dry_run: bool) -> None:
    """Fill rows in batches beside the traffic; one that was interrupted goes on where it was."""
    _alone(session, lambda library: library.migrate_backfill, dry_run=dry_run)


class _Phase(Protocol):
    """A command of the library that runs one phase alone."""

    def __call__(self, ports: Ports, stack: Stack, watch: Watch, *, dry_run: bool = False) -> Awaitable[Migrated]: ...


def _alone(session: Session, phase: Callable[[Library], _Phase], *, dry_run: bool) -> None:
    from teal.cli.show.migrate import migrated

    if dry_run:
        result = look(
            session,
            Purpose.JUDGE,
            lambda library, ports, stack: phase(library)(ports, stack, nobody, dry_run=True),
        )
    else:
        result = perform(session, lambda library, ports, stack, watch: phase(library)(ports, stack, watch))
    answer(session, result, migrated)


for each in (contract, undo, window, plan):
    migrate.add_command(each)
COMMANDS = {"migrate": migrate}
