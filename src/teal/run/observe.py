"""Does: asks Compose what a start of the shared services would change, and says what it could not be asked about."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from teal.core.model.compose import services_in
from teal.core.model.observed import Observed
from teal.core.model.problem import Problem, warning
from teal.core.model.side import Side
from teal.core.model.stack import Stack
from teal.core.services.external import External, external, with_dependencies
from teal.ports import ImageInfo
from teal.run.ports import Ports


@dataclass(frozen=True, slots=True)
class Outdated:
    """Where what is there differs from what ``docker compose up`` would make of today's files."""

    services: Mapping[str, str] = field(default_factory=dict)  # that would be made anew -> definition, image
    networks: tuple[str, ...] = ()  # defined otherwise now
    volumes: tuple[str, ...] = ()  # defined otherwise now
    unpulled: Mapping[str, str] = field(default_factory=dict)  # service -> its image, which is not on this machine
    missing: Mapping[str, frozenset[External]] = field(default_factory=dict)  # service -> what of it isn't there


async def outdated(ports: Ports, stack: Stack, observed: Observed, names: Sequence[str]) -> Outdated:
    """Return how the services *names* differ; those of which something is missing are left out, and named."""
    images, missing = await asyncio.gather(_images(ports, stack, names), missing_of(ports, stack, names))
    services = services_in(stack.models[Side.PLAIN])
    lacking = {name for name in names if any(missing.get(each) for each in with_dependencies(services, name))}
    due = await ports.compose.due([name for name in names if images[name] and name not in lacking])
    changed: dict[str, str] = {}
    for container in observed.on(Side.PLAIN, frozenset(names)):
        if container.name in due.containers:
            image = images[container.service]
            changed[container.service] = "image" if image and image.id != container.image else "definition"
    unpulled = {name: stack.service(name).image for name in names if images[name] is None}
    return Outdated(changed, due.networks, due.volumes, unpulled, missing)


def differences(found: Outdated) -> Iterator[Problem]:
    """Say what differs: no deploy changes any of it."""
    for name, changed in found.services.items():
        message = f"its {changed} has changed since it was started"
        yield warning(name, message, f"`teal up {name}` applies it, with a restart")
    for name in found.networks:
        message = f"the network {name} is defined otherwise now: what runs stays on the one that is there"
        remedy = "take the change back, or take the stack down for it: `teal down`, then `teal deploy`"
        yield warning("", message, remedy)
    for name in found.volumes:
        message = f"the volume {name} is defined otherwise now: the one that is there stays as it is"
        yield warning("", message, "take the change back, or give the volume another name and move its data")


async def _images(ports: Ports, stack: Stack, names: Iterable[str]) -> dict[str, ImageInfo | None]:
    asked = {name: stack.service(name).image for name in names}
    found = await asyncio.gather(*map(ports.engine.image, asked.values()))
    return dict(zip(asked, found, strict=True))


async def missing_of(ports: Ports, stack: Stack, names: Iterable[str]) -> dict[str, frozenset[External]]:
    """Return, of the services *names* and all that they depend on, what of their external things is not there."""
    model = stack.models[Side.PLAIN]
    services = services_in(model)
    every = frozenset[str]().union(*(with_dependencies(services, name) for name in names))
    wanted = {name: found for name in sorted(every) if (found := external(model, name))}
    asked = frozenset[External]().union(*wanted.values())
    volumes, networks = await asyncio.gather(
        ports.engine.volumes(sorted(each.name for each in asked if each.kind == "volume")),
        ports.engine.existing_networks(sorted(each.name for each in asked if each.kind == "network")),
    )
    there = {"volume": volumes, "network": networks}
    lacking = {name: frozenset(each for each in of if each.name not in there[each.kind]) for name, of in wanted.items()}
    return {name: each for name, each in lacking.items() if each}
