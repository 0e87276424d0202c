"""What is refused before anything is changed, and what is warned of, from the files alone: all rules, errors first.

Here are also those on roles, on names that collide, and on overlays that don't fit the stack or each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from teal.core.checks.beside import by_default_rule, guessed_ports, passed_by
from teal.core.checks.lifecycle import healthchecks, one_shots, starting, stopping
from teal.core.checks.networks import addresses, names_decide, neighbours, published
from teal.core.checks.proxy import reachable
from teal.core.checks.values import elsewhere, values
from teal.core.checks.volumes import mounts
from teal.core.model.compose import Node, mapping, sequence, services_in, text
from teal.core.model.problem import Problem, error, warning
from teal.core.model.release import Release
from teal.core.model.side import COLORS, Side, key_of
from teal.core.model.stack import Role, Stack


def collisions(stack: Stack) -> Iterator[Problem]:
    """Say which names a color would take from another service."""
    names = set(services_in(stack.models[Side.BLUE])) | set(services_in(stack.models[Side.GREEN]))
    for each in stack.rotating:
        for side in COLORS:
            taken = key_of(each.name, side)
            if taken in names:
                message = f"{taken} collides with the {side} {each.name}"
                yield error(taken, message, "rename it; keys in an overlay are base names, without the color")


def overlays(stack: Stack) -> Iterator[Problem]:
    """Say where compose.blue.yml and compose.green.yml don't fit."""
    plain, blue, green = (services_in(stack.models[side]) for side in (Side.PLAIN, Side.BLUE, Side.GREEN))
    for name in sorted(stack.evidence.in_overlays):
        if name not in plain:
            yield error(
                name,
                f"an overlay names {name}, which the stack does not have",
                "write the stack's own service names in it",
            )
            continue
        if name not in blue or name not in green:
            continue
        yield from _names(name, plain[name], blue[name], green[name])
        yield from _drift(name, blue[name], green[name])


def _names(name: str, plain: Node, blue: Node, green: Node) -> Iterator[Problem]:
    said = text(blue.get("container_name"))
    if said and said == text(green.get("container_name")) != text(plain.get("container_name")):
        remedy = f"write {said}-blue in compose.blue.yml and {said}-green in compose.green.yml"
        yield error(name, f"both overlays call the container of {name} {said}", remedy)


def _drift(name: str, blue: Node, green: Node) -> Iterator[Problem]:
    """Warn where the colors differ in more than names: what works on one may fail on the other."""
    apart = [key for key in sorted({*blue, *green}) if _told(blue, key) != _told(green, key)]
    if apart:
        message = f"the overlays give {name} different {', '.join(apart)}: the two colors would not run the same"
        yield warning(name, message, "let the overlays differ in names and colors only")


def _told(service: Node, key: str) -> object:
    """Return the value of *key* without what may well differ: names, and values that name the color."""
    if key == "container_name":
        return None
    return _colorless(service.get(key))


def _colorless(value: object) -> object:
    if isinstance(value, str):
        return value.replace("green", "blue")
    if isinstance(value, list | tuple):
        return [_colorless(each) for each in sequence(value)]
    return {_colorless(k): _colorless(v) for k, v in mapping(value).items()} if isinstance(value, dict) else value


def problems(stack: Stack, engine: tuple[int, int] = (28, 0)) -> tuple[Problem, ...]:
    """Return everything that stands in the way of rotating *stack*, errors first, each with its remedy.

    *engine* is the version of the Docker Engine that it shall run on.
    """
    rules = (
        whole,
        roles,
        collisions,
        overlays,
        mounts,
        published,
        addresses,
        neighbours,
        reachable,
        passed_by,
        by_default_rule,
        guessed_ports,
        starting,
        stopping,
        values,
        elsewhere,
    )
    found = [problem for rule in (*rules, one_shots, healthchecks) for problem in rule(stack)]
    found += names_decide(stack, engine)
    placed = (replace(each, place=each.place or stack.places.get(each.service, "")) for each in found)
    return tuple(sorted(dict.fromkeys(placed), key=lambda problem: problem.level))


def whole(stack: Stack) -> Iterator[Problem]:
    """Say what the stack lacks as a whole."""
    if not stack.having(Role.ROUTE, Role.WORKER):
        what = (
            "nothing of this stack could be deployed without downtime: all of it keeps data, helps, or speaks no HTTP"
        )
        yield error("", f"no service is a route, and none could be: {what}", _NOTHING)
    elif not stack.having(Role.ROUTE):
        yield error("", "no service is a route: there is nothing to switch", _route(stack))
    elif not stack.proxy:
        yield error("", "no service runs Caddy: something must switch the traffic", _CADDY)
    for variable in sorted(stack.unset):
        message = f"{variable} is not set, and the files give it no default: it is empty"
        yield warning("", message, f"set {variable}", stack.places.get(f"${variable}", ""))
    if stack.left_out:
        message = f"left out, since none of their profiles is active: {', '.join(stack.left_out)}"
        yield warning(stack.left_out[0], message, "activate one with --profile")
    for note in stack.notes:
        yield warning("", f"Compose says: {note}", "see `docker compose config`")


def _route(stack: Stack) -> str:
    """Return the line that names a route, with a service that could be the one."""
    return f"name what users reach in teal.yml: `routes: {{{stack.having(Role.WORKER)[0].name}: {{port: 3000}}}}`"


def lost(stack: Stack, last: Release | None) -> Iterator[Problem]:
    """Say which variables the *last* release had and the next one would find empty: an ``.env`` may be gone."""
    for variable in sorted(stack.unset & set(last.variables if last else ())):
        message = f"{variable} is no longer set: release {last.number if last else 0} had it"
        remedy = f"set {variable}, in the environment or in .env; where it may be empty, write ${{{variable}:-}}"
        yield error("", message, remedy)


_NOTHING = "go on with `docker compose up`; one of them is an application? say so, see docs/teal-yml.md"
_CADDY = "add a Caddy as shared service, or name the service that runs it in teal.yml: `proxy: caddy`"


def roles(stack: Stack) -> Iterator[Problem]:
    """Say which roles can't be what they were declared, and which services can't run at all."""
    services = services_in(stack.models[next(iter(stack.models))])
    for each in stack.services:
        service = services.get(each.name, {})
        if each.name == stack.proxy and each.role is not Role.SHARED:
            yield error(
                each.name,
                f"{each.name} is the proxy and can't be a {each.role}",
                "the proxy is shared: take it out of teal.yml",
            )
        if service and not any(service.get(key) for key in ("image", "build", "provider")):
            yield error(each.name, f"{each.name} has neither image nor build", "give it one, or make it a tool")
        if each.role is Role.ROUTE and not each.port:
            yield error(
                each.name,
                f"the port on which {each.name} listens is not known",
                f"say so in teal.yml: `routes: {{{each.name}: {{port: 3000}}}}`",
            )
