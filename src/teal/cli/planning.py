"""The command that plans a migration: writes the files of one change of a column, from a sentence."""

from __future__ import annotations

import re
from pathlib import Path

import click

from teal.cli.group import Command
from teal.cli.results import answer
from teal.cli.session import Session
from teal.cli.show.planning import planned
from teal.core.migrations.draft import Draft, Series, read_sentence, series
from teal.errors import ConfigError, Usage

_NUMBER = re.compile(r"(\d{4,})_.*\.sql")
_EXAMPLE = """
teal migrate plan "rename reviews.author to reviews.writer text not null"
teal migrate plan "add reviews.stars integer not null default 0" --write migrations
"""


@click.command("plan", cls=Command, example=_EXAMPLE)
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
            f"the type of {change.table}.{change.new} isn't said",
            hint=f'say it, and "not null" where it is: "{sentence.strip()} text not null"',
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
