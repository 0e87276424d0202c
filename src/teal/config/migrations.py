"""Turns the section ``migrations`` of ``teal.yml`` into the core's words, and finds the database that it means."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from teal.config.teal_yml import CommandLine, TealYml, shell
from teal.config.teal_yml import Migrations as Section
from teal.core.model.compose import Node, environment_of, last_part, services_in
from teal.core.model.duration import seconds
from teal.core.model.migrations import BY_STATISTICS, DatabaseAt, Migrations, Phase
from teal.core.model.stack import Role, Service, Stack
from teal.core.model.units import Seconds
from teal.errors import ConfigError

_URL = re.compile(r"postgres(?:ql)?(?:\+\w+)?://(?:[^@/\s]*@)?(?P<host>[^:/?\s]+)")
_SERVER = re.compile(r"postgres|timescale|postgis|pgvector|citus|paradedb|supabase", re.IGNORECASE)
_PHASES = (Phase.EXPAND, Phase.BACKFILL, Phase.CONTRACT, Phase.WINDOW)


def migrations_of(said: TealYml, stack: Stack, model: Node, folder: Path) -> Migrations | None:
    """Return what teal.yml says of schema changes, None for nothing; ConfigError where it can't be followed."""
    section = said.migrations
    if section is None:
        return None
    commands = _commands(section)
    _whole(section, commands)
    _right_services(section, stack)
    files = str((folder / section.files).resolve()) if section.files else ""
    database = _database(section, stack, services_in(model))
    if section.asserts and database is None:
        _wrong("which database `assert` asks is not known", "say it: `database: {url: web.DATABASE_URL}`")
    return Migrations(
        service=section.service,
        one_shot=section.one_shot,
        files=files,
        queries=_queries(section, folder),
        commands=commands,
        asserts=_listed(section.asserts),
        pending=shell(section.pending) if section.pending else (),
        prints=_by_phase(section.sql.expand, section.sql.backfill, section.sql.contract, section.sql.window),
        bookkeeping=tuple(section.judge.bookkeeping),
        harmless=tuple(section.judge.functions),
        database=database,
        contract_delay=_delay(section),
        backfill=section.backfill_when,
    )


def _queries(section: Section, folder: Path) -> str:
    """Return the file of the statements that are planned, or what stands in place of one."""
    if section.queries in ("", BY_STATISTICS):
        return section.queries
    return str((folder / section.queries).resolve())


def _listed(said: str | list[str]) -> tuple[str, ...]:
    return tuple(each for each in ([said] if isinstance(said, str) else said) if each.strip())


def _by_phase(*said: CommandLine | None) -> dict[Phase, tuple[str, ...]]:
    return {phase: shell(command) for phase, command in zip(_PHASES, said, strict=True) if command}


def _commands(section: Section) -> dict[Phase, tuple[str, ...]]:
    return _by_phase(section.expand, section.backfill, section.contract, section.window)


def _whole(section: Section, commands: Mapping[Phase, tuple[str, ...]]) -> None:
    """Raise ConfigError where nothing is said of what to run, or two things at once."""
    if section.files and (commands or section.one_shot or section.pending or section.service):
        _wrong("files are for Teal's own runner, which needs no service and no commands", "keep one of the two")
    if section.asserts and section.files:
        _wrong("`assert` is for a contract that a command runs", 'a file has its own: `-- teal: assert="SELECT …"`')
    if section.asserts and Phase.CONTRACT not in commands:
        _wrong("`assert` is for the gate before a contract, and no command runs one", "give it a command: contract: …")
    if section.one_shot and Phase.EXPAND in commands:
        _wrong("both one_shot and expand say what the expand phase is", "keep one of the two")
    if not section.files and not section.one_shot and Phase.EXPAND not in commands:
        _wrong("nothing says how to expand", "give it a command (expand: …), files: a directory, or a one_shot")
    if (commands or section.pending or section.sql != type(section.sql)()) and not section.service:
        _wrong("a command needs a service whose new image runs it", "add, for example, `service: web`")


def _wrong(message: str, hint: str) -> None:
    raise ConfigError(f"teal.yml: migrations: {message}", hint=hint)


def _right_services(section: Section, stack: Stack) -> None:
    """Raise ConfigError for a service that the stack hasn't, or that can't be what it is named for."""
    for key, name in (("service", section.service), ("one_shot", section.one_shot), *_of_database(section)):
        if name:
            _known(f"migrations.{key}", name, [each.name for each in stack.services])
    if section.service and stack.service(section.service).role in {Role.SHARED, Role.TOOL}:
        role = stack.service(section.service).role
        _wrong(f"{section.service} is {role}: no release has an image of it", "name one that rotates, or a one-shot")
    if section.one_shot and stack.service(section.one_shot).role is not Role.ONE_SHOT:
        role = stack.service(section.one_shot).role
        _wrong(f"{section.one_shot} is a {role}, no one-shot", f"say so under services: `{section.one_shot}: one-shot`")
    database = section.database.service
    if database and stack.service(database).role is not Role.SHARED:
        _wrong(
            f"the database {database} is a {stack.service(database).role}",
            "both colors need the same one: make it shared",
        )


def _of_database(section: Section) -> Iterator[tuple[str, str]]:
    yield "database.service", section.database.service
    yield "database.url", section.database.url.partition(".")[0]


def _known(key: str, name: str, names: Iterable[str]) -> None:
    known = sorted(names)
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f"did you mean {near[0]}?" if near else f"its services are {', '.join(known)}"
        raise ConfigError(f"teal.yml: {key}: the stack has no service {name}", hint=hint)


def _delay(section: Section) -> Seconds:
    try:
        return seconds(section.contract_delay) if section.contract_delay is not None else Seconds(0.0)
    except ValueError as error:
        raise ConfigError(f"teal.yml: migrations.contract_delay: {error}", hint="for example `24h`") from error


# --- the database


def _database(section: Section, stack: Stack, services: Mapping[str, Node]) -> DatabaseAt | None:
    """Return where the database is: as it is said, else by a variable that names a shared service, else the server."""
    shared = {each.name for each in stack.having(Role.SHARED)}
    if section.database.url:
        return _by_url(section.database.url, section.database.service, shared, services)
    wanted = {section.database.service} if section.database.service else shared
    asked = [section.service or section.one_shot] if not section.files else [each.name for each in stack.rotating]
    for of in asked:
        for variable, value in environment_of(services.get(of, {})).items():
            found = _URL.match(value)
            if found and found["host"] in wanted:
                return DatabaseAt(found["host"], of, variable)
    return _by_server(section, stack, wanted)


def _by_url(url: str, service: str, shared: set[str], services: Mapping[str, Node]) -> DatabaseAt:
    of, dot, variable = url.partition(".")
    value = environment_of(services.get(of, {})).get(variable, "")
    if not dot or not value:
        near = difflib.get_close_matches(variable, environment_of(services.get(of, {})), n=1)
        hint = f"did you mean {of}.{near[0]}?" if near else "write SERVICE.VARIABLE, for example `web.DATABASE_URL`"
        raise ConfigError(f"teal.yml: migrations.database.url: {of} has no variable {variable or '…'}", hint=hint)
    found = _URL.match(value)
    if not found:
        raise ConfigError(
            f"teal.yml: migrations.database.url: {url} is not the address of a PostgreSQL database",
            hint="it must begin with postgresql://",
        )
    server = service or found["host"]
    if server not in shared:
        raise ConfigError(
            f"teal.yml: migrations.database: {url} leads to {server}, which is not a shared service of the stack",
            hint="say which one is the database server: `database: {service: db, url: …}`",
        )
    return DatabaseAt(server, of, variable)


def _by_server(section: Section, stack: Stack, wanted: set[str]) -> DatabaseAt | None:
    """Return the one shared service that is a PostgreSQL server; ConfigError where one is needed and not told."""
    servers = [each.name for each in stack.having(Role.SHARED) if each.name in wanted and _is_server(each)]
    if section.database.service:
        return DatabaseAt(section.database.service)
    if len(servers) == 1:
        return DatabaseAt(servers[0])
    if section.files:
        which = f"{' or '.join(servers)}?" if servers else "no shared service is a PostgreSQL server by its image"
        raise ConfigError(
            f"teal.yml: migrations: which database do the files change: {which}",
            hint="say it: `database: {service: db}`, or `{url: web.DATABASE_URL}`",
        )
    return None


def _is_server(service: Service) -> bool:
    return bool(_SERVER.search(last_part(service.image)))


# --- what changes with a deploy


def digest_of(migrations: Migrations | None) -> bytes:
    """Return what tells these migrations from others: a deploy that brings a new file changes something."""
    if migrations is None:
        return b""
    digest = sha256(repr(replace(migrations, files="")).encode())  # a checkout may lie elsewhere
    for path in sorted(Path(migrations.files).glob("*.sql")) if migrations.files else ():
        try:
            digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
        except OSError as error:
            raise ConfigError(f"{path} can't be read: {error.strerror}", hint="make it readable for you") from error
    return digest.digest()
