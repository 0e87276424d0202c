"""Addresses, ports, names and namespaces that two colors can't both have."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.checks.beside import is_front
from teal.core.model.compose import Node, is_fixed, mapping, networks_of, sequence, services_in, text
from teal.core.model.entrance import Named, Published
from teal.core.model.problem import Problem, error, warning
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Role, Service, Stack
from teal.core.rendering.networks import GATEWAYS, meeting, name_of, private_name
from teal.core.services.dependencies import calls, names_of
from teal.core.services.ports import held, unswitched

_ADDRESSES = ("ipv4_address", "ipv6_address")
_NAMESPACES = {"network_mode": "network", "ipc": "IPC namespace", "pid": "PID namespace", "uts": "UTS namespace"}
_DIRECT_DRIVERS = {"macvlan", "ipvlan", "host"}


def published(stack: Stack) -> Iterator[Problem]:
    """Say which published ports would have two owners."""
    services = services_in(stack.models[Side.BLUE])
    taken = {(p.route, p.target) for p in stack.entrances if isinstance(p, Published)} if stack.own else set()
    for each in stack.rotating:
        chosen = stack.evidence.published_ports.get(each.name)
        yield from _any_port(each, services[each.name])
        if not chosen:
            yield from _not_switched(each, services[each.name], stack)
            yield from _two_owners(each, services[each.name], taken)


def _not_switched(each: Service, service: Node, stack: Stack) -> Iterator[Problem]:
    """Say which ports no HTTP proxy can switch: a container keeps them, so that one alone may run at a time."""
    found = [port for _, port in unswitched(service)]
    if not found:
        return
    spoken = ", ".join(f"{port.places} ({port.other})" for port in found)
    if stack.strategy == "recreate":
        message = f"{each.name} publishes port {spoken}, which no proxy can switch"
        yield Problem("note", each.name, message, f"it is closed while {each.name} restarts; requests over HTTP wait")
        return
    yield error(
        each.name,
        f"{each.name} publishes port {spoken}, which two colors can't both have, and no HTTP proxy can switch",
        f"one container at a time keeps it, and requests wait while it restarts: `strategy: recreate` in teal.yml; no "
        f"deploy touches it: `services: {{{each.name}: shared}}`; nobody uses it: `ports: {{{each.name}: drop}}`",
    )


def _any_port(each: Service, service: Node) -> Iterator[Problem]:
    """Say which ports are published wherever the machine has one free: that collides with nothing, and finds nobody."""
    ports = [text(port.get("target")) for port in map(mapping, sequence(service.get("ports"))) if not is_fixed(port)]
    if ports:
        inside = ", ".join(dict.fromkeys(ports))
        message = f"{each.name} publishes port {inside} on any free port of the machine; a color publishes none"
        yield Problem("note", each.name, message, "give it a fixed port, if somebody outside the stack uses it")


def _two_owners(each: Service, service: Node, taken: set[tuple[str, int]]) -> Iterator[Problem]:
    ports = [port for port in held(service) if not port.other and (each.name, port.target) not in taken]
    if not ports:
        return
    spoken = ", ".join(dict.fromkeys(port.places for port in ports))
    yield error(
        each.name,
        f"{each.name} publishes port {spoken}, which two colors can't both have",
        f"where the proxy serves it anyway: `ports: {{{each.name}: drop}}` in teal.yml; where the proxy is to take the "
        f"port over: `ports: {{{each.name}: route}}`; where it isn't HTTP: make {each.name} shared",
    )


def addresses(stack: Stack) -> Iterator[Problem]:
    """Say which services stand at an address that only one container of the machine can have."""
    model = stack.models[Side.BLUE]
    services = services_in(model)
    definitions = mapping(model.get("networks"))
    for each in stack.rotating:
        if services[each.name].get("network_mode") == "host":
            remedy = "take `network_mode: host` out and publish its ports"
            only = stack.having(Role.ROUTE) == (each,)
            remedy = remedy if only else f"{remedy}, or {_shared(each)}"
            yield error(each.name, f"{each.name} is on the host's network: both colors want its ports", remedy)
        for key, options in networks_of(services[each.name]).items():
            for address in (text(options[kind]) for kind in _ADDRESSES if options.get(kind)):
                remedy = f"call it by its name and drop the address, or {_shared(each)}"
                yield error(
                    each.name, f"{each.name} has the fixed address {address}, which two colors can't both have", remedy
                )
            driver = text(mapping(definitions.get(key)).get("driver"))
            if driver in _DIRECT_DRIVERS or text(mapping(definitions.get(key)).get("name")) == "host":
                yield error(each.name, f"{each.name} is on the {driver or 'host'} network {key}", _shared(each))


def _shared(each: Service) -> str:
    return f"make it shared, in teal.yml: `services: {{{each.name}: shared}}`"


def neighbours(stack: Stack) -> Iterator[Problem]:
    """Say which services are tied to one that has another project."""
    roles = {each.name: each.role for each in stack.services}
    services = services_in(stack.models[Side.BLUE])
    for each in stack.services:
        if each.role is Role.TOOL:
            continue
        for kind, spoken in _NAMESPACES.items():
            owner = text(services[each.name].get(kind)).removeprefix("service:")
            if owner in roles and roles[owner].rotates != each.role.rotates:
                yield _apart(each.name, spoken, owner, rotates=roles[owner].rotates)
        if each.role is Role.SHARED and each.name != stack.proxy:
            yield from _calls(each.name, stack)


def _apart(name: str, spoken: str, owner: str, *, rotates: bool) -> Problem:
    what = "rotates" if rotates else "is shared"
    same = "rotate" if rotates else "shared"
    return error(name, f"{name} uses the {spoken} of {owner}, which {what}", f"make {name} {same} too, in teal.yml")


def _calls(name: str, stack: Stack) -> Iterator[Problem]:
    """Warn of a shared service that calls or waits for a rotating one: on the shared network no color has that name."""
    model = services_in(stack.models[Side.PLAIN])
    caller = model.get(name, {})
    served = {each.route for each in stack.entrances if isinstance(each, Named)} if stack.own else set()
    for each in stack.rotating:
        if each.name in served:
            continue
        if calls(caller, names_of(each.name, model.get(each.name, {}))):
            remedy = f"let {name} call it through the proxy, or make {name} rotate too"
            message = f"{name} is shared and calls {each.name} by this name, which no color answers to"
            if stack.own and is_front(stack, name):  # users would find nobody
                remedy = (
                    f"say where it listens, if it speaks HTTP: `routes: {{{each.name}: {{port: 3000}}}}` in teal.yml"
                )
                yield error(name, message, f"{remedy}; else make {each.name} shared")
            else:
                yield warning(name, message, remedy)
        elif each.name in mapping(caller.get("depends_on")):
            message = f"{name} is shared and waits for {each.name}, which rotates: Teal starts {name} without waiting"
            yield warning(name, message, f"drop {each.name} from the depends_on of {name}")


def names_decide(stack: Stack, engine: tuple[int, int]) -> Iterator[Problem]:
    """Report networks by whose names an older engine would resolve a service to the other color's."""
    if engine >= GATEWAYS:
        return
    for side in COLORS:
        model = stack.models[side]
        own = [key for each in stack.rotating for key in networks_of(services_in(model)[each.name])]
        private = max((private_name(stack, side, key) for key in own), default="")
        for key in sorted(meeting(stack, side) & set(own)):
            if name_of(model, key) < private:
                message = (
                    f"Docker before 28 resolves names by the order of the networks' names: {name_of(model, key)} sorts"
                    f" before {private}, so the other color would answer"
                )
                yield error("", message, "install Docker Engine 28 or later, or give the network another name")
