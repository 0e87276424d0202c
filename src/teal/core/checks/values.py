"""Values that a release can't hold, because Compose gets them elsewhere, or has them for Swarm alone."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.model.compose import mapping, sequence, services_in, text
from teal.core.model.problem import Problem, error
from teal.core.model.side import Side
from teal.core.model.stack import Role, Stack

_SWARM = ("driver", "template_driver")


def values(stack: Stack) -> Iterator[Problem]:
    """Say which secrets and configs no container can be given outside of a swarm, as Compose itself would."""
    model = stack.models[Side.BLUE]
    services = services_in(model)
    for each in stack.services:
        if each.role is Role.TOOL:
            continue
        for kind in ("secrets", "configs"):
            known = mapping(model.get(kind))
            for reference in map(mapping, sequence(services[each.name].get(kind))):
                name = text(reference.get("source"))
                definition = mapping(known.get(name))
                key = next((key for key in ("external", *_SWARM) if definition.get(key)), "")
                if key:
                    message = f"{each.name} uses {kind[:-1]} {name}, whose `{key}` only a swarm has"
                    yield error(each.name, message, "give it a `file` or an `environment` variable instead")


def elsewhere(stack: Stack) -> Iterator[Problem]:
    """Say which services take something that Compose fetches as it starts them, and no release can keep."""
    services = services_in(stack.models[Side.BLUE])
    for each in stack.services:
        if each.role is Role.TOOL:
            continue
        service = services[each.name]
        provider = text(mapping(service.get("provider")).get("type"))
        if provider:
            message = f"{each.name} is made by the provider {provider}, which Teal does not call"
            remedy = f"put its address into a variable of what needs it, and make {each.name} a tool, run by hand"
            yield error(each.name, message, f"{remedy}: `services: {{{each.name}: tool}}`")
        if service.get("models") and (each.role.rotates or each.role is Role.ONE_SHOT):
            message = f"{each.name} uses models, which `docker compose config` leaves out of what it prints"
            yield error(
                each.name, message, f"put the model's address into a variable of {each.name}, or make it shared"
            )
