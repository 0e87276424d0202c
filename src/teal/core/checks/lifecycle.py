"""Warnings about how services start, restart and prove themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping

from teal.core.model.compose import NAMESPACES, Node, environment_of, mapping, sequence, services_in, text, words_of
from teal.core.model.migrations import Migrations, Phase
from teal.core.model.problem import Problem, error, warning
from teal.core.model.side import Side
from teal.core.model.stack import HttpProbe, Role, Service, Stack
from teal.core.services.health import facts_of, test_of

_MIGRATION = re.compile(
    r"manage\.py migrate|db:migrate|db:prepare|alembic upgrade|flask db upgrade|prisma migrate deploy|prisma db push"
    r"|knex migrate|typeorm migration:run|sequelize-cli db:migrate|artisan migrate|ecto\.migrate|goose .*\bup\b"
    r"|dbmate up|flyway migrate|atlas migrate apply|\bmigrate\b[^&|;]*(&&|;)"
)
_FLAG = re.compile(
    r"((RUN|AUTO|DB|APPLY|ENABLE|PERFORM|DO)_?(DB_?)?MIGRAT(E|ION|IONS)\w*|MIGRATE_(ON|AT)_\w+)", re.IGNORECASE
)
_APART = re.compile(r"&&|\|\||;|\n")  # between the commands of a shell
_OFF = {"", "0", "false", "no", "off", "n"}
_ALIVE = {"always", "unless-stopped", "any"}


def starting(stack: Stack) -> Iterator[Problem]:
    """Warn of what happens, or doesn't, when a color's containers start."""
    services = services_in(stack.models[Side.BLUE])
    rotating = {each.name: services[each.name] for each in stack.rotating}
    down = [name for name, service in rotating.items() if not _comes_back(service)]
    if down:
        message = f"{_and(down)}: no restart policy, so the active color stays down after the engine restarts"
        yield warning(down[0], message, "write `restart: unless-stopped`")
    for name, service in rotating.items():
        yield from _migrates(name, service, stack.migrations)
        if "." in text(service.get("hostname")):
            message = f"{name} loses its hostname {service['hostname']}: as a DNS name it would mean both colors"
            yield warning(name, message, f"make {name} shared if it needs that name (mail)")


def stopping(stack: Stack) -> Iterator[Problem]:
    """Warn of workers whose jobs may be cut: nothing drains them but the time between SIGTERM and SIGKILL."""
    services = services_in(stack.models[Side.BLUE])
    for each in stack.rotating:
        if each.role is not Role.WORKER or each.before_switch or services[each.name].get("stop_grace_period"):
            continue
        message = f"{each.name} has {each.grace:.0f} s to end what it does when its color retires, then it is killed"
        yield warning(each.name, message, "set its stop_grace_period to more than its longest job takes")


def _comes_back(service: Node) -> bool:
    policy = mapping(mapping(service.get("deploy")).get("restart_policy"))
    return text(service.get("restart") or policy.get("condition")) in _ALIVE


def _migrates(name: str, service: Node, migrations: Migrations | None) -> Iterator[Problem]:
    """Warn of a migration that runs whenever a container starts: in each color, and at a rollback."""
    commands = [part for word in words_of(service) for part in _APART.split(word) if _MIGRATION.search(f"{part};")]
    found = _MIGRATION.search(" ".join(words_of(service)))
    if found:
        message = f"{name} migrates in its start command ({found[0].strip()}), so also in each color, and at a rollback"
        said = commands[0].strip().removeprefix("exec ") if commands else " ".join(words_of(service))
        yield warning(name, message, f"take it out: {_once(name, said, migrations)}")
    for variable, value in environment_of(service).items():
        if _FLAG.fullmatch(variable) and value.lower() not in _OFF:
            message = f"{name} migrates whenever it starts ({variable}), so also in each color, and at a rollback"
            yield warning(name, message, f"switch {variable} off: {_once(name, '', migrations)}")


def _once(name: str, command: str, migrations: Migrations | None) -> str:
    """Return how a deploy runs *command*, "" for one that isn't known, once and before the release starts."""
    if migrations is not None and migrations.how(Phase.EXPAND):
        return "`migrations` in teal.yml runs the expand phase, once for each release"
    what = json.dumps(command, ensure_ascii=False) if command else "COMMAND"
    section = f"migrations: {{service: {name}, expand: {what}}}"
    return f"a deploy runs it once, before the release starts, with `{section}` in teal.yml"


def one_shots(stack: Stack) -> Iterator[Problem]:
    """Say which one-shots can't run before their release does, or would never end."""
    services = services_in(stack.models[Side.BLUE])
    rotating = stack.rotating_names
    for each in stack.having(Role.ONE_SHOT):
        service = services[each.name]
        links = {text(link).partition(":")[0] for link in sequence(service.get("links"))}
        waits = sorted(rotating & {*mapping(service.get("depends_on")), *links})
        if waits:
            message = f"{each.name} runs before its release starts, so it can't wait for {_and(waits)}"
            yield error(each.name, message, f"drop that from its depends_on, or make {each.name} a tool, run by hand")
        if _borrows(service):
            message = (
                f"{each.name} runs in a project of its own, so it can't take network or volumes from another service"
            )
            yield error(each.name, message, "name the network and the volumes that it needs")
        if service.get("post_start"):
            message = f"{each.name} has post_start hooks: `docker compose run`, by which Teal runs it, knows none"
            yield warning(each.name, message, f"do it in the command of {each.name}")
        if text(services[each.name].get("restart")) in _ALIVE:
            message = f"Teal runs {each.name} once, to its end, and its restart policy would start it again"
            yield warning(each.name, message, 'write `restart: "no"`')


def _borrows(service: Node) -> bool:
    """Tell whether *service* has a namespace, or volumes, of another service of its project."""
    spaces = [text(service.get(key)) for key in NAMESPACES]
    volumes = [text(each).partition(":")[0] for each in sequence(service.get("volumes_from"))]
    return any(each.startswith("service:") for each in spaces) or any(each != "container" for each in volumes)


def healthchecks(stack: Stack) -> Iterator[Problem]:
    """Warn of services that can't say whether they are ready, and of waits for what they can't say."""
    services = services_in(stack.models[Side.BLUE])
    for each in stack.rotating:
        if each.role is Role.ROUTE and _guessed(each):
            passes = f"any answer but a server error on its port {each.port} counts as healthy"
            message = f"{each.name} has no healthcheck: {passes}"
            remedy = f"give it a healthcheck, or a path in teal.yml: `probes: {{{each.name}: /health}}`"
            yield warning(each.name, message, remedy)
    silent = [each.name for each in stack.rotating if each.health.kind == "running"]
    if silent:
        message = f"{_and(silent)}: no healthcheck, so 10 s without a restart count as healthy"
        yield warning(silent[0], message, "give each a healthcheck")
    for name, service in services.items():
        yield from _waits_in_vain(name, service, services, stack)


def _guessed(each: Service) -> bool:
    probe = each.health.probe
    return each.health.kind == "probe" and isinstance(probe, HttpProbe) and probe.below > 400


def _waits_in_vain(name: str, service: Node, services: Mapping[str, Node], stack: Stack) -> Iterator[Problem]:
    for target, how in mapping(service.get("depends_on")).items():
        unseen = target not in stack.evidence.images and not mapping(services.get(target, {}).get("healthcheck"))
        if mapping(how).get("condition") != "service_healthy" or target not in services or unseen:
            continue
        if not test_of(services[target], facts_of(target, stack.evidence)):
            message = f"{name} waits until {target} is healthy, and {target} has no healthcheck: `up` would fail"
            yield warning(name, message, f"give {target} a healthcheck, or wait for service_started")


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"
