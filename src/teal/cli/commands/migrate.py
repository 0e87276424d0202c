"""`teal migrate contract`, `undo` and `window`: what takes something from a schema, with its gate or alone with it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import click

from teal.cli.group import Command
from teal.cli.options import Purpose
from teal.cli.output import interactive
from teal.cli.results import answer, consent
from teal.cli.runner import look, nobody, perform
from teal.cli.timeouts import TIMES, with_options
from teal.run.options import ContractOptions, DeployOptions

if TYPE_CHECKING:
    from teal.cli.library import Library
    from teal.cli.session import Session
    from teal.core.choices import Images
    from teal.core.model.stack import Stack
    from teal.run.api import Contracted, Outcome
    from teal.run.ports import Ports, Watch

_YES = click.option("-y", "--yes", is_flag=True, help="Don't ask.")
_DRY = click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")


@click.command(cls=Command, example="teal migrate contract --dry-run\nteal migrate contract 0007_writer --give-up")
@click.argument("name", required=False, default="")
@click.option("--give-up", is_flag=True, help="Give up the rollback to older releases, as cleanup would.")
@click.option("--trust", multiple=True, metavar="ORIGIN", help="Vouch for sessions from a pooler: its name or address.")
@click.option("--soft", is_flag=True, help="Rename the columns to tombstones first: `undo` brings them back.")
@_DRY
@_YES
@click.pass_obj
def contract(
    session: Session, /, *, name: str, give_up: bool, trust: tuple[str, ...], soft: bool, dry_run: bool, yes: bool
) -> None:
    """Run the open contract NAME, the first one where none is named, if its gate is open.

    Shows each condition of the gate with the evidence for it. From then on no release that needs what the contract
    removes comes back: the rollback floor rises before it runs.
    """
    from teal.cli.show.contracting import contracted

    options = ContractOptions(dry_run=True, soft=soft, give_up=give_up, trusted=frozenset(trust))
    if dry_run or not yes:
        seen = _seen(session, name, options)
        if dry_run:
            answer(session, seen, contracted)
            return
        click.echo(contracted(seen), err=True)
        options, name = replace(options, give_up=_gives_up(seen, asked=give_up)), seen.contract
        consent(session, f"Run {name}?", refusal=f"{name} takes something from the schema for good", default=False)
    answer(session, _run(session, name, replace(options, dry_run=False, confirmed=True)), contracted)


def _seen(session: Session, name: str, options: ContractOptions) -> Contracted:
    async def action(library: Library, ports: Ports, stack: Stack) -> Contracted:
        return await library.migrate_contract(ports, stack, name, options, nobody)

    return look(session, Purpose.CHANGE, action)


def _run(session: Session, name: str, options: ContractOptions) -> Contracted:
    async def action(library: Library, ports: Ports, stack: Stack, watch: Watch) -> Contracted:
        return await library.migrate_contract(ports, stack, name, options, watch)

    return perform(session, action)


def _gives_up(seen: Contracted, *, asked: bool) -> bool:
    """Tell whether the way back to older releases is given up: said so already, or by a person who is asked now."""
    if asked or not seen.gives_up or not interactive():
        return asked
    which = ", ".join(map(str, seen.gives_up))
    return click.confirm(f"Give up the rollback to release {which}?", default=False)


@click.command(cls=Command, example="teal migrate undo 0007_writer")
@click.argument("name")
@click.pass_obj
def undo(session: Session, /, *, name: str) -> None:
    """Bring back what `contract --soft` of NAME took away; the rollback floor falls to where it was."""
    from teal.cli.show.contracting import contracted

    answer(
        session,
        perform(session, lambda library, ports, stack, watch: library.migrate_undo(ports, stack, name, watch)),
        contracted,
    )


@click.command(cls=Command, example="teal migrate window\nteal migrate window --maintenance")
@click.option("--maintenance", is_flag=True, help="Show users the maintenance page, rather than hold their requests.")
@click.option("--pull", "build", flag_value="pull", help="Pull images that are not built; build the others.")
@click.option("--no-build", "build", flag_value="none", help="Take the images that are there.")
@_DRY
@_YES
@with_options(*TIMES)
@click.pass_obj
def window(session: Session, /, *, maintenance: bool, build: Images | None, dry_run: bool, yes: bool) -> None:
    """Make the changes that no two releases can share, with a release of today's files, while nothing else runs.

    Users' requests are held, for 30 s at most, or turned away with a maintenance page; the old color is stopped, the
    database changed, the new color started and proved, and users let in. Where anything fails, the old color comes
    back as far as the database allows.
    """
    from teal.cli.show.deploy import outcome

    images: Images = build or "build"
    options = DeployOptions(
        strategy="recreate", window=True, page=maintenance, force=True, build=images, dry_run=dry_run
    )
    if not (dry_run or yes):
        what = "turned away" if maintenance else "held"
        consent(session, f"Users are {what} meanwhile. Go on?", refusal=f"users are {what} meanwhile", default=False)
    answer(session, _deploy(session, options), outcome)


def _deploy(session: Session, options: DeployOptions) -> Outcome:
    async def judge(library: Library, ports: Ports, stack: Stack) -> Outcome:
        return await library.deploy(ports, stack, options, nobody)

    async def change(library: Library, ports: Ports, stack: Stack, watch: Watch) -> Outcome:
        return await library.deploy(ports, stack, options, watch)

    return look(session, Purpose.JUDGE, judge) if options.dry_run else perform(session, change)
