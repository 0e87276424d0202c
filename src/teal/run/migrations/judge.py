"""Judges the SQL that a release brings, before any of it is run."""

from __future__ import annotations

import os
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from teal.core.judge.values import Catalog, Finding, Lint, Query, Script
from teal.core.migrations.files import pending, refuse_edited
from teal.core.model.migrations import BY_STATISTICS, Migrations, Phase
from teal.core.model.units import ReleaseId
from teal.errors import ConfigError, Failed, Refused, TealError
from teal.run.context import RunContext
from teal.run.migrations.database import files_of, migrations_of, opened
from teal.run.migrations.jobs import print_sql

NOW = frozenset({Phase.EXPAND, Phase.BACKFILL})  # the phases that a deploy runs


@dataclass(frozen=True, slots=True)
class Judgement:
    """What was judged, and what would hurt."""

    scripts: tuple[Script, ...]
    findings: tuple[Finding, ...]
    notes: tuple[str, ...] = ()
    untried: tuple[str, ...] = ()  # what the planner was not asked about

    @property
    def hurting(self) -> tuple[Finding, ...]:
        """Return the findings that no file excuses."""
        return tuple(each for each in self.findings if each.excused is None)

    def of(self, *phases: Phase) -> tuple[Finding, ...]:
        """Return the findings of scripts of *phases* that no file excuses."""
        names = {script.name for script in self.scripts if script.phase in phases}
        return tuple(each for each in self.hurting if each.script in names)


async def judge(context: RunContext, release: ReleaseId, phases: Collection[Phase] = NOW, only: str = "") -> bool:
    """Refuse what *phases* of *release* would break (of the change *only*); say what a later phase would."""
    found = await judged(context, release)
    for note in found.untried:
        context.reporter.note(note)
    for later in {Phase.CONTRACT, Phase.WINDOW} - {*phases} if not only else ():
        for finding in found.of(later):
            context.reporter.note(f"its {later} would be refused: {said(finding)}", warning=True)
    hurting = [each for each in found.of(*phases) if each.script.startswith((only, "sql."))]
    if hurting:
        raise Refused(
            f"unsafe schema change: {said(hurting[0])}",
            hint=f"{hurting[0].remedy}; `teal migrate check` shows all; nothing was run",
            detail="\n".join(said(each) for each in hurting[1:]),
        )
    return not found.scripts


def said(finding: Finding) -> str:
    """Return *finding* in a line."""
    return f"{finding.script}:{finding.line}: {finding.why} ({finding.rule})"


async def judged(context: RunContext, release: ReleaseId, *, offline: bool = False) -> Judgement:
    """Return what would hurt of what is pending, with its remedy. *offline*: a database that can't be asked is none."""
    migrations = migrations_of(context)
    notes: list[str] = []
    try:
        scripts, catalog = await _asked(context, migrations, release)
    except TealError as error:
        if not offline:
            raise
        notes.append(f"judged without the database: {error.message}")
        scripts, catalog = await _unasked(context, migrations, release), Catalog()
    if not migrations.files and Phase.EXPAND not in migrations.prints:
        notes.append("the SQL of the expand phase can't be judged: no command prints it (`sql` in teal.yml)")
    lint = Lint(bookkeeping=frozenset(migrations.bookkeeping), functions=frozenset(migrations.harmless))
    given = _given(context, migrations) if scripts else ()
    findings = _judge(scripts, catalog, lint)
    if catalog.asked and findings:
        findings = await _tried(context, scripts, catalog, lint, findings)
    untried: tuple[str, ...] = ()
    if migrations.queries and catalog.asked and not _hurts_early(scripts, findings):
        more, untried = await _planned(context, migrations, scripts, given)
        findings += more
    return Judgement(scripts, findings, tuple(notes), untried)


def _hurts_early(scripts: Sequence[Script], findings: Sequence[Finding]) -> bool:
    """Return whether an expand is refused anyway, so that it had better not be tried."""
    early = {script.name for script in scripts if script.phase is Phase.EXPAND}
    return any(each.excused is None and each.script in early for each in findings)


async def _tried(
    context: RunContext, scripts: Sequence[Script], catalog: Catalog, lint: Lint, findings: tuple[Finding, ...]
) -> tuple[Finding, ...]:
    """Return *findings* when what can't be read was tried on copies of the tables."""
    from teal.core.judge.attempts import wanted
    from teal.core.judge.evaluate import judge as find  # the grammar is slow to load

    attempts = wanted(scripts, catalog, lint, findings)
    if not attempts:
        return findings
    async with opened(context.ports, context.stack) as database:
        return find(scripts, catalog, lint, await database.tried(attempts))


def _given(context: RunContext, migrations: Migrations) -> tuple[Query, ...]:
    """Return the statements of the owner's file, where there is one; ``ConfigError`` where it can't be read."""
    if migrations.queries in ("", BY_STATISTICS):
        return ()
    from teal.core.judge.queries import read_queries  # the grammar is slow to load

    folder, name = os.path.split(migrations.queries)
    text = context.ports.machine.texts(folder, name).get(name)
    if text is None:
        hint = f"write the statements of your application into it, or say {BY_STATISTICS}"
        raise ConfigError(f"teal.yml: migrations.queries: there is no file {name}", hint=hint)
    return read_queries(text, name)


async def _planned(
    context: RunContext, migrations: Migrations, scripts: Sequence[Script], queries: tuple[Query, ...]
) -> tuple[tuple[Finding, ...], tuple[str, ...]]:
    """Return what is to be said of the statements of the release that serves, and what could not be tried.

    They are planned, and never run.
    """
    from teal.core.judge.queries import findings, parts, readable  # the grammar is slow to load

    tried, left = parts(scripts)
    notes = [f"left out when the statements of the release that serves were planned: {each}" for each in left]
    if not tried:
        return (), tuple(notes)
    async with opened(context.ports, context.stack) as database:
        if migrations.queries == BY_STATISTICS:
            counted = await database.statements()
            queries = readable(counted.queries)
            if counted.hidden:
                notes.append(f"{counted.hidden} statements of others can't be read: GRANT pg_read_all_stats")
        try:
            seen = await database.unplanned(tried, queries)
        except Failed as error:
            if not left:
                raise
            return (), (*notes, f"the statements of the release that serves were not planned: {error.message}")
    if seen.unknown:
        first = f"{seen.unknown[0].at}: {' '.join(seen.unknown[0].sql.split())[:60]}"
        notes.append(
            f"{len(seen.unknown)} of {len(queries)} statements can't be planned on today's schema either ({first})"
        )
    return findings(seen.unplanned, scripts), tuple(notes)


def _judge(scripts: Sequence[Script], catalog: Catalog, lint: Lint) -> tuple[Finding, ...]:
    if not scripts:
        return ()
    from teal.core.judge.evaluate import judge as find  # the grammar is slow to load, and mostly nothing is pending

    return find(scripts, catalog, lint)


async def _asked(context: RunContext, migrations: Migrations, release: ReleaseId) -> tuple[tuple[Script, ...], Catalog]:
    """Return what is to be judged, by what the database says; it isn't asked for a catalog where there is nothing."""
    if migrations.database is None:
        return await _printed(context, migrations, release), Catalog()
    scripts = () if migrations.files else await _printed(context, migrations, release)
    async with opened(context.ports, context.stack) as database:
        if migrations.files:
            files, applied = files_of(context.ports, migrations), await database.applied()
            refuse_edited(files, applied)
            scripts = tuple(Script(f"{f.name}.sql", f.phase, f.sql, f.transaction) for f in pending(files, applied))
        return scripts, await database.catalog() if scripts else Catalog()


async def _unasked(context: RunContext, migrations: Migrations, release: ReleaseId) -> tuple[Script, ...]:
    if migrations.files:
        files = files_of(context.ports, migrations)
        return tuple(Script(f"{each.name}.sql", each.phase, each.sql, each.transaction) for each in files)
    return await _printed(context, migrations, release)


async def _printed(context: RunContext, migrations: Migrations, release: ReleaseId) -> tuple[Script, ...]:
    """Return what the owner's commands print."""
    found: list[Script] = []
    for phase in migrations.prints:
        text = await print_sql(context, phase, release)
        if text.strip():
            found.append(Script(f"sql.{phase}", phase, text))
    return tuple(found)
