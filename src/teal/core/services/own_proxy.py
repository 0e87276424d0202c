"""Teal's own proxy: when a stack gets it, which ways into a release it takes over, and at which of its ports.

1. A stack has it where no Caddy of its own imports Teal's snippet, or where its owner says so.
2. A published port leads to a port inside that nobody else uses. What comes there is believed nothing, but at an
   address of this machine alone, where only a proxy in front can be.
3. A name is called at the port that its callers know; labels and variables lead to the port of the route.
4. Where two routes want one port inside, or labels of one service contradict another's, the later one gets a *door*:
   a small container that bears its name or labels, and passes all to the proxy. There is one place that switches.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from teal.core.model.compose import Node, mapping, networks_of, services_in, text
from teal.core.model.entrance import Labelled, Named, Published
from teal.core.model.own_proxy import OWN, OwnProxy
from teal.core.model.side import COLORS, Side, key_of, project_of
from teal.core.model.stack import Assigned, Role, Service, Stack, Tree

_PUBLIC, _INNER = 21000, 22000  # first ports inside: for users of a published one, and for whoever may be believed
_LOOPBACK = ("127.", "::1", "[::1]", "localhost")
_PORT_KEY = re.compile(
    r"traefik\.(http|tcp)\.services\.[^.]+\.loadbalancer\.server\.port|caddy(_\d+)?(\..*)?reverse_proxy"
)
_SCHEME_KEY = re.compile(r"traefik\.http\.services\.[^.]+\.loadbalancer\.server\.scheme")
_USUAL = 80  # what a front dials that is told no port and sees several exposed
MAIN = "proxy"

Way = tuple[str, int]  # a route and its port


@dataclass(frozen=True, slots=True)
class Listener:
    """A port inside the proxy's container; *believed* where what it is told of users is passed on as it is."""

    port: int
    way: Way
    believed: bool
    clear_http2: bool = False  # its application speaks HTTP/2 without TLS: gRPC


@dataclass(slots=True)
class Door:
    """A container that bears names and labels of routes: the proxy itself, or one that passes all on to it."""

    name: str
    listens: dict[int, Way] = field(default_factory=dict)
    aliases: dict[str, list[str]] = field(default_factory=dict)  # key of a network -> names there
    labels: dict[str, str] = field(default_factory=dict)
    environment: dict[str, str] = field(default_factory=dict)

    def fits(self, ports: Iterable[int], way: Way, labels: Mapping[str, str], environment: Mapping[str, str]) -> bool:
        """Tell whether it could listen there for *way*, and bear these labels and variables beside its own."""
        free = all(self.listens.get(port, way) == way for port in ports)
        return free and _agree(self.labels, labels) and _agree(self.environment, environment)


@dataclass(frozen=True, slots=True)
class Layout:
    """Where Teal's own proxy listens, and by which doors people come there."""

    listeners: tuple[Listener, ...]
    ports: Mapping[Published, int]  # inside the container
    doors: tuple[Door, ...]  # the proxy itself is the first

    def inner(self, way: Way) -> int:
        """Return the port inside at which the proxy passes *way* on, believing what it is told."""
        return next(each.port for each in self.listeners if each.way == way and each.believed)


def with_own_proxy(stack: Stack, said: OwnProxy | None) -> Stack:
    """Return *stack* with Teal's own proxy among its shared services, as *said*; as it is where that is None."""
    if said is None or not stack.having(Role.ROUTE):
        return stack
    ways = ways_of(stack)
    own = Service(OWN, Assigned(Role.SHARED, "Teal's own proxy: no Caddy of the stack imports its snippet"), said.image)
    evidence = replace(stack.evidence, proxy=OWN, routes={**stack.evidence.routes, **dict(ways)})
    models = {side: _with_service(model, _definition(stack, said)) for side, model in stack.models.items()}
    return replace(stack, models=models, services=(*stack.services, own), proxy=OWN, own=said, evidence=evidence)


def is_due(stack: Stack) -> bool:
    """Tell whether Teal's own proxy is needed: the stack has no Caddy that imports its snippet, rightly or not."""
    evidence = stack.evidence
    return not (evidence.routes or evidence.strange or evidence.broken)


def ways_of(stack: Stack) -> tuple[Way, ...]:
    """Return each route, and each other service that is called by its name, with its port."""
    named = ((each.route, each.target) for each in stack.entrances)
    routes = ((each.name, each.port) for each in stack.having(Role.ROUTE) if each.port)
    rotating = stack.rotating_names
    return tuple(dict.fromkeys(way for way in (*routes, *named) if way[0] in rotating and way[1]))


def layout(stack: Stack) -> Layout:
    """Return where the own proxy of *stack* listens, and its doors."""
    ways = ways_of(stack)
    own = stack.own or OwnProxy()
    doors = [Door(MAIN)]
    for entrance in stack.entrances:
        if not isinstance(entrance, Published) and (entrance.route, entrance.target) in ways:
            _place(entrance, doors)
    public = [Listener(_PUBLIC + at, way, believed=own.trusts) for at, way in enumerate(ways)]
    inner = [Listener(_INNER + at, way, believed=True) for at, way in enumerate(ways)]
    named = [Listener(port, way, believed=True) for port, way in sorted(doors[0].listens.items())]
    places = {
        each: (inner if each.address.startswith(_LOOPBACK) else public)[ways.index((each.route, each.target))].port
        for each in published(stack)
        if (each.route, each.target) in ways
    }
    used, clear = set(places.values()), _clear_http2(stack)
    kept = [each for each in public if each.port in used]
    listeners = (replace(each, clear_http2=each.way in clear) for each in (*kept, *inner, *named))
    return Layout(tuple(listeners), places, tuple(doors))


def _clear_http2(stack: Stack) -> frozenset[Way]:
    """Return the ways whose labels say that they speak HTTP/2 without TLS."""
    labelled = (each for each in stack.entrances if isinstance(each, Labelled))
    return frozenset(
        (each.route, each.target)
        for each in labelled
        if any(_SCHEME_KEY.fullmatch(key) and value == "h2c" for key, value in each.labels.items())
    )


def published(stack: Stack) -> tuple[Published, ...]:
    """Return the ports of this machine that the own proxy takes over."""
    return tuple(dict.fromkeys(each for each in stack.entrances if isinstance(each, Published)))


def _place(entrance: Named | Labelled, doors: list[Door]) -> None:
    """Give *entrance* to the first door that can have it, a new one where none can."""
    way = (entrance.route, entrance.target)
    labels = entrance.labels if isinstance(entrance, Labelled) else {}
    environment = entrance.environment if isinstance(entrance, Labelled) else {}
    ports = [entrance.listens] if isinstance(entrance, Named) else _labelled_ports(entrance)
    door = next((each for each in doors if each.fits(ports, way, labels, environment)), None)
    if door is None:
        door = Door(f"door-{len(doors)}")
        doors.append(door)
    door.listens |= dict.fromkeys(ports, way)
    door.labels |= labels
    door.environment |= environment
    for key in entrance.networks:
        names = door.aliases.setdefault(key, [])
        if isinstance(entrance, Named) and entrance.name not in names:
            names.append(entrance.name)


def _labelled_ports(entrance: Labelled) -> list[int]:
    """Return where a front will dial what bears these labels: it has to guess where they name no port."""
    told = any(map(_PORT_KEY.fullmatch, entrance.labels)) or "VIRTUAL_PORT" in entrance.environment
    return [entrance.target] if told else list(dict.fromkeys((entrance.target, _USUAL)))


def _agree(own: Mapping[str, str], others: Mapping[str, str]) -> bool:
    return all(own.get(key, value) == value for key, value in others.items())


def networks_of_own(stack: Stack) -> tuple[str, ...]:
    """Return the keys of the networks on which the own proxy is: where it is called, and where it meets each route."""
    model = stack.models[Side.PLAIN]
    services = services_in(model)
    found = dict.fromkeys(key for each in stack.entrances if not isinstance(each, Published) for key in each.networks)
    for name, _ in ways_of(stack):
        own = networks_of(services.get(name, {}))
        if own and not found.keys() & own.keys():
            found[min(own, key=lambda key: (_is_internal(model, key), key))] = None
    return tuple(found)


def _is_internal(model: Node, key: str) -> bool:
    return bool(mapping(mapping(model.get("networks")).get(key)).get("internal"))


def _with_service(model: Tree, definition: Tree) -> Tree:
    return {**model, "services": {**mapping(model.get("services")), OWN: definition}}


def _definition(stack: Stack, said: OwnProxy) -> Tree:
    """Return the own proxy as a service of the model, as far as others ask of one: ports and networks."""
    ports = [
        {"target": 80, "published": str(p.port), "host_ip": p.address, "protocol": "tcp"} for p in published(stack)
    ]
    return {"image": said.image, "ports": ports, "networks": dict.fromkeys(networks_of_own(stack))}


def plain_names(stack: Stack) -> Iterator[tuple[str, str]]:
    """Yield the first plain container of each way's service, with the service."""
    services = services_in(stack.models[Side.PLAIN])
    for name in dict.fromkeys(way[0] for way in ways_of(stack)):
        yield text(services.get(name, {}).get("container_name")) or f"{stack.project}-{name}-1", name


def color_links(stack: Stack) -> Iterator[str]:
    """Yield a link to the container of each color of each way's service that others may call by the same name.

    On another project's network a second stack may have a service of that name, whose color is called just so. What is
    linked is looked up as the one container that it is, wherever it is; several replicas can't be.
    """
    model = stack.models[Side.PLAIN]
    definitions, services = mapping(model.get("networks")), services_in(model)
    for name in dict.fromkeys(way[0] for way in ways_of(stack)):
        there = networks_of(services.get(name, {})).keys() & set(networks_of_own(stack))
        if stack.service(name).replicas == 1 and any(mapping(definitions.get(key)).get("external") for key in there):
            for key, project in ((key_of(name, side), project_of(stack.project, side)) for side in COLORS):
                yield f"{project}-{key}-1:{key}"
