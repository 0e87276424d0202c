"""Mounts that two colors can't both have."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.model.compose import Node, last_part, mapping, sequence, services_in, text, unescaped
from teal.core.model.problem import Problem, error, warning
from teal.core.model.side import Side
from teal.core.model.stack import Role, Service, Stack
from teal.core.services import known_images
from teal.core.services.health import facts_of

# Mounted from the machine, written by nobody or made for many.
_MACHINE = ("/dev", "/proc", "/sys", "/etc/localtime", "/etc/timezone", "/tmp/.X11-unix")  # noqa: S108
_DOCKER = ("/var/run/docker.sock", "/run/docker.sock")


def mounts(stack: Stack) -> Iterator[Problem]:
    """Say which data both colors would write, and what a service can do past Compose."""
    services = services_in(stack.models[Side.BLUE])
    for each in (*stack.rotating, *stack.having(Role.ONE_SHOT)):
        yield from _source(each, services[each.name], stack)
    for each in stack.rotating:
        for volume in map(mapping, sequence(services[each.name].get("volumes"))):
            if unescaped(volume.get("source")) in _DOCKER:
                yield _docker(each)
            elif _key(each, volume) in stack.sources:
                continue
            elif each.role is not Role.SINGLETON and is_data(volume) and not _declared(volume, stack):
                yield _data(each, volume, stack)
        if services[each.name].get("use_api_socket"):
            yield _docker(each)
        yield from _borrowed(each, services[each.name], stack)
        yield from _hidden(each, services[each.name], stack)


def _key(each: Service, volume: Node) -> tuple[str, str]:
    return each.name, unescaped(volume.get("source")).rstrip("/") or "/"


def _source(each: Service, service: Node, stack: Stack) -> Iterator[Problem]:
    """Refuse code that no release holds; that two processes may write it changes nothing."""
    for volume in map(mapping, sequence(service.get("volumes"))):
        if _key(each, volume) not in stack.sources:
            continue
        source, target = unescaped(volume.get("source")), unescaped(volume.get("target"))
        name = source.removeprefix(f"{stack.directory}/") if source != stack.directory else "the project's folder"
        message = f"{name}, mounted at {target}, is the source of {each.name}: an edit is live in both colors at once, "
        message += "`deploy` sees no change, and a rollback brings no code back"
        has = "the image has it" if each.builds else f"build an image of {each.name} with it"
        remedy = f"take the mount out: {has}. Where only compose.override.yml mounts it, leave that file out on this "
        yield error(each.name, message, f"{remedy}machine: `COMPOSE_FILE=compose.yml` in .env")


def is_data(volume: Node) -> bool:
    """Tell whether *volume* is a place with a name that its container may write to."""
    source = unescaped(volume.get("source"))
    if volume.get("read_only") or not source or volume.get("type") not in {"volume", "bind"}:
        return False
    return not any(source == place or source.startswith(place + "/") for place in _MACHINE)


def name_of(volume: Node) -> str:
    """Return how people call *volume*: its key, or the last parts of the host path."""
    source = unescaped(volume.get("source"))
    return source if volume.get("type") == "volume" else source.rsplit("/", 1)[-1] or source


def _declared(volume: Node, stack: Stack) -> bool:
    source = unescaped(volume.get("source"))
    real = mapping(mapping(stack.models[Side.BLUE].get("volumes")).get(source)).get("name")
    relative = source.removeprefix(stack.directory + "/")
    return bool(stack.safe_volumes & {source, text(real), relative, f"./{relative}", unescaped(volume.get("target"))})


def _data(each: Service, volume: Node, stack: Stack) -> Problem:
    name = name_of(volume)
    proxy = _served_by(volume, stack)
    if proxy:
        return error(
            each.name,
            f"{each.name} and {proxy} share {name}: the new release would overwrite what the old one serves",
            f"serve it from the image of {each.name}; if it only grows (uploads), say so in teal.yml: "
            f"`safe_volumes: [{name}]`",
        )
    return error(
        each.name,
        f"{each.name} writes to {name}, and both colors would",
        f"two processes may? Say so in teal.yml: `safe_volumes: [{name}]`. It only reads? Mount it read-only. "
        f"Else (SQLite, an index) make {each.name} shared: `services: {{{each.name}: shared}}`",
    )


def _served_by(volume: Node, stack: Stack) -> str:
    """Return the proxy that mounts *volume*, too; empty for none."""
    services = services_in(stack.models[Side.PLAIN])
    for each in stack.having(Role.SHARED):
        sources = {mapping(other).get("source") for other in sequence(services[each.name].get("volumes"))}
        if volume.get("source") in sources and (each.name == stack.proxy or _is_proxy(each)):
            return each.name
    return ""


def _is_proxy(each: Service) -> bool:
    return known_images.IMAGES.get(last_part(each.image)) == "proxy"


def _hidden(each: Service, service: Node, stack: Stack) -> Iterator[Problem]:
    """Warn of data that only the image knows of: each container has an empty volume of its own for it."""
    mounted = {unescaped(mapping(volume).get("target")) for volume in sequence(service.get("volumes"))}
    for place in sorted(set(facts_of(each.name, stack.evidence).volumes) - mounted):
        message = f"the image of {each.name} keeps {place} in a volume without a name: each release begins with none"
        yield warning(each.name, message, f"mount something there, or make {each.name} shared, if it matters")


def _docker(each: Service) -> Problem:
    return warning(
        each.name,
        f"what {each.name} starts outside Compose belongs to no color",
        f"make {each.name} shared where it starts containers",
    )


def _borrowed(each: Service, service: Node, stack: Stack) -> Iterator[Problem]:
    rotating = stack.rotating_names
    for reference in map(text, sequence(service.get("volumes_from"))):
        owner = reference.split(":")[0]
        if owner not in rotating and owner != "container":
            yield error(
                each.name,
                f"{each.name} takes the volumes of {owner}, which is shared",
                f"mount them by name, or make {each.name} shared too",
            )
