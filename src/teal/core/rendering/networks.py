"""The networks on which a color stands, and the names by which it is called there.

For each of the stack's networks a color has a private one of its own, where plain names mean its own services;
on the stack's network, where the shared services are, a rotating service answers to its suffixed key only.
"""

from __future__ import annotations

from collections.abc import Mapping

from teal.core.model.compose import Node, mapping, networks_of, number, sequence, services_in, text
from teal.core.model.side import Side, project_of
from teal.core.model.stack import Role, Stack, Tree

_OWN_ADDRESS = {"ipv4_address", "ipv6_address"}  # of a range that a private network hasn't
_OWN_NAME = {"name", "external", "ipam"}
_BRIDGE_NAME = "com.docker.network.bridge.name"
GATEWAYS = (28, 0)  # the first engine that knows gw_priority


def meeting(stack: Stack, side: Side) -> frozenset[str]:
    """Return the keys of the networks on which a color must meet others: shared services, or other stacks."""
    model = stack.models[side]
    services = services_in(model)
    shared = [services[each.name] for each in stack.having(Role.SHARED) if each.name in services]
    keys = {key for service in shared for key in networks_of(service)}
    return frozenset(keys | {key for key, network in _networks(model).items() if network.get("external")})


def name_of(model: Node, key: str) -> str:
    """Return the real name of the network *key*."""
    return text(_networks(model).get(key, {}).get("name")) or f"{text(model.get('name'))}_{key}"


def private_name(stack: Stack, side: Side, key: str) -> str:
    """Return the name of the network that stands for *key* within *side*; it sorts before the stack's default."""
    return f"{project_of(stack.project, side)}_{key}"


def networks_by_service(stack: Stack, side: Side) -> dict[str, tuple[str, ...]]:
    """Return the keys of the networks that each rotating service is on in the files of *side*."""
    services = services_in(stack.models[side])
    return {each.name: tuple(networks_of(services[each.name])) for each in stack.rotating}


def joined(key: str) -> str:
    """Return the key, in a rendering, of the stack's own network *key*."""
    return f"{key}.shared"


def attached(name: str, stack: Stack, side: Side, meets: frozenset[str], engine: tuple[int, int]) -> Tree:
    """Return the networks of the service *name* in the rendering of *side*."""
    service = services_in(stack.models[side])[name]
    plain = services_in(stack.models[Side.PLAIN]).get(name, {})
    names = {name, text(plain.get("container_name")), text(service.get("hostname"))} - {""}
    networks = networks_of(service)
    ranks = {key: number(options.get("gw_priority")) for key, options in networks.items()}
    ways = sorted(networks, key=lambda key: (-ranks[key], name_of(stack.models[side], key)))
    found: Tree = {}
    for key, options in networks.items():
        kept = {k: v for k, v in options.items() if k not in _OWN_ADDRESS}
        aliases = sorted(names | set(map(text, sequence(options.get("aliases")))))
        rank = max(ranks.values()) + len(ways) - ways.index(key)
        found[key] = kept | {"aliases": aliases} | _priority(rank, engine)
        if key in meets:
            found[joined(key)] = _priority(ranks[key], engine) if ranks[key] else None
    return found | _own_address(service, found)


def _own_address(service: Node, networks: Tree) -> Tree:
    """Return the first network with the MAC address that *service* has as a whole: Compose gives it to that one."""
    address = text(service.get("mac_address"))
    own = {key: mapping(networks[key]) for key in networks_of(service)}
    first = min(own, key=lambda key: (-number(own[key].get("priority")), key), default="")
    return {first: {"mac_address": address, **own[first]}} if address and first else {}


def met(service: Node, meets: frozenset[str], engine: tuple[int, int], taken: frozenset[str]) -> Tree:
    """Return the networks of a *service* that runs once: those on which it meets others, as its owner asks for them.

    It has no alias that is *taken* by another service.
    """
    networks = {key: options for key, options in networks_of(service).items() if key in meets}
    return {key: _known(options, engine, taken) or None for key, options in networks.items()}


def _known(options: Node, engine: tuple[int, int], taken: frozenset[str]) -> Tree:
    kept = {k: v for k, v in options.items() if k != "aliases" and (k != "gw_priority" or engine >= GATEWAYS)}
    aliases = [alias for alias in map(text, sequence(options.get("aliases"))) if alias not in taken]
    return {**kept, "aliases": aliases} if aliases else kept


def alone(service: Node, model: Node) -> str:
    """Return the network mode of a *service* that would meet nobody on its networks; one with no way out has none."""
    networks = (_networks(model).get(key, {}) for key in networks_of(service))
    return "none" if all(network.get("internal") for network in networks) else "bridge"


def _priority(rank: int, engine: tuple[int, int]) -> Tree:
    return {"gw_priority": rank} if engine >= GATEWAYS else {}


def declared(stack: Stack, side: Side, keys: frozenset[str], meets: frozenset[str]) -> Tree:
    """Return the top-level networks of the rendering: a private one per key, and the stack's own as external."""
    model = stack.models[side]
    found: Tree = {}
    for key in sorted(keys):
        found[key] = _private(_networks(model).get(key, {})) | {"name": private_name(stack, side, key)}
        if key in meets:
            found[joined(key)] = {"name": name_of(model, key), "external": True}
    return found


def _private(network: Node) -> Tree:
    """Return the definition of *network* without what only one network of the machine can have."""
    kept: Tree = {k: v for k, v in network.items() if k not in _OWN_NAME}
    options = {k: v for k, v in mapping(network.get("driver_opts")).items() if k != _BRIDGE_NAME}
    return kept | {"driver_opts": options} if "driver_opts" in kept else kept


def _networks(model: Node) -> Mapping[str, Node]:
    return {key: mapping(network) for key, network in mapping(model.get("networks")).items()}
