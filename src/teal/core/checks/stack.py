"""Decides: what is refused before anything is changed, and what is warned of, from the files alone."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from teal.core.checks.lifecycle import healthchecks, one_shots, starting, stopping
from teal.core.checks.networks import addresses, names_decide, neighbours, published
from teal.core.checks.proxy import reachable
from teal.core.checks.values import elsewhere, values
from teal.core.checks.volumes import mounts
from teal.core.model.compose import services_in
from teal.core.model.problem import Problem, error, warning
from teal.core.model.release import Release
from teal.core.model.stack import Stack
from teal.core.refuse_overlays import collisions, overlays
from teal.core.roles import Role


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
    if not stack.having(Role.ROUTE):
        yield error("", "no service is a route: there is nothing that could be switched", _ROUTE)
    if not stack.proxy:
        yield error("", "no service runs Caddy: something must switch the traffic", _CADDY)
    for variable in sorted(stack.unset):
        message = f"{variable} is not set, and the files give it no default: it is empty"
        yield warning("", message, f"set {variable}", stack.places.get(f"${variable}", ""))
    if stack.left_out:
        message = f"left out, since none of their profiles is active: {', '.join(stack.left_out)}"
        yield warning(stack.left_out[0], message, "activate one with --profile")
    for note in stack.notes:
        yield warning("", f"Compose says: {note}", "see `docker compose config`")


def lost(stack: Stack, last: Release | None) -> Iterator[Problem]:
    """Say which variables the *last* release had and the next one would find empty: an ``.env`` may be gone."""
    for variable in sorted(stack.unset & set(last.variables if last else ())):
        message = f"{variable} is not set any more: release {last.number if last else 0} had it"
        remedy = f"set {variable}, in the environment or in .env; where it may be empty, write ${{{variable}:-}}"
        yield error("", message, remedy)


_ROUTE = "name what users reach in teal.yml: `routes: {web: {port: 3000}}`"
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
                f"nothing shows on which port {each.name} listens",
                f"say so in teal.yml: `routes: {{{each.name}: {{port: 3000}}}}`",
            )
