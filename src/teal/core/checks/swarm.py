"""What of a stack can't run on a Swarm, or would not be there what it is here: from its files alone.

Two kinds hurt most, since `docker stack deploy` says nothing that stops anybody: what it drops, and what it opens.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace

from teal.core.model.compose import Node, mapping, networks_of, sequence, services_in, text, unescaped
from teal.core.model.problem import Problem, error, warning
from teal.core.model.side import Side, key_of, project_of
from teal.core.model.stack import Role, Service, Stack
from teal.core.swarm.keys import CONFIG, IDLE, KEPT, NAME, REFUSED, RENDERED, SAME, SECRET, UNKNOWN

STATE = "/etc/teal"  # where the proxy mounts the state file: a tmpfs there
_EVERYWHERE = {"", "0.0.0.0", "::"}  # noqa: S104 (what Docker means by it)
_SHARED_DRIVERS = ("nfs", "cifs")
_BRIDGES = {"", "bridge", "overlay", "default"}

Files = Mapping[str, int]  # small things of the project by path: their size in bytes, -1 for a folder


def swarm_problems(stack: Stack, files: Files) -> tuple[Problem, ...]:
    """Return everything that keeps *stack* from a Swarm, or that its owner should know before, errors first.

    *files*: what it mounts that lies within its project.
    """
    model = stack.models[Side.BLUE]
    found: list[Problem] = []
    for service in stack.services:
        node = services_in(model).get(service.name, {})
        if service.role is not Role.TOOL:
            for rule in _OF_A_SERVICE:
                found += rule(stack, service, node)
            found += _mounts(stack, service, node, files)
            found += _given(model, service, node, files)
    for whole in (_networks, _unfinished, _certificates, _single):
        found += whole(stack)
    placed = (replace(each, place=each.place or stack.places.get(each.service, "")) for each in found)
    return tuple(sorted(dict.fromkeys(placed), key=lambda each: ("error", "warning", "note").index(each.level)))


def _keys(stack: Stack, service: Service, node: Node) -> Iterator[Problem]:
    """Say which keys would be dropped, or refused by Docker itself."""
    del stack
    for key, value in node.items():
        known = key in KEPT or key in RENDERED or key in IDLE or key.startswith("x-")
        if known or not value or text(value) in SAME.get(key, set()):
            continue
        reason = REFUSED.get(key, UNKNOWN)
        yield error(service.name, f"{service.name} has {key}: {reason.why}", reason.remedy)


def _deploy(stack: Stack, service: Service, node: Node) -> Iterator[Problem]:
    del stack
    deploy = mapping(node.get("deploy"))
    if mapping(mapping(mapping(deploy.get("resources")).get("reservations"))).get("devices"):
        reason = REFUSED["gpus"]
        yield error(service.name, f"{service.name} reserves devices: {reason.why}", reason.remedy)
    mode = text(deploy.get("mode"))
    if mode.endswith("-job"):
        what = f"{service.name} is a {mode}: a Swarm may run one several times, however often it was asked for"
        yield error(service.name, what, "run it once, as a one-shot of the deploy")


def _published(stack: Stack, service: Service, node: Node) -> Iterator[Problem]:
    """Say which ports a Swarm would open to the world; those of a color are not published at all."""
    if service.role.rotates:
        return
    for port in map(mapping, sequence(node.get("ports"))):
        address, number = text(port.get("host_ip")), text(port.get("published"))
        if address not in _EVERYWHERE:
            what = f"{service.name} publishes {number} at {address} only: a Swarm would open it to everybody"
            where = "let a firewall, or a balancer in front, decide who comes" if service.name == stack.proxy else ""
            yield error(service.name, what, f"write the port without the address; {where}" if where else _REACH)
        if "-" in number:
            what = f"{service.name} publishes a range, {number}: a stack file has whole numbers only"
            yield error(service.name, what, "write each port by itself")
        if service.name != stack.proxy and address in _EVERYWHERE and number:
            what = f"{service.name} publishes {number}: it is reached at the node that has its data, at no other"
            yield warning(service.name, what, "call it by its name on the stack's network, where that will do")


_REACH = (
    "take the port out, and reach the service through the stack's network: `teal exec`, or an SSH tunnel to its node"
)


def _host(stack: Stack, service: Service, node: Node) -> Iterator[Problem]:
    """Say what means the machine itself, which is another one on each node."""
    del stack
    hosts = node.get("extra_hosts")
    entries = [text(e) for e in sequence(hosts)] + [f"{k}={text(v)}" for k, v in mapping(hosts).items()]
    if any("host-gateway" in entry for entry in entries):
        what = f"{service.name} calls its own machine (host-gateway): on a Swarm that is another one on each node"
        yield error(service.name, what, "name the machine by its address")
    for name, value in mapping(node.get("environment")).items():
        if "{{" in text(value):
            what = f"{service.name}: a Swarm reads {{{{ }}}} in {name} as a template of its own"
            yield warning(service.name, what, "give the value in a file (a config or a secret), if it is not meant so")


def _image(stack: Stack, service: Service, node: Node) -> Iterator[Problem]:
    built = service.builds or bool(node.get("build"))
    if built and not (stack.swarm and stack.swarm.registry):
        what = f"{service.name} is built here: the other nodes would not find its image"
        yield error(
            service.name, what, "name a registry that all nodes reach in teal.yml: `swarm: {registry: HOST:5000}`"
        )
    if not built and not node.get("image"):
        yield error(service.name, f"{service.name} has no image", "give it one that a registry has")


def _names(stack: Stack, service: Service, node: Node) -> Iterator[Problem]:
    del node
    side = Side.GREEN if service.role.rotates else Side.PLAIN
    where = project_of(stack.project, side) if service.role.rotates else f"{stack.project}-shared"
    name = f"{where}_{key_of(service.name, side)}"
    if len(name) > NAME:
        what = f"{service.name} would be called {name} there, {len(name)} characters: a Swarm takes {NAME}"
        yield error(service.name, what, "give the project, or the service, a shorter name")


def _order(stack: Stack, service: Service, node: Node) -> Iterator[Problem]:
    del stack
    waits = [name for name, said in service.depends_on.items() if said != "service_started"]
    if waits and service.role.rotates:
        what = f"{service.name} would not wait for {', '.join(sorted(waits))}: a Swarm starts all at once"
        yield warning(service.name, what, "let it try again until they answer, or end: then it is started again")
    check = mapping(node.get("healthcheck"))
    if (service.role is Role.ROUTE and service.health.kind != "engine") or check.get("disable"):
        what = f"{service.name} has no healthcheck: a Swarm calls it ready as soon as its process runs"
        yield warning(service.name, what, "give it a healthcheck")


_OF_A_SERVICE: tuple[Callable[[Stack, Service, Node], Iterator[Problem]], ...] = (
    _keys,
    _deploy,
    _published,
    _host,
    _image,
    _names,
    _order,
)


def _mounts(stack: Stack, service: Service, node: Node, files: Files) -> Iterator[Problem]:
    for mount in map(mapping, sequence(node.get("volumes"))):
        kind, target = text(mount.get("type")), text(mount.get("target"))
        source = unescaped(mount.get("source"))
        if service.name == stack.proxy and target == STATE:
            continue
        if kind == "bind":
            yield from _bind(service, source, target, files, read_only=bool(mount.get("read_only")))
        elif kind == "volume" and source:
            yield from _volume(stack, service, source)
        elif kind not in {"volume", "tmpfs"}:
            yield error(service.name, f"{service.name} mounts a {kind} at {target}: a stack file can't say it", _CONFIG)


_CONFIG = "put what it needs into the image, or give it as configs of the stack"


def _bind(service: Service, source: str, target: str, files: Files, *, read_only: bool) -> Iterator[Problem]:
    size = files.get(source)
    if source.endswith("docker.sock"):
        what = f"{service.name} mounts {source}: it would speak for one node, whichever that is"
        yield error(service.name, what, "leave this service on a machine of its own")
    elif size is None:
        what = f"{service.name} mounts {source} of this machine: other nodes have other files"
        yield error(service.name, what, "put what it needs into the image, a volume, or a config of the stack")
    elif not read_only:
        what = f"{service.name} writes to {source}: each node would have its own"
        yield error(service.name, what, f"mount it read-only, `{target}:ro`, where it is only read; else use a volume")
    elif size < 0:
        what = f"{service.name} mounts the folder {source}: a config of a Swarm is one file"
        yield error(service.name, what, "mount its files one by one, read-only, or put them into the image")
    elif size > CONFIG:
        what = f"{service.name} mounts {source}, {size // 1000:,} KB: a config of a Swarm holds {CONFIG // 1000:,}"
        yield error(service.name, what, "put it into the image")


def _volume(stack: Stack, service: Service, key: str) -> Iterator[Problem]:
    volume = mapping(mapping(stack.models[Side.BLUE].get("volumes")).get(key))
    driver, options = text(volume.get("driver")), mapping(volume.get("driver_opts"))
    everywhere = driver not in {"", "local"} or text(options.get("type")).startswith(_SHARED_DRIVERS)
    if everywhere:
        return
    if service.role.rotates:
        what = f"{service.name} writes to the volume {key}: each node would have its own"
        yield error(service.name, what, "use a driver that all nodes share (NFS, a CSI driver), or an object store")
    elif service.name == stack.proxy:
        what = f"the proxy keeps {key} on each node by itself: certificates there are not shared"
        yield warning(service.name, what, "nothing to do where it holds none that users see")
    else:
        what = f"{service.name} stays on the node that has its volume {key}: while that node is down, so is it"
        yield warning(service.name, what, "replicate it by its own means, or use one that is run elsewhere")


def _given(model: Node, service: Service, node: Node, files: Files) -> Iterator[Problem]:
    """Say which secrets and configs don't fit."""
    for kind, most in (("secrets", SECRET), ("configs", CONFIG)):
        values = mapping(model.get(kind))
        for each in map(mapping, sequence(node.get(kind))):
            name = text(each.get("source"))
            file = unescaped(mapping(values.get(name)).get("file"))
            size = files.get(file, 0)
            if size < 0:
                what = f"{service.name}: {name} is a folder, and a Swarm's {kind[:-1]} is one file"
                yield error(service.name, what, "give its files one by one")
            elif size > most:
                what = (
                    f"{service.name}: {name} is {size // 1000:,} KB, and a Swarm's {kind[:-1]} holds {most // 1000:,}"
                )
                yield error(service.name, what, "put it into the image, or on storage that all nodes reach")


def _networks(stack: Stack) -> Iterator[Problem]:
    model = stack.models[Side.BLUE]
    for key, network in mapping(model.get("networks")).items():
        driver = text(mapping(network).get("driver"))
        if driver not in _BRIDGES:
            what = f"the network {key} is a {driver} network, which is one machine's own"
            yield error("", what, "take the driver out: it becomes an overlay network over all nodes")
        if mapping(network).get("external"):
            name = text(mapping(network).get("name")) or key
            what = f"the network {name} is external: on the Swarm it must be an attachable overlay network"
            yield warning("", what, f"docker network create -d overlay --attachable {name}")
    for service in stack.services:
        if service.role is Role.TOOL:
            continue
        for key, options in networks_of(services_in(model).get(service.name, {})).items():
            if options.get("ipv4_address") or options.get("ipv6_address"):
                what = f"{service.name} has an address of its own on {key}: a Swarm gives another one to each task"
                yield error(service.name, what, "take the address out, and call it by its name")


def _unfinished(stack: Stack) -> Iterator[Problem]:
    """Say what Teal carries out on one machine, and not yet on a Swarm: it must not be passed over in silence."""
    remedy = "Teal does not do this on a Swarm yet: docs/swarm.md says what it does"
    for service in stack.having(Role.SINGLETON):
        yield error(service.name, f"{service.name} is a singleton: after a cut network a Swarm may run two", remedy)
    for service in stack.having(Role.ONE_SHOT):
        yield error(service.name, f"{service.name} is a one-shot: it would not be run", remedy)
    for what, there in (
        ("migrations", stack.migrations is not None),
        ("checks", bool(stack.checks)),
        ("hooks", bool(stack.hooks)),
        ("strategy: recreate", stack.strategy == "recreate"),
    ):
        if there:
            yield error("", f"teal.yml has {what}", remedy, "teal.yml")
    if stack.own:
        what = "no Caddy of the stack imports the snippet: Teal's own proxy runs on one machine only"
        yield error("", what, "let the stack's own Caddy import it: docs/proxy.md")


def _certificates(stack: Stack) -> Iterator[Problem]:
    if 443 in stack.evidence.listens or _publishes(stack, "443"):
        what = "the proxy ends TLS on each edge by itself, and ACME over HTTP reaches any one of them"
        yield warning(
            stack.proxy, what, "give it certificates as secrets, use DNS-01, or end TLS in front of the edges"
        )


def _publishes(stack: Stack, number: str) -> bool:
    ports = sequence(services_in(stack.models[Side.BLUE]).get(stack.proxy, {}).get("ports"))
    return any(text(mapping(port).get("target")) == number for port in ports)


def _single(stack: Stack) -> Iterator[Problem]:
    said = stack.swarm.replicas if stack.swarm else {}
    for name in said:
        if name not in stack.rotating_names:
            what = f"teal.yml: swarm.replicas names {name}, which does not rotate"
            yield error(name, what, f"name one of {', '.join(sorted(stack.rotating_names))}", "teal.yml")
    for service in stack.having(Role.ROUTE):
        if said.get(service.name, 2) < 2:
            what = f"{service.name} has one replica: while its node is down it does not answer"
            yield warning(service.name, what, f"`swarm: {{replicas: {{{service.name}: 2}}}}` in teal.yml")
