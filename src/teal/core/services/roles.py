"""Which role each service plays: the owner's word in ``teal.yml`` first, else the first guess that has a reason.

1. The proxy is shared.
2. What the proxy passes to Teal's snippet is a route.
3. What keeps data is shared: an image or data path known as a store's, or variables that make it one.
4. What others wait for until it ends, or what is called ``migrate``, ``init`` and the like, is a one-shot.
5. What is scaled to none, does nothing, or is named as something that people run by hand, is a tool.
6. What is called or runs a scheduler is a singleton: two must never run at once.
7. Where the proxy passes nothing to the snippet: what it dials, or what takes requests, is a route.
8. All else is a worker.

Where overlays (``compose.blue.yml``, ``compose.green.yml``) exist, they decide what rotates: a service in neither is
shared, a one-shot or a tool; one in either is a one-shot, a route, a singleton or a worker.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from teal.core.model.compose import (
    Node,
    environment_of,
    last_part,
    mapping,
    number,
    replicas_of,
    sequence,
    services_in,
    text,
    unescaped,
    words_of,
)
from teal.core.model.stack import Assigned, Evidence, Role
from teal.core.services import known_images

_ONE_SHOT_NAMES = frozenset({"init", "migrate", "migrator", "migration", "migrations", "setup", "seed", "configurator"})
_TOOL_NAMES = frozenset({"base", "awscli", "cli", "shell", "console", "toolbox"})
_SINGLETON_WORDS = frozenset({"beat", "celerybeat", "cron", "crond", "supercronic", "scheduler", "clock", "clockwork"})
_STAYS = frozenset({"always", "unless-stopped"})
_TRAEFIK_PORT = re.compile(r"traefik\.http\.services\.[^.]+\.loadbalancer\.server\.port")
_CADDY_UPSTREAMS = re.compile(r"\{\{\s*upstreams(?:\s+https?)?\s+(\d+)\s*\}\}")

Guess = Callable[[str, Node, "Files"], str]  # the reason, or empty where the role isn't this one


class Files:
    """What all services together say, read once: who waits for whose end, what the evidence holds."""

    def __init__(self, model: Node, evidence: Evidence) -> None:
        self.services = services_in(model)
        self.evidence = evidence
        self.awaited = _awaited(self.services)


def propose(model: Node, evidence: Evidence) -> dict[str, Assigned]:
    """Return a role with its reason for every service of *model*."""
    files = Files(model, evidence)
    return {name: _choose(name, service, files) for name, service in files.services.items()}


def _choose(name: str, service: Node, files: Files) -> Assigned:
    said = files.evidence.declared.get(name)
    if said is not None:
        return Assigned(said, "declared in teal.yml")
    if name in files.evidence.kept:
        return Assigned(Role.SHARED, files.evidence.kept[name])
    guesses = _OVERLAID if name in files.evidence.in_overlays else _BASE if files.evidence.in_overlays else _PROPOSED
    for role, guess in guesses:
        reason = guess(name, service, files)
        if reason:
            return Assigned(role, reason)
    raise AssertionError("the last guess always has a reason")


def _awaited(services: Mapping[str, Node]) -> dict[str, str]:
    """Return the services whose end somebody waits for, with one who does."""
    return {
        target: name
        for name, service in services.items()
        for target, how in mapping(service.get("depends_on")).items()
        if mapping(how).get("condition") == "service_completed_successfully"
    }


def _is_proxy(name: str, _service: Node, files: Files) -> str:
    return "the proxy" if name == files.evidence.proxy else ""


def _waited_for(name: str, _service: Node, files: Files) -> str:
    return f"{files.awaited[name]} waits for its end" if name in files.awaited else ""


def _named_one_shot(name: str, service: Node, _files: Files) -> str:
    if text(service.get("restart")) in _STAYS or not (_parts(name) & _ONE_SHOT_NAMES):
        return ""
    return "its name says that it runs to an end"


def _tool(name: str, service: Node, _files: Files) -> str:
    if replicas_of(service) == 0:
        return "scaled to none"
    if _parts(name) & _TOOL_NAMES and not service.get("restart") and not service.get("ports"):
        return "its name says that people run it by hand"
    return "it does nothing" if words_of(service)[:1] in {("true",), ("/bin/true",)} else ""


def _stateful(_name: str, service: Node, _files: Files) -> str:
    image = text(service.get("image"))
    if last_part(image) in known_images.IMAGES and not service.get("build"):
        return f"{last_part(image)} is a {known_images.IMAGES[last_part(image)]}"
    targets = (unescaped(mapping(volume).get("target")) for volume in sequence(service.get("volumes")))
    place = next((target for target in targets if known_images.on_data_path(target)), "")
    if place:
        return f"it keeps a database in {place}"
    own = known_images.VARIABLES & set(environment_of(service)) if _plainly_pulled(service) else frozenset()
    return f"{min(own)} makes it a store" if own else ""


def _plainly_pulled(service: Node) -> bool:
    """Tell whether the image runs as it comes: an application has a build or a command beside such variables."""
    return not service.get("build") and not service.get("command")


def _singleton(name: str, service: Node, _files: Files) -> str:
    found = _parts(name) & _SINGLETON_WORDS
    if found:
        return f"its name says {min(found)}: two must never run at once"
    words = words_of(service)
    found = {part for word in words for part in _parts(word)} & _SINGLETON_WORDS
    if found or "schedule:work" in words or ("celery" in words and {"-B", "--beat"} & set(words)):
        return f"its command says {min(found, default='schedule')}: two must never run at once"
    return ""


def _reached(name: str, _service: Node, files: Files) -> str:
    return f"the proxy names it, port {files.evidence.routes[name]}" if name in files.evidence.routes else ""


def _open(name: str, service: Node, files: Files) -> str:
    """Say what makes a service a route while the proxy passes nothing to Teal's snippet."""
    if name in files.evidence.ports:
        return "teal.yml gives it a port as a route"
    if files.evidence.routes:
        return ""
    if files.evidence.direct_upstreams:
        return (
            f"the proxy passes requests to its port {files.evidence.direct_upstreams[name]}"
            if name in files.evidence.direct_upstreams
            else ""
        )
    return found[1] if (found := listens(service)) else ""


def _overlaid(_name: str, _service: Node, _files: Files) -> str:
    return "named in compose.blue.yml or compose.green.yml"


def _not_overlaid(_name: str, _service: Node, _files: Files) -> str:
    return "not named in compose.blue.yml or compose.green.yml"


def _else(_name: str, _service: Node, _files: Files) -> str:
    return "no data of its own, and no route leads to it"


def listens(service: Node) -> tuple[int, str] | None:
    """Return the port on which *service* takes requests and what shows it, None where the file shows none."""
    for each in sequence(service.get("ports")):
        port = mapping(each)
        if text(port.get("protocol")) in {"tcp", ""} and number(port.get("target")):
            return number(port.get("target")), f"publishes port {port.get('target')}"
    label = _labelled_port(service)
    if label:
        return label, f"a label for the proxy names port {label}"
    exposed = next((number(text(each).split("/")[0]) for each in sequence(service.get("expose"))), 0)
    return (exposed, f"exposes port {exposed}") if exposed else None


def _labelled_port(service: Node) -> int:
    for key, value in mapping(service.get("labels")).items():
        if _TRAEFIK_PORT.fullmatch(key):
            return number(value)
        upstream = _CADDY_UPSTREAMS.search(unescaped(value)) if key.startswith("caddy") else None
        if upstream:
            return int(upstream[1])
    return number(environment_of(service).get("VIRTUAL_PORT"))


def _parts(word: str) -> set[str]:
    return set(re.split(r"[^a-z0-9]+", word.lower()))


_ONCE: tuple[tuple[Role, Guess], ...] = ((Role.ONE_SHOT, _waited_for), (Role.ONE_SHOT, _named_one_shot))
_OVERLAID: tuple[tuple[Role, Guess], ...] = (
    (Role.ONE_SHOT, _waited_for),
    (Role.ROUTE, _reached),
    (Role.SINGLETON, _singleton),
    (Role.ROUTE, _open),
    (Role.WORKER, _overlaid),
)
_BASE: tuple[tuple[Role, Guess], ...] = (
    (Role.SHARED, _is_proxy),
    (Role.SHARED, _stateful),
    *_ONCE,
    (Role.TOOL, _tool),
    (Role.SHARED, _not_overlaid),
)
_PROPOSED: tuple[tuple[Role, Guess], ...] = (
    (Role.SHARED, _is_proxy),
    (Role.ROUTE, _reached),
    (Role.SHARED, _stateful),
    *_ONCE,
    (Role.TOOL, _tool),
    (Role.SINGLETON, _singleton),
    (Role.ROUTE, _open),
    (Role.WORKER, _else),
)
