"""Does: check, which judges configuration, machine and proxy, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterable

from teal.core.observed import Observed
from teal.core.outside import External
from teal.core.preflight import check_room
from teal.core.preparing import preparation
from teal.core.problem import Problem
from teal.core.refuse import demand, lost, problems
from teal.core.render_files import live_mounts
from teal.core.repair import diagnose
from teal.core.roles import Role
from teal.core.side import Side
from teal.core.situation import last_release, plainly_running, source_of
from teal.core.stack import Service, Stack
from teal.core.versions import engine_version, is_old_caddy
from teal.core.words import ready_by
from teal.errors import Refused, TealError
from teal.ports import Prepared
from teal.run.grasping import grasped
from teal.run.making import room
from teal.run.observing import observe
from teal.run.outdated import Outdated, differences, missing_of, outdated
from teal.run.ports import Ports
from teal.run.results import Checked, Finding, RoleRow
from teal.run.schema_check import schema_problems


async def check(ports: Ports, stack: Stack) -> Checked:
    """Return the roles with their reasons, and everything that would stop or trouble a deploy."""
    engine = engine_version((await ports.engine.info()).version)
    found = [_finding(problem) for problem in (*problems(stack, engine), *preparation(stack, ports.proxy.folder))]
    found += [_finding(problem) for problem in schema_problems(ports, stack)]
    found += _home(ports)
    found += _mounts(stack)
    observed = await observe(ports, stack)
    found += [_finding(problem) for problem in lost(stack, last_release(observed))]
    found += _standing(observed, stack)
    found += await _external(ports, stack)
    found += await _shared(ports, stack, observed)
    found += await _proxy(ports, stack, observed)
    found += await _room(ports, stack, observed)
    order = ("error", "warning", "note")
    findings = tuple(sorted(dict.fromkeys(found), key=lambda finding: order.index(finding.level)))
    return Checked(
        stack.project, tuple(map(_row, stack.services)), findings, all(each.level != "error" for each in findings)
    )


async def refuse(ports: Ports, stack: Stack) -> tuple[Problem, ...]:
    """Return the warnings about the files of *stack*; raise ``Refused`` for what can't be rotated or switched."""
    found = demand(stack, engine_version((await ports.engine.info()).version))
    wrong = (each for each in schema_problems(ports, stack) if each.level == "error")
    for problem in (*preparation(stack, ports.proxy.folder), *wrong):
        raise Refused(f"{problem.message}", hint=problem.remedy)
    return found


def _row(service: Service) -> RoleRow:
    return RoleRow(service.name, str(service.role), service.assigned.reason, ready_by(service), service.needed)


def _finding(problem: Problem) -> Finding:
    return Finding(problem.level, problem.place or problem.service, problem.message, problem.remedy)


def _home(ports: Ports) -> Iterable[Finding]:
    command = ports.machine.unprepared()
    if command:
        yield Finding("error", "state directory", "it is not prepared for you", f"prepare it once: {command}")


def _mounts(stack: Stack) -> Iterable[Finding]:
    """Name what is mounted as it is: an edit shows in both colors, and no rollback takes it back."""
    for service, source, target in live_mounts(stack):
        yield Finding("note", service, f"{source} at {target} is not part of the release: it is mounted as it is")


def _standing(observed: Observed, stack: Stack) -> Iterable[Finding]:
    stray = plainly_running(observed, stack)
    if stray and source_of(observed, stack) is not Side.PLAIN:
        remedy = f"docker compose -p {stack.project} rm -sf {' '.join(stray)}"
        yield Finding("error", ", ".join(stray), "a plain copy runs beside the active color", remedy)
    repair = diagnose(observed, stack)
    if repair is not None:
        remedy = "the next deploy, rollback or cleanup sees to it"
        if repair.kind == "restore":
            yield Finding("warning", "state file", repair.text, remedy)
        else:
            yield Finding("note", "journal", repair.text, remedy)


async def _shared(ports: Ports, stack: Stack, observed: Observed) -> list[Finding]:
    """Name the shared services that run from another definition or image than today's, and what is not there."""
    names = tuple(service.name for service in stack.having(Role.SHARED))
    try:
        found = await outdated(ports, stack, observed, names)
    except TealError as error:
        last = next((line for line in reversed(error.detail.splitlines()) if line.strip()), error.hint)
        return [Finding("warning", "", f"{error.message}: {last.strip()}", "the rest was looked at")]
    return [*map(_finding, differences(found)), *_unseen(stack, found)]


def _unseen(stack: Stack, found: Outdated) -> Iterable[Finding]:
    """Name the images that are not on this machine: no registry is asked for them."""
    for name, image in found.unpulled.items():
        verb = "build" if stack.service(name).builds else "pull"
        message = f"its image {image} is not on this machine, and no registry was asked: what it brings is not known"
        yield Finding("note", name, message, f"`docker compose {verb} {name}` brings it")


async def _external(ports: Ports, stack: Stack) -> list[Finding]:
    """Name what no start of the stack makes, and nobody has made yet."""
    names = tuple(service.name for service in stack.services if service.role is not Role.TOOL)
    users: dict[External, list[str]] = {}
    for name, lacking in (await missing_of(ports, stack, names)).items():
        for each in lacking:
            users.setdefault(each, []).append(name)
    return [
        Finding("error", ", ".join(using), f"the external {each.kind} {each.name} does not exist", each.remedy)
        for each, using in sorted(users.items())
    ]


async def _proxy(ports: Ports, stack: Stack, observed: Observed) -> list[Finding]:
    """Judge the running proxy: version, mount, and whether each route is reached through the snippet."""
    proxy = next((c for c in observed.on(Side.PLAIN) if c.service == stack.proxy and c.running), None)
    if proxy is None:
        return [Finding("note", stack.proxy, "it does not run yet: its own settings were not looked at")]
    try:
        prepared = await ports.proxy.prepared(proxy)
    except TealError as error:
        return [Finding("error", stack.proxy, error.message, error.hint)]
    return [*_configured(prepared, stack), *map(_finding, await grasped(ports, stack, observed))]


def _configured(prepared: Prepared, stack: Stack) -> Iterable[Finding]:
    """Yield what is wrong with the configuration that the proxy runs with."""
    old = is_old_caddy(prepared.version)
    if old is None:
        message = f"its version ({prepared.version or 'it says none'}) can't be read: older ones than 2.11.2 won't do"
        yield Finding("warning", stack.proxy, message, f"see: docker compose exec {stack.proxy} caddy version")
    elif old:
        yield Finding("error", stack.proxy, f"Caddy {prepared.version} is too old", "use Caddy 2.11.2 or newer")
    reached = {entry.route for entry in prepared.entries}
    for route in stack.having(Role.ROUTE):
        if route.name not in reached:
            remedy = f"`import teal {route.name} {route.port}`, then `docker compose restart {stack.proxy}`"
            yield Finding("error", route.name, "the running proxy does not switch it", remedy)
    if not prepared.admin:
        message = "its admin endpoint is off: what is in flight can't be counted, each drain takes its whole timeout"
        yield Finding("warning", stack.proxy, message, "take `admin off` out of the Caddyfile")
    for name in prepared.unfit:
        remedy = "take `health_uri`, `fail_duration` and the like out of its import: Teal's own gate watches health"
        yield Finding("warning", name, "after one color failed, Caddy may refuse the other for a while", remedy)


async def _room(ports: Ports, stack: Stack, observed: Observed) -> list[Finding]:
    source = source_of(observed, stack)
    running = [c.id for c in observed.on(source) if c.running and c.service in _rotating(stack)] if source else []
    try:
        warnings = check_room(await room(ports, running), force_memory=False)
    except Refused as refused:
        return [Finding("error", "memory" if "memory" in refused.message else "disk", refused.message, refused.hint)]
    return [Finding("warning", "memory", warning) for warning in warnings]


def _rotating(stack: Stack) -> frozenset[str]:
    return frozenset(service.name for service in stack.rotating)
