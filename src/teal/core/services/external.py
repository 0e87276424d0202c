"""Volumes and networks that a stack only finds, since its files call them ``external``: others make them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from teal.core.model.compose import Node, mapping, networks_of, sequence, services_in, text, unescaped


@dataclass(frozen=True, slots=True, order=True)
class External:
    """A volume or network that must be there before anything of the stack is made; *name* is the engine's."""

    kind: str  # volume, network
    name: str

    @property
    def remedy(self) -> str:
        """Return what to do where it isn't there."""
        return f"create it (docker {self.kind} create {self.name}), or correct `{self.kind}s` in the Compose file"


def external(model: Node, service: str) -> frozenset[External]:
    """Return what *service* of *model* uses that is external."""
    asked = services_in(model).get(service, {})
    mounts = (mapping(volume) for volume in sequence(asked.get("volumes")))
    volumes = (unescaped(each.get("source")) for each in mounts if each.get("type") == "volume")
    return frozenset({*_named(model, "volume", volumes), *_named(model, "network", networks_of(asked))})


def _named(model: Node, kind: str, keys: Iterable[str]) -> Iterable[External]:
    declared = mapping(model.get(f"{kind}s"))
    for key in keys:
        entry = mapping(declared.get(key))
        if entry.get("external"):
            yield External(kind, unescaped(entry.get("name")) or key)


def with_dependencies(services: Mapping[str, Node], name: str) -> frozenset[str]:
    """Return *name* and all that it depends on: Compose reads their volumes and networks, too, when *name* is meant."""
    found: set[str] = set()
    ahead = [name]
    while ahead:
        each = ahead.pop()
        if each in services and each not in found:
            found.add(each)
            ahead += map(text, mapping(services[each].get("depends_on")))
    return frozenset(found)
