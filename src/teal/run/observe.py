"""One look at everything: engine, proxy, kept releases and journal, as one value.

Also the proxy's drift from its files, and what a start of the shared services would change.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from teal.core.checks.proxy import is_refused
from teal.core.model.compose import services_in
from teal.core.model.observed import Observed
from teal.core.model.own_proxy import OWN
from teal.core.model.problem import Problem, error, warning
from teal.core.model.release import Release
from teal.core.model.side import Side
from teal.core.model.stack import Stack
from teal.core.model.units import ReleaseId
from teal.core.planning.past import past_of
from teal.core.rendering.own_proxy import SNIPPET_FILE, pinned_image, render_own
from teal.core.services.external import External, external, with_dependencies
from teal.errors import TealError
from teal.ports import Holder, ImageInfo, ProxyDrift
from teal.run.context import Ports


async def observe(ports: Ports, stack: Stack) -> Observed:
    """Return the stack as it is now. Nothing is changed."""
    releases = ports.releases.all()
    containers, networks, images = await asyncio.gather(
        ports.engine.containers(stack.project), ports.engine.networks(stack.project), _present(ports, releases)
    )
    contracts = ports.journal.contracts()
    made = [*(r.number for r in releases), *(c.release or 0 for c in containers), *(c.release - 1 for c in contracts)]
    return Observed(
        traffic=ports.proxy.read(),
        containers=containers,
        releases=releases,
        images=images,
        networks={network.name: network.id for network in networks},
        unfinished=ports.journal.unfinished(),
        past=past_of(ports.journal.turns()),
        contracts=contracts,
        next_release=ReleaseId(max([ports.journal.next_release(), *(number + 1 for number in made)])),
        state_file_unreadable=ports.proxy.state_file_unreadable(),
    )


async def observe_beside(ports: Ports, stack: Stack) -> tuple[Observed, Holder | None]:
    """Return the stack as it is now, and who worked on it meanwhile: what is half done then is no wreck."""
    before = ports.lock.holder()
    observed = await observe(ports, stack)
    return observed, ports.lock.holder() or before


async def _present(ports: Ports, releases: tuple[Release, ...]) -> frozenset[str]:
    """Return those of the kept releases' image ids that the engine still has."""
    ids = sorted({image for each in releases for image in (*each.images.values(), *each.mounted_images.values())})
    found = await asyncio.gather(*(ports.engine.image(each) for each in ids))
    return frozenset(id_ for id_, image in zip(ids, found, strict=True) if image is not None)


async def proxy_drift(ports: Ports, stack: Stack, observed: Observed, *, changed: str = "") -> tuple[Problem, ...]:
    """Return where the running proxy differs from its files, and what that means; nothing where none runs."""
    proxy = observed.running_plain(stack.proxy)
    if proxy is None:
        return ()
    try:
        return tuple(drift(stack, await ports.proxy.drift(proxy), ports.proxy.reload, changed=changed))
    except TealError as failed:
        return (warning(stack.proxy, failed.message, failed.hint),)


def way(stack: Stack, grasp: ProxyDrift, reload: str, *, changed: str) -> str:
    """Return the one command that makes the running proxy use today's files.

    *changed* names what differs from its container, definition or image: only a new container has the new mounts.
    """
    first = "correct the Caddyfile, then " if is_refused(stack) else ""
    if stack.evidence.broken:
        first = f"correct the Caddyfile ({stack.evidence.broken}), then "
    if changed:
        return f"{first}`teal up {stack.proxy}`"
    replaced = grasp.blind or grasp.older
    return first + (f"`teal restart {stack.proxy}`" if replaced else f"`teal exec {stack.proxy} {reload}`")


def drift(stack: Stack, grasp: ProxyDrift, reload: str, *, changed: str) -> Iterator[Problem]:
    """Yield where the running proxy differs from today's files."""
    proxy, again = stack.proxy, way(stack, grasp, reload, changed=changed)
    if grasp.blind:
        message = (
            "the proxy does not see Teal's state file: its directory was removed and created again; requests are held"
        )
        yield error(proxy, message, f"{again} mounts it again")
    for port in grasp.deaf:
        message = f"port {port} of this machine leads to it and takes no connection: Docker's forwarder of it has ended"
        yield warning(proxy, message, f"`teal restart {proxy}` makes a new one; who comes from outside may not notice")
    for name in grasp.gone:
        message = f"{name} is gone: the proxy still runs, but could not start again"
        yield warning(proxy, message, "put it back (`teal snippet > teal.caddy` writes Teal's own)")
    if changed:
        yield _redefined(stack, grasp, again, changed)
        return
    for name in grasp.older:
        message = f"{name} was replaced, and the proxy still sees the old one"
        yield warning(proxy, message, f"{again} mounts the new one, with a gap of a second or two")
    if grasp.broken:
        message = f"the proxy could not start with today's Caddyfile: {grasp.broken}"
        yield warning(proxy, message, "correct it before anything restarts the proxy")
    if grasp.stale:
        message = "the proxy does not run today's Caddyfile"
        yield warning(proxy, message, f"{again}, while nothing is deployed")


def _redefined(stack: Stack, grasp: ProxyDrift, again: str, changed: str) -> Problem:
    """Return what a definition means that the container has not: a bare restart keeps the old mounts."""
    message = f"its {changed} has changed since it was started"
    if stack.evidence.broken:
        return warning(stack.proxy, f"{message}, and Caddy does not accept today's Caddyfile", again)
    if grasp.broken:
        message += f"; a restart alone would keep the old one, and fail ({grasp.broken})"
    return warning(stack.proxy, message, f"{again} applies it, with a restart")


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
    own, names = OWN in names and stack.own is not None, tuple(name for name in names if name != OWN)
    images, missing = await asyncio.gather(_images(ports, stack, names), missing_of(ports, stack, names))
    services = services_in(stack.models[Side.PLAIN])
    lacking = {name for name in names if any(missing.get(each) for each in with_dependencies(services, name))}
    due = await ports.compose.due([name for name in names if images[name] and name not in lacking])
    changed: dict[str, str] = {OWN: "definition"} if own and _own_differs(ports, stack, observed) else {}
    for container in observed.on(Side.PLAIN, frozenset(names)):
        if container.name in due.containers:
            image = images[container.service]
            changed[container.service] = "image" if image and image.id != container.image else "definition"
    unpulled = {name: stack.service(name).image for name in names if images[name] is None}
    return Outdated(changed, due.networks, due.volumes, unpulled, missing)


def _own_differs(ports: Ports, stack: Stack, observed: Observed) -> bool:
    """Tell whether Teal's own proxy runs with other files than those that today's would make."""
    kept = ports.proxy.own_files()
    if not kept or observed.running_plain(OWN) is None:
        return False
    image = pinned_image(kept)
    meant = render_own(stack, folder=ports.proxy.own_folder, state=ports.proxy.folder, image=image)
    meant[SNIPPET_FILE] = ports.proxy.snippet_text
    return any(kept.get(name) != content for name, content in meant.items())


def differences(found: Outdated) -> Iterator[Problem]:
    """Say what differs: no deploy changes any of it."""
    for name, changed in found.services.items():
        message = f"its {changed} has changed since it was started"
        yield warning(name, message, f"`teal up {name}` applies it, with a restart")
    for name in found.networks:
        message = f"the network {name} has changed in the files: what runs stays on the existing one"
        remedy = "take the change back, or take the stack down for it: `teal down`, then `teal deploy`"
        yield warning("", message, remedy)
    for name in found.volumes:
        message = f"the volume {name} has changed in the files: the existing one stays as it is"
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
