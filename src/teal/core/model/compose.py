"""Readers of a resolved Compose model, which trust its shape no further than needed.

``docker compose config`` has validated the model already; these readers only give its values a type. Text in a
model has every ``$`` doubled: ``unescaped`` where Teal reads a value, ``escaped`` where it adds one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Node = Mapping[str, object]
NAMESPACES = ("network_mode", "ipc", "pid", "uts", "cgroup")  # keys of a service that may name another's: service:NAME


def mapping(value: object) -> Node:
    """Return *value* as a mapping; null and anything else is an empty one."""
    return value if isinstance(value, Mapping) else {}


def sequence(value: object) -> Sequence[object]:
    """Return *value* as a list; null and anything else is an empty one."""
    return value if isinstance(value, list | tuple) else ()


def text(value: object) -> str:
    """Return *value* as text; null is empty, numbers and booleans as Compose writes them."""
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def number(value: object) -> int:
    """Return *value* as a whole number; what is none is 0."""
    try:
        return int(text(value))
    except ValueError:
        return 0


def escaped(value: str) -> str:
    """Return *value* as a Compose model writes it."""
    return value.replace("$", "$$")


def unescaped(value: object) -> str:
    """Return what *value* of a Compose model means."""
    return text(value).replace("$$", "$")


def services_in(model: Node) -> Mapping[str, Node]:
    """Return the model's services by name, in the file's order."""
    return {name: mapping(service) for name, service in mapping(model.get("services")).items()}


def is_fixed(port: Node) -> bool:
    """Tell whether *port* of a service is published at a port that the file names, not wherever one is free."""
    return text(port.get("published")) not in {"", "0"}


def networks_of(service: Node) -> Mapping[str, Node]:
    """Return the networks that *service* joins by key, with its options there; none with a ``network_mode``."""
    if service.get("network_mode"):
        return {}
    return {key: mapping(options) for key, options in mapping(service.get("networks")).items()} or {"default": {}}


def environment_of(service: Node) -> Mapping[str, str]:
    """Return the environment of *service* as its process will see it; variables without a value are left out."""
    values = mapping(service.get("environment"))
    return {name: unescaped(value) for name, value in values.items() if value is not None}


def words_of(service: Node) -> tuple[str, ...]:
    """Return entrypoint and command of *service* as the words that its process will see."""
    return tuple(unescaped(w) for part in ("entrypoint", "command") for w in sequence(service.get(part)))


def replicas_of(service: Node) -> int:
    """Return how many containers of *service* are wanted; 1 where nothing is said."""
    wanted = service.get("scale", mapping(service.get("deploy")).get("replicas"))
    return 1 if wanted is None else number(wanted)


def last_part(image: str) -> str:
    """Return the last part of an image's name without tag or digest: ``caddy`` of ``docker.io/library/caddy:2``."""
    return image.split("@")[0].rsplit("/", 1)[-1].split(":")[0]
