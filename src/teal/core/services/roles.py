"""Which role each service plays: the owner's word in ``teal.yml`` first, else the first guess that has a reason.

1. The proxy is shared.
2. What the proxy passes to Teal's snippet is a route.
3. What keeps data is shared: an image or data path known as a store's (stores.py).
4. A front that only passes requests on is shared, one that is part of the release is a route (fronts.py).
5. What others wait for until it ends is a one-shot.
6. Monitors, tunnels and helpers are shared (stores.py).
7. What runs to an end is a one-shot, what people run by hand a tool, what acts by the clock a singleton: two of it
   must never run at once (jobs.py).
8. What lives in the network of a shared service is shared; so is what looks like a store, or speaks no HTTP.
9. Where the proxy passes nothing to the snippet: what a front calls over HTTP, what has labels for one, what publishes
   a port that may speak HTTP, is a route.
10. All else is a worker.

Where overlays (``compose.blue.yml``, ``compose.green.yml``) exist, they decide what rotates: a service in neither is
shared, a one-shot or a tool; one in either is a one-shot, a route, a singleton or a worker.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping

from teal.core.model.built import Made
from teal.core.model.compose import Node, environment_of, mapping, networks_of, number, services_in, text
from teal.core.model.stack import Assigned, Evidence, ImageFacts, Role
from teal.core.services import jobs, known_images, stores
from teal.core.services.fronts import Fronts
from teal.core.services.labels import told
from teal.core.services.ports import best, exposed, held, published

_PORT_VARIABLES = ("PORT", "HTTP_PORT", "APP_PORT", "SERVER_PORT", "LISTEN_PORT")
Guess = Callable[[str, Node, "Files"], str]  # the reason, or empty where the role isn't this one


class Files:
    """What all services together say, read once: who waits for whose end, who calls whom, what the evidence holds."""

    def __init__(self, model: Node, evidence: Evidence) -> None:
        self.model = model
        self.services = services_in(model)
        self.evidence = evidence
        self.awaited = _awaited(self.services)
        self.stores = {name: why for name, each in self.services.items() if (why := self._store(name, each))}
        self.fronts = Fronts(model, evidence, frozenset(self.stores))
        self._given = Counter(key for service in self.services.values() for key in environment_of(service))
        self.images = Counter(text(service.get("image")) for service in self.services.values())
        self.seen: dict[str, str] = {}  # by a front that no file tells about: service -> why

    def made(self, name: str) -> Made | None:
        """Return what the image of *name* is, where the stack builds it."""
        return self.evidence.built.get(name)

    def own_variables(self, name: str) -> dict[str, str]:
        """Return the variables of *name* that no other service is given."""
        return {key: value for key, value in environment_of(self.services[name]).items() if self._given[key] == 1}

    def known_stores(self) -> list[str]:
        """Return what the stores of the stack are, by their images."""
        return [known_images.parts_of(stores.image_of(self.services[name], self.made(name)))[1] for name in self.stores]

    def _store(self, name: str, service: Node) -> str:
        return stores.known_store(service, self.made(name))


def propose(model: Node, evidence: Evidence) -> dict[str, Assigned]:
    """Return a role with its reason for every service of *model*."""
    files = Files(model, evidence)
    found = {name: _choose(name, service, files) for name, service in files.services.items()}
    files.seen = _seen_by_chance(found, files)
    for name in files.seen:
        found[name] = _choose(name, files.services[name], files)
    return found


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
    evidence = files.evidence
    prepared = bool(evidence.routes or evidence.strange or evidence.broken)
    return "the proxy" if name == evidence.proxy and (prepared or name not in files.fronts.released) else ""


def _waited_for(name: str, _service: Node, files: Files) -> str:
    return f"{files.awaited[name]} waits for its end" if name in files.awaited else ""


def _stateful(name: str, _service: Node, files: Files) -> str:
    return files.stores.get(name, "")


def _stays(name: str, _service: Node, files: Files) -> str:
    return files.fronts.stays.get(name, "")


def _released(name: str, _service: Node, files: Files) -> str:
    return files.fronts.released.get(name, "")


def _helper(name: str, service: Node, files: Files) -> str:
    return stores.helper(service, files.made(name))


def _by_variables(_name: str, service: Node, files: Files) -> str:
    return stores.by_variables(service, files.known_stores())


def _runs_once(name: str, service: Node, _files: Files) -> str:
    return jobs.runs_once(name, service)


def _not_again(name: str, service: Node, files: Files) -> str:
    others = [each for other, each in files.services.items() if other != name]
    return jobs.never_restarts(service, others) if not _reached_by_users(name, service, files) else ""


def _tool(name: str, service: Node, _files: Files) -> str:
    return jobs.by_hand(name, service)


def _singleton(name: str, service: Node, files: Files) -> str:
    reached = not files.evidence.routes and bool(_reached_by_users(name, service, files))
    return jobs.by_the_clock(name, service, files.own_variables(name), reached=reached)


def _reached(name: str, _service: Node, files: Files) -> str:
    return f"the proxy names it, port {files.evidence.routes[name]}" if name in files.evidence.routes else ""


def _open(name: str, service: Node, files: Files) -> str:
    """Say what makes a service a route while the proxy passes nothing to Teal's snippet."""
    if name in files.evidence.ports:
        return "teal.yml gives it a port as a route"
    if files.evidence.routes:
        past = files.evidence.direct_upstreams.get(name)
        return f"the proxy passes requests to its port {past}, past the snippet" if past else ""
    return _reached_by_users(name, service, files) or files.seen.get(name, "")


def _reached_by_users(name: str, service: Node, files: Files) -> str:
    """Say by which way users come to a service: a front that calls it, labels for one, a published port."""
    call = files.fronts.serves.get(name)
    if call is not None:
        return f"{call.by} passes requests to its port {call.port}"
    if name in files.evidence.direct_upstreams:
        return f"the proxy passes requests to its port {files.evidence.direct_upstreams[name]}"
    label = next((each for each in told(service) if each.how == "http"), None)
    if label is not None:
        what = f"the label {label.what}" if label.labels else label.what
        return f"{what} leads users to it"
    ports = held(service)
    plain = best(port.target for port in ports if not port.other)
    port = plain or next((each.target for each in ports if each.other == "TLS"), 0)
    return f"publishes port {port}" if port else ""


def _tied(_name: str, service: Node, files: Files) -> str:
    """Say whose network a service lives in, where that one is shared: it can't leave it."""
    owner = _owner_of(service)
    if owner not in files.services or _owner_of(files.services[owner]):
        return ""
    shared = _choose(owner, files.services[owner], files).role is Role.SHARED
    return f"it lives in the network of {owner}, which is shared" if shared else ""


def _owner_of(service: Node) -> str:
    mode = text(service.get("network_mode"))
    return mode.removeprefix("service:") if mode.startswith("service:") else ""


def _sounds(name: str, service: Node, files: Files) -> str:
    return stores.by_its_look(name, service, files.made(name), files.images)


def _seen_by_chance(found: Mapping[str, Assigned], files: Files) -> dict[str, str]:
    """Return what else takes requests, by less: no file says whom a front calls, or nothing is a route yet."""
    left = [name for name, assigned in found.items() if assigned.role is Role.WORKER]
    left = [name for name in left if name not in files.evidence.in_overlays]
    if files.evidence.routes or files.evidence.direct_upstreams or not left:
        return {}
    for guess in (_before_a_blind_front, _from_elsewhere, _on_the_host, _alone):
        seen = guess(left, found, files)
        if seen:
            return seen
    return {}


def _before_a_blind_front(left: list[str], found: Mapping[str, Assigned], files: Files) -> dict[str, str]:
    """Return what a front calls whose list of sites nobody can read: what exposes a port to it, what it waits for."""
    for front in files.fronts.blind():
        near = [name for name in left if files.fronts.meet(front, name)]
        waits = mapping(files.services[front].get("depends_on"))
        for chosen in (
            [name for name in near if best(exposed(files.services[name]))],
            [name for name in near if name in waits],
            [name for name in near if best(_exposed_by_image(name, files))] if not _any_route(found) else [],
            near if len(near) == 1 and not _any_route(found) else [],
        ):
            if chosen:
                return dict.fromkeys(chosen, f"{front} leads users in, and this is what it finds")
    return {}


def _from_elsewhere(left: list[str], _roles: Mapping[str, Assigned], files: Files) -> dict[str, str]:
    """Return what exposes a port to the network of another project: it is called from there."""
    networks = mapping(files.model.get("networks"))
    external = {key for key, definition in networks.items() if mapping(definition).get("external")}
    found: dict[str, str] = {}
    for name in left:
        there = external & set(networks_of(files.services[name]))
        port = best(exposed(files.services[name])) or best(_exposed_by_image(name, files))
        if there and port:
            found[name] = f"it exposes port {port} to {min(there)}, another project's network"
    return found


def _on_the_host(left: list[str], found: Mapping[str, Assigned], files: Files) -> dict[str, str]:
    """Return what serves a port on the host's own network, where nothing else is a route."""
    if _any_route(found):
        return {}
    hosts = [name for name in left if text(files.services[name].get("network_mode")) == "host"]
    ports = {name: _said_port(files.services[name]) or best(_exposed_by_image(name, files)) for name in hosts}
    return {name: f"it serves port {port} of the machine itself" for name, port in ports.items() if port}


def _alone(left: list[str], found: Mapping[str, Assigned], files: Files) -> dict[str, str]:
    """Return what exposes a port, where nothing of the stack is reached from outside as far as the files tell."""
    if _any_route(found):
        return {}
    ports = {name: next(iter(_open_ports(files.services[name])), 0) for name in left}
    return {name: f"exposes port {port}" for name, port in ports.items() if port}


def _open_ports(service: Node) -> tuple[int, ...]:
    """Return the TCP ports that *service* shows in its file: published wherever one is free, or exposed."""
    return (*(port.target for port in published(service) if port.protocol == "tcp"), *exposed(service))


def _any_route(found: Mapping[str, Assigned]) -> bool:
    return any(assigned.role is Role.ROUTE for assigned in found.values())


def _exposed_by_image(name: str, files: Files) -> tuple[int, ...]:
    made = files.made(name)
    return (*files.evidence.images.get(name, ImageFacts()).exposed, *(made.exposed if made else ()))


def _said_port(service: Node) -> int:
    """Return the port that the environment of *service* tells it to listen at; 0 where none does."""
    environment = environment_of(service)
    return next((port for name in _PORT_VARIABLES if (port := number(environment.get(name)))), 0)


def ports_of(names: Iterable[str], model: Node, evidence: Evidence) -> dict[str, int]:
    """Return where the routes *names* listen: as owner, callers, file or image show; 0 where that is not known."""
    files = Files(model, evidence)
    return {name: _port_of(name, files) for name in names}


def is_guessed(name: str, model: Node, evidence: Evidence) -> bool:
    """Tell whether nothing shows where the route *name* listens: it is taken for the port that its front would try."""
    return not _shown_port(name, Files(model, evidence))


def _port_of(name: str, files: Files) -> int:
    labelled = any(each.how == "http" for each in told(files.services[name]))
    return _shown_port(name, files) or (80 if labelled else 0)


def _shown_port(name: str, files: Files) -> int:
    evidence = files.evidence
    service = files.services[name]
    call = files.fronts.serves.get(name)
    label = next((each for each in told(service) if each.how == "http"), None)
    shown = [*(port.target for port in held(service) if not port.other)]
    ways = (
        evidence.ports.get(name, 0),
        evidence.routes.get(name, 0),
        label.port if label else 0,
        call.port if call else 0,
        evidence.direct_upstreams.get(name, 0),
        best(shown),
        next((port.target for port in held(service)), 0),
        best(exposed(service)),
        best(_exposed_by_image(name, files)),
        next(iter(_open_ports(service)), 0),
        _said_port(service),
        next(iter(_exposed_by_image(name, files)), 0),
    )
    return next((port for port in ways if port), 0)


def _overlaid(_name: str, _service: Node, _files: Files) -> str:
    return "named in compose.blue.yml or compose.green.yml"


def _not_overlaid(_name: str, _service: Node, _files: Files) -> str:
    return "not named in compose.blue.yml or compose.green.yml"


def _else(_name: str, _service: Node, _files: Files) -> str:
    return "no data of its own, and no route leads to it"


_ONCE: tuple[tuple[Role, Guess], ...] = ((Role.ONE_SHOT, _waited_for), (Role.ONE_SHOT, _runs_once))
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
    (Role.SHARED, _by_variables),
    *_ONCE,
    (Role.TOOL, _tool),
    (Role.SHARED, _not_overlaid),
)
_PROPOSED: tuple[tuple[Role, Guess], ...] = (
    (Role.SHARED, _is_proxy),
    (Role.ROUTE, _reached),
    (Role.SHARED, _stateful),
    (Role.SHARED, _stays),
    (Role.ROUTE, _released),
    (Role.ONE_SHOT, _waited_for),
    (Role.SHARED, _helper),
    (Role.SHARED, _by_variables),
    (Role.ONE_SHOT, _runs_once),
    (Role.TOOL, _tool),
    (Role.SINGLETON, _singleton),
    (Role.SHARED, _tied),
    (Role.SHARED, _sounds),
    (Role.ROUTE, _open),
    (Role.ONE_SHOT, _not_again),
    (Role.WORKER, _else),
)
