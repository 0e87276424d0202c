"""`teal migrate contract`, `undo` and `window`: what takes something from a schema, with its gate or alone with it.

The group migrate: the schema's own commands, for what a deploy does not do by itself.

The command that plans a migration: writes the files of one change of a column, from a sentence.
"""

from __future__ import annotations

import re
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from msgspec import structs

from teal.cli.group import HELP, TealCommand
from teal.cli.options import Purpose
from teal.cli.output import interactive
from teal.cli.results import answer, consent
from teal.cli.runner import look, perform
from teal.cli.session import Session
from teal.cli.show.migrate import planned
from teal.cli.timeouts import TIMES, with_options
from teal.core.migrations.draft import Draft, Series, read_sentence, series
from teal.core.model.units import Moment
from teal.errors import ConfigError, Usage
from teal.run.api import ContractOptions, DeployOptions

if TYPE_CHECKING:
    from teal.cli.runner import Action
    from teal.core.model.stack import ImageSource, Stack
    from teal.run.api import DeployResult
    from teal.run.context import EventSink, Ports
    from teal.run.migrations.results import ContractResult, MigrateCheckResult, MigrateResult, MigrateStatus


_YES = click.option("-y", "--yes", is_flag=True, help="Don't ask.")
_DRY_CONTRACT = click.option("--dry-run", is_flag=True, help="Say what would be done, and change nothing.")


@click.command(cls=TealCommand, example="teal migrate contract --dry-run\nteal migrate contract 0007_writer --give-up")
@click.argument("name", required=False, default="")
@click.option("--give-up", is_flag=True, help="Give up the rollback to older releases, as cleanup would.")
@click.option("--trust", multiple=True, metavar="ORIGIN", help="Vouch for sessions from a pooler: its name or address.")
@click.option("--soft", is_flag=True, help="Rename the columns to tombstones first: `undo` brings them back.")
@_DRY_CONTRACT
@_YES
@click.pass_obj
def contract(
    session: Session, /, *, name: str, give_up: bool, trust: tuple[str, ...], soft: bool, dry_run: bool, yes: bool
) -> None:
    """Run the open contract NAME, the first one where none is named, if its gate is open.

    Shows each condition of the gate with the evidence for it. From then on no release that needs what the contract
    removes comes back: the rollback floor rises before it runs.
    """
    from teal.cli.show.migrate import contracted

    options = ContractOptions(dry_run=True, soft=soft, give_up=give_up, trusted=frozenset(trust))
    if dry_run or not yes:
        seen = look(session, Purpose.CHANGE, _contract(name, options))
        if dry_run:
            answer(session, seen, contracted)
            return
        click.echo(contracted(seen), err=True)
        options, name = structs.replace(options, give_up=_gives_up(seen, asked=give_up)), seen.contract
        consent(session, f"Run {name}?", refusal=f"{name} removes something from the schema for good", default=False)
    answer(
        session, perform(session, _contract(name, structs.replace(options, dry_run=False, confirmed=True))), contracted
    )


def _contract(name: str, options: ContractOptions) -> Action[ContractResult]:
    async def run(ports: Ports, stack: Stack, watch: EventSink) -> ContractResult:
        from teal.run.commands.migrate import migrate_contract

        return await migrate_contract(ports, stack, name, options, watch)

    return run


def _gives_up(seen: ContractResult, *, asked: bool) -> bool:
    """Tell whether the way back to older releases is given up: said so already, or by a person who is asked now."""
    if asked or not seen.gives_up or not interactive():
        return asked
    which = ", ".join(map(str, seen.gives_up))
    return click.confirm(f"Give up the rollback to release {which}?", default=False)


@click.command(cls=TealCommand, example="teal migrate undo 0007_writer")
@click.argument("name")
@click.pass_obj
def undo(session: Session, /, *, name: str) -> None:
    """Bring back what `contract --soft` of NAME took away; the rollback floor falls to where it was."""
    from teal.cli.show.migrate import contracted

    async def run(ports: Ports, stack: Stack, watch: EventSink) -> ContractResult:
        from teal.run.commands.migrate import migrate_undo

        return await migrate_undo(ports, stack, name, watch)

    answer(session, perform(session, run), contracted)


@click.command(cls=TealCommand, example="teal migrate window\nteal migrate window --maintenance")
@click.option("--maintenance", is_flag=True, help="Show users the maintenance page, rather than hold their requests.")
@click.option("--pull", "build", flag_value="pull", help="Pull images that are not built; build the others.")
@click.option("--no-build", "build", flag_value="none", help="Use the images that are there; build and pull nothing.")
@_DRY_CONTRACT
@_YES
@with_options(*TIMES)
@click.pass_obj
def window(session: Session, /, *, maintenance: bool, build: ImageSource | None, dry_run: bool, yes: bool) -> None:
    """Make the changes that no two releases can share, with a release of today's files, while nothing else runs.

    Users' requests are held, for 30 s at most, or turned away with a maintenance page; the old color is stopped, the
    database changed, the new color started and proved, and users let in. Where anything fails, the old color comes
    back as far as the database allows.
    """
    from teal.cli.show.deploy import outcome

    images: ImageSource = build or "build"
    options = DeployOptions(
        strategy="recreate", window=True, page=maintenance, force=True, build=images, dry_run=dry_run
    )
    if not (dry_run or yes):
        what = "see the maintenance page" if maintenance else "wait"
        consent(session, f"Users {what} meanwhile. Go on?", refusal=f"users {what} meanwhile", default=False)
    answer(session, _deploy(session, options), outcome)


def _deploy(session: Session, options: DeployOptions) -> DeployResult:
    async def run(ports: Ports, stack: Stack, watch: EventSink) -> DeployResult:
        from teal.run.commands.deploy import deploy

        return await deploy(ports, stack, options, watch)

    return look(session, Purpose.JUDGE, run) if options.dry_run else perform(session, run)


_NUMBER = re.compile(r"(\d{4,})_.*\.sql")
_EXAMPLE = """
teal migrate plan "rename reviews.author to reviews.writer text not null"
teal migrate plan "add reviews.stars integer not null default 0" --write migrations
"""


@click.command("plan", cls=TealCommand, example=_EXAMPLE)
@click.argument("sentence", metavar="CHANGE")
@click.option("--hypertable", is_flag=True, help="The table is a hypertable of TimescaleDB.")
@click.option(
    "--write", "folder", type=click.Path(path_type=Path), metavar="FOLDER", help="Write the files, don't print them."
)
@click.pass_obj
def plan(session: Session, /, *, sentence: str, hypertable: bool, folder: Path | None) -> None:
    """Print the files that carry one CHANGE of a column through expand, backfill and contract, losing no write.

    All are committed with the release that uses the new shape. The release before it may come back at any time until
    the contract has run: while the change is open, a trigger keeps both columns in step.
    """
    change = read_sentence(sentence)
    if change.kind == "rename" and not change.type:
        raise ConfigError(
            f"the type of {change.table}.{change.new} is missing",
            hint=f'add it, and "not null" where that holds: "{sentence.strip()} text not null"',
        )
    drafts = series(change, _next_number(folder), hypertable=hypertable)
    if folder is not None:
        _write(folder, drafts)
    answer(session, Series(drafts, written=folder is not None), planned)


def _next_number(folder: Path | None) -> int:
    there = sorted(folder.glob("*.sql")) if folder is not None and folder.is_dir() else []
    return 1 + max((int(found[1]) for path in there if (found := _NUMBER.fullmatch(path.name))), default=0)


def _write(folder: Path, drafts: tuple[Draft, ...]) -> None:
    """Write all the files or none."""
    made: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for draft in drafts:
            made.append(folder / draft.name)  # its number is a new one: it can't be there
            made[-1].write_text(draft.sql, encoding="utf-8")
    except OSError as error:
        for path in made:
            path.unlink(missing_ok=True)
        raise Usage(f"the files can't be written to {folder}: {error.strerror}", hint="name another folder") from error


_DRY = click.option("--dry-run", is_flag=True, help="Print the steps and what is due, and change nothing.")


@click.group("migrate", context_settings=HELP)
def migrate() -> None:
    """Change the schema of the database in phases that no release suffers from.

    A deploy judges, expands and backfills by itself; `contract` comes later, through its gate.
    """


@migrate.command("status", cls=TealCommand, example="teal migrate status\nteal migrate status --exit-code")
@click.option(
    "--exit-code", is_flag=True, help="Exit with 0: all done, 1: broken, 2: expand is next, 4: contract, 6: unknown."
)
@click.pass_obj
def status(session: Session, /, *, exit_code: bool) -> int:
    """Say which files or revisions are pending, which changes are open and what their gate waits for."""
    from teal.cli.show.migrate import status as show

    async def run(ports: Ports, stack: Stack, watch: EventSink) -> MigrateStatus:
        from teal.run.commands.migrate import migrate_status

        return await migrate_status(ports, stack, watch)

    result = look(session, Purpose.JUDGE, run)
    answer(session, result, lambda found: show(found, now=Moment(time.time())))
    return result.status if exit_code else int(result.state == "broken")


@migrate.command("check", cls=TealCommand, example="teal migrate check")
@click.pass_obj
def check(session: Session, /) -> int:
    """Judge the SQL that is pending, and run none of it; exit status 1 where a deploy would refuse it.

    Each finding names file and line, whom it would hurt, and the safe way. Without a database, as in CI, all files
    are judged by what they say.
    """
    from teal.cli.show.migrate import checked

    async def run(ports: Ports, stack: Stack, watch: EventSink) -> MigrateCheckResult:
        from teal.run.commands.migrate import migrate_check

        return await migrate_check(ports, stack, watch)

    result = look(session, Purpose.JUDGE, run)
    answer(session, result, checked)
    return 0 if result.safe else 1


@migrate.command("expand", cls=TealCommand, example="teal migrate expand")
@_DRY
@click.pass_obj
def expand(session: Session, /, *, dry_run: bool) -> None:
    """Judge and run the expand phase from a newly built image, then check the release that serves on the new schema.

    A deploy does the same; this is for whoever wants to migrate first and deploy later.
    """

    async def run(ports: Ports, stack: Stack, watch: EventSink) -> MigrateResult:
        from teal.run.commands.migrate import migrate_expand

        return await migrate_expand(ports, stack, watch, dry_run=dry_run)

    _alone(session, run, dry_run=dry_run)


@migrate.command("backfill", cls=TealCommand, example="teal migrate backfill")
@_DRY
@click.pass_obj
def backfill(session: Session, /, *, dry_run: bool) -> None:
    """Fill rows in batches beside the traffic; one that was interrupted goes on where it was."""

    async def run(ports: Ports, stack: Stack, watch: EventSink) -> MigrateResult:
        from teal.run.commands.migrate import migrate_backfill

        return await migrate_backfill(ports, stack, watch, dry_run=dry_run)

    _alone(session, run, dry_run=dry_run)


def _alone(session: Session, phase: Action[MigrateResult], *, dry_run: bool) -> None:
    from teal.cli.show.migrate import migrated

    answer(session, look(session, Purpose.JUDGE, phase) if dry_run else perform(session, phase), migrated)


for each in (contract, undo, window, plan):
    migrate.add_command(each)
