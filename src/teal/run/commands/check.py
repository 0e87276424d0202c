"""``check``: judges configuration, machine and proxy, and changes nothing.

Of migrations it looks whether this machine can carry them out; no database is asked.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from teal.core.checks.admission import by_files, by_sight
from teal.core.checks.machine import check_room
from teal.core.checks.stack import problems
from teal.core.model.migrations import Migrations
from teal.core.model.observed import Observed
from teal.core.model.problem import Problem, demand
from teal.core.model.stack import Role, Service, Stack
from teal.core.model.versions import engine_version
from teal.core.planning.recovery import diagnose
from teal.core.planning.transition import source_of
from teal.core.planning.wording import ready_by
from teal.core.rendering.files import live_mounts
from teal.core.rendering.networks import GATEWAYS
from teal.core.services.external import External
from teal.core.services.ways_in import taken, who
from teal.errors import ConfigError, TealError, Unavailable
from teal.ports import Holder
from teal.run.api import CheckResult, Finding, RoleRow
from teal.run.commands.check_proxy import proxy_problems
from teal.run.context import Ports
from teal.run.migrations.database import files_of
from teal.run.observe import Outdated, differences, missing_of, observe_beside, outdated
from teal.run.steps.prepare import room

_PLACE = "teal.yml: migrations"


def schema_problems(ports: Ports, stack: Stack) -> Iterator[Problem]:
    """Yield what is wrong or worth knowing."""
    migrations = stack.migrations
    if migrations is None:
        return
    missing = ports.databases.missing() if _needs_libraries(migrations) else ()
    if missing:
        message = f"schema changes need {' and '.join(missing)}, not installed beside Teal"
        yield Problem("error", "", message, "pip install 'teal-deploy[migrations]'", _PLACE)
    yield from _files(ports, migrations)
    if migrations.database is None:
        what = "which database the commands change is not known: none is asked, no second runner is kept out"
        yield Problem("warning", "", what, "say it: `database: {url: web.DATABASE_URL}`", _PLACE)


def _needs_libraries(migrations: Migrations) -> bool:
    return bool(migrations.files or migrations.database or migrations.prints)


def _files(ports: Ports, migrations: Migrations) -> Iterator[Problem]:
    if migrations.files:
        try:
            files_of(ports, migrations)
        except ConfigError as error:
            yield Problem("error", "", error.message, error.hint, _PLACE)
    elif not migrations.prints:
        what = "no command prints the SQL: a deploy runs it unjudged"
        yield Problem(
            "warning", "", what, "name one under `sql`, for example `alembic upgrade expand@head --sql`", _PLACE
        )


async def check(ports: Ports, stack: Stack) -> CheckResult:
    """Return the roles with their reasons, and everything that would stop or trouble a deploy."""
    try:
        engine = engine_version((await ports.engine.info()).version)
    except Unavailable as away:
        return _result(stack, (*_by_files(ports, stack, GATEWAYS), _unasked(away)), engine=False)
    return _result(stack, [*_by_files(ports, stack, engine), *await _by_sight(ports, stack)])


def _by_files(ports: Ports, stack: Stack, engine: tuple[int, int]) -> Iterator[Problem]:
    """Yield what shows with no engine asked; for one of this version."""
    yield from by_files(stack, engine, ports.proxy.folder)
    yield from schema_problems(ports, stack)
    yield from _home(ports)
    yield from _mounts(stack)


def _unasked(away: Unavailable) -> Problem:
    message = (
        f"{away.message}; only the files were judged: not what runs, which images, volumes and networks are there, "
    )
    return Problem("note", "", f"{message}how Caddy reads its configuration, and what room there is", away.hint)


async def _by_sight(ports: Ports, stack: Stack) -> list[Problem]:
    """Return what engine, proxy and machine show."""
    found: list[Problem] = []
    observed, holder = await observe_beside(ports, stack)
    found += by_sight(observed, stack, busy=holder is not None)
    found += _working(holder) if holder else _unfinished(observed, stack)
    found += await _external(ports, stack)
    differing, said = await _outdated(ports, stack, observed)
    found += said
    found += await proxy_problems(ports, stack, observed, changed=differing.services.get(stack.proxy, ""))
    return [*found, *([] if holder else await _room(ports, stack, observed))]


def _result(stack: Stack, found: Iterable[Problem], *, engine: bool = True) -> CheckResult:
    order = ("error", "warning", "note")
    findings = tuple(sorted(dict.fromkeys(map(_finding, found)), key=lambda finding: order.index(finding.level)))
    ready = all(each.level != "error" for each in findings)
    roles = tuple(map(role_row, stack.services))
    return CheckResult(stack.project, roles, findings, ready, engine, who(stack.front, stack.entrances), takes(stack))


def takes(stack: Stack) -> tuple[str, ...]:
    """Return what Teal's own proxy takes over, in words; nothing where the stack's own switches."""
    return tuple(map(taken, stack.entrances)) if stack.own else ()


async def refuse(ports: Ports, stack: Stack) -> tuple[Problem, ...]:
    """Return the warnings about the files of *stack*; raise ``Refused`` for what can't be rotated or switched."""
    engine = engine_version((await ports.engine.info()).version)
    wrong = (each for each in schema_problems(ports, stack) if each.level == "error")
    demand(problems(stack, engine))  # first: what the proxy's files lack mostly follows from it
    return demand((*by_files(stack, engine, ports.proxy.folder), *wrong))


def _finding(problem: Problem) -> Finding:
    return Finding(problem.level, problem.place or problem.service, problem.message, problem.remedy)


def role_row(service: Service) -> RoleRow:
    """Return the role of *service* as people and programs are told it."""
    return RoleRow(
        service.name, str(service.role), service.assigned.reason, ready_by(service), service.required_by_routes
    )


def _home(ports: Ports) -> Iterable[Problem]:
    command = ports.machine.unprepared()
    if command:
        yield Problem("error", "state directory", "it is not prepared for you", f"prepare it once: {command}")


def _mounts(stack: Stack) -> Iterable[Problem]:
    """Name what is mounted as it is: an edit shows in both colors, and no rollback takes it back."""
    for service, source, target in live_mounts(stack):
        yield Problem("note", service, f"{source} at {target} is not part of the release: it is mounted as it is")


def _working(holder: Holder) -> Iterable[Problem]:
    """Name who works on the stack: what is half done then, and the room that it takes, are nobody's trouble."""
    message = f"{holder.said}: what it has begun, and the room that it takes, were not judged"
    yield Problem("note", "lock", message, "`teal status` shows how far it is; check again when it has ended")


def _unfinished(observed: Observed, stack: Stack) -> Iterable[Problem]:
    repair = diagnose(observed, stack)
    if repair is not None:
        remedy = "the next deploy, rollback or cleanup sees to it"
        if repair.kind == "restore":
            yield Problem("warning", "state file", repair.text, remedy)
        else:
            yield Problem("note", "journal", repair.text, remedy)


async def _outdated(ports: Ports, stack: Stack, observed: Observed) -> tuple[Outdated, list[Problem]]:
    """Return which shared services run from another definition or image than today's, and what is said of them.

    The proxy is judged by itself.
    """
    names = tuple(service.name for service in stack.having(Role.SHARED))
    try:
        found = await outdated(ports, stack, observed, names)
    except TealError as error:
        last = next((line for line in reversed(error.detail.splitlines()) if line.strip()), error.hint)
        return Outdated(), [Problem("warning", "", f"{error.message}: {last.strip()}", "the rest was looked at")]
    problems = [each for each in differences(found) if each.service != stack.proxy]
    return found, [*problems, *_unseen(stack, found)]


def _unseen(stack: Stack, found: Outdated) -> Iterable[Problem]:
    """Name the images that are not on this machine: no registry is asked for them."""
    for name, image in found.unpulled.items():
        verb = "build" if stack.service(name).builds else "pull"
        message = f"its image {image} is not on this machine, and no registry was asked: what it brings is not known"
        yield Problem("note", name, message, f"`docker compose {verb} {name}` brings it")


async def _external(ports: Ports, stack: Stack) -> list[Problem]:
    """Name what no start of the stack makes, and nobody has made yet."""
    names = tuple(service.name for service in stack.services if service.role is not Role.TOOL)
    users: dict[External, list[str]] = {}
    for name, lacking in (await missing_of(ports, stack, names)).items():
        for each in lacking:
            users.setdefault(each, []).append(name)
    return [
        Problem("error", ", ".join(using), f"the external {each.kind} {each.name} does not exist", each.remedy)
        for each, using in sorted(users.items())
    ]


async def _room(ports: Ports, stack: Stack, observed: Observed) -> list[Problem]:
    source = source_of(observed, stack)
    running = [c.id for c in observed.on(source, stack.rotating_names) if c.running] if source else []
    return list(check_room(await room(ports, running)))
