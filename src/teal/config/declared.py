"""Turns what ``teal.yml`` says into the core's words."""

from __future__ import annotations

from collections.abc import Mapping

from teal.config.caddyfile import Named
from teal.config.teal_yml import Check, Probe, TealYml
from teal.core.model.stack import CommandCheck, Evidence, Hook, HttpCheck, HttpProbe, TcpProbe
from teal.core.roles import Role
from teal.errors import ConfigError


def evidence_of(said: TealYml, *, overlaid: frozenset[str], proxy: str, named: Named) -> Evidence:
    """Return the evidence for roles, ports and probes; what teal.yml calls a route is declared one."""
    roles = dict.fromkeys(said.routes, Role.ROUTE) | {name: Role(role) for name, role in said.services.items()}
    return Evidence(
        overlaid=overlaid,
        declared=roles,
        proxy=proxy,
        routes=named.routes,
        bare=named.bare,
        dials=named.dials,
        strange=named.strange,
        imported_at=named.places,
        listens=named.adapted.listens,
        trusts=named.adapted.trusts,
        broken=named.adapted.broken,
        unseen=named.adapted.unseen,
        ports={name: route.port for name, route in said.routes.items() if route.port},
        needs={name: tuple(route.needs) for name, route in said.routes.items() if route.needs},
        probes=_probes(said),
        published=dict(said.ports),
    )


def _probes(said: TealYml) -> Mapping[str, HttpProbe | TcpProbe]:
    given = {name: route.probe for name, route in said.routes.items() if route.probe is not None} | said.probes
    return {name: _probe(name, written) for name, written in given.items()}


def _probe(name: str, written: Probe | str) -> HttpProbe | TcpProbe:
    if isinstance(written, str):
        written = Probe(tcp=True) if written == "tcp" else Probe(path=written)
    if written.tcp:
        return TcpProbe(written.port or 0)
    if not written.path.startswith("/"):
        raise ConfigError(f"teal.yml: the probe of {name} is {written.path!r}", hint="write a path (/health), or tcp")
    return HttpProbe(written.port or 0, written.path)


def checks_of(said: TealYml) -> tuple[HttpCheck | CommandCheck, ...]:
    """Return the checks before the switch, in the file's order."""
    return tuple(_check(number, check) for number, check in enumerate(said.checks, 1))


def _check(number: int, check: Check) -> HttpCheck | CommandCheck:
    if check.route and not check.service and check.command is None:
        return HttpCheck(check.route, check.path or "/", check.status, check.contains)
    if check.service and check.command and not check.route:
        return CommandCheck(check.service, shell(check.command))
    raise ConfigError(
        f"teal.yml: check {number} is neither a request nor a command",
        hint="give it a route (and a path), or a service and a command",
    )


def hooks_of(said: TealYml) -> tuple[Hook, ...]:
    """Return the owner's commands at moments of a deploy."""
    return tuple(Hook(when, shell(command)) for when, commands in said.hooks.items() for command in commands)


def shell(command: str | list[str]) -> tuple[str, ...]:
    """Return the words that run *command*: a line goes through the shell."""
    return ("/bin/sh", "-c", command) if isinstance(command, str) else tuple(command)
