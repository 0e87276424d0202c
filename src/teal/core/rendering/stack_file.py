"""Stack files for a Swarm: one for each color, made of the same rendering as on one machine, one for what is shared.

Names stay apart by the order of networks: of two networks on which a name is known, a Swarm's resolver takes the one
whose own name comes first, and ``shop-blue_default`` comes before ``shop-shared_default``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256

from teal.core.model.compose import Node, mapping, networks_of, number, sequence, services_in, text, unescaped
from teal.core.model.release import Rendered, to_json
from teal.core.model.side import Side, project_of
from teal.core.model.stack import Role, Service, Stack, Tree
from teal.core.rendering.networks import joined
from teal.core.swarm.keys import KEPT

AGENT = "teal-edge"
SECRET = "teal.edge"  # noqa: S105 (a name)
STATE = "/etc/teal"
_VERSION = "3.13"


@dataclass(frozen=True, slots=True)
class StackFile:
    """A stack as `docker stack deploy` takes it, and what it names by content."""

    project: str
    tree: Tree
    objects: Mapping[str, tuple[str, bytes]] = field(default_factory=dict)  # name -> ("configs" or "secrets", content)

    @property
    def text(self) -> str:
        """Return the file."""
        return to_json(self.tree)


def shared_project(project: str) -> str:
    """Return the stack of the shared services: not *project* itself, whose networks Compose has made."""
    return f"{project}-shared"


def edge_label(project: str) -> str:
    """Return the label of the nodes that run the proxy."""
    return f"teal.edge.{project}"


def home_label(project: str) -> str:
    """Return the label of the node that has the data."""
    return f"teal.home.{project}"


def by_content(key: str) -> str:
    """Return what stands for the path of a secret or config that is given by value."""
    return f"content:{key}"


def networks(stack: Stack) -> dict[str, bool]:
    """Return the overlay networks that Teal makes, each internal or not."""
    found = {}
    for key in _keys(stack):
        network = mapping(mapping(stack.models[Side.PLAIN].get("networks")).get(key))
        if network.get("external"):
            continue
        for project in (
            shared_project(stack.project),
            *(project_of(stack.project, s) for s in (Side.BLUE, Side.GREEN)),
        ):
            found[f"{project}_{key}"] = bool(network.get("internal"))
    return found


def _keys(stack: Stack) -> list[str]:
    services = services_in(stack.models[Side.PLAIN])
    return sorted({key for each in stack.services for key in networks_of(services.get(each.name, {}))})


@dataclass(slots=True)
class _Objects:
    """The configs and secrets of one stack file, named by their content: two releases share them, none can change."""

    project: str
    found: dict[str, tuple[str, bytes]] = field(default_factory=dict)

    def name(self, kind: str, content: bytes) -> str:
        name = f"{self.project}.{kind[0]}.{sha256(content).hexdigest()[:12]}"
        self.found[name] = (kind, content)
        return name


def color_stack(stack: Stack, rendered: Rendered, pins: Mapping[str, str], contents: Mapping[str, bytes]) -> StackFile:
    """Return the color of *rendered* as a stack; *pins* image by service, *contents* of its files by their names."""
    objects = _Objects(stack.project)
    shared = {key: text(mapping(n).get("name")) for key, n in mapping(rendered.tree.get("networks")).items()}
    files = {
        key: text(mapping(value).get("file"))
        for kind in ("secrets", "configs")
        for key, value in mapping(rendered.tree.get(kind)).items()
    }
    made: Tree = {}
    for each in stack.rotating:
        key = f"{each.name}-{rendered.side}"
        node = mapping(mapping(rendered.tree["services"])[key])
        service = _common(node)
        service["image"] = pins[each.name]
        service["networks"] = {
            name: {"aliases": aliases} if (aliases := sequence(mapping(options).get("aliases"))) else {}
            for name, options in mapping(node.get("networks")).items()
        }
        _files(service, node, contents, files, objects)
        labels = mapping(node.get("labels"))
        service["labels"] = dict(labels)
        service["deploy"] = _deploy(node, _replicas(stack, each, node)) | {
            "labels": {name: value for name, value in labels.items() if name.startswith("teal.")}
        }
        made[key] = service
    tree: Tree = {"version": _VERSION, "services": made, "networks": _declared(stack, rendered.side, shared)}
    _top(tree, objects)
    return StackFile(rendered.project, tree, objects.found)


def shared_stack(
    stack: Stack, pins: Mapping[str, str], contents: Mapping[str, bytes], agent: str, edges: int
) -> StackFile:
    """Return the shared services as a stack, the proxy and its agent on each edge; *contents* by path."""
    objects, project = _Objects(stack.project), shared_project(stack.project)
    nodes = services_in(stack.models[Side.PLAIN])
    made: Tree = {}
    volumes: Tree = {
        "teal-state": {
            "driver": "local",
            "driver_opts": {"type": "tmpfs", "device": "tmpfs", "o": "size=1m,mode=0755"},
        },
        "teal-keep": {},
    }
    model_files = {
        key: unescaped(mapping(value).get("file")) or by_content(key)
        for kind in ("secrets", "configs")
        for key, value in mapping(stack.models[Side.PLAIN].get(kind)).items()
    }
    for each in stack.having(Role.SHARED):
        node = nodes[each.name]
        service = _common(node)
        service["image"] = pins[each.name]
        service["networks"] = {
            key: {"aliases": found} if (found := sequence(options.get("aliases"))) else {}
            for key, options in networks_of(node).items()
        }
        _files(service, node, contents, model_files, objects)
        ports = [_port(mapping(port)) for port in sequence(node.get("ports"))]
        if ports:
            service["ports"] = ports
        service["labels"] = dict(mapping(node.get("labels")))
        service["deploy"] = _shared_deploy(stack, each, node)
        for mount in map(mapping, sequence(service.get("volumes"))):
            key = text(mount.get("source"))
            if mount.get("type") == "volume" and key and key != "teal-state":
                volumes[key] = _volume(stack, key)
        made[each.name] = service
    made[AGENT] = _agent(stack, agent, edges, list(mapping(mapping(made[stack.proxy]).get("networks"))))
    keys = sorted({key for service in made.values() for key in mapping(mapping(service).get("networks"))})
    tree: Tree = {
        "version": _VERSION,
        "services": made,
        "volumes": volumes,
        "networks": {key: _external(stack, key, project) for key in keys},
    }
    _top(tree, objects)
    tree["secrets"] = {**mapping(tree.get("secrets")), SECRET: {"external": True, "name": f"{stack.project}.edge"}}
    return StackFile(project, tree, objects.found)


def _common(node: Node) -> Tree:
    made: Tree = {key: value for key, value in node.items() if key in KEPT and value not in (None, {}, [])}
    environment = {name: value for name, value in mapping(node.get("environment")).items() if value is not None}
    if environment:
        made["environment"] = {name: text(value) for name, value in environment.items()}
    return made


def _files(service: Tree, node: Node, contents: Mapping[str, bytes], values: Mapping[str, str], to: _Objects) -> None:
    """Put the files of *node* into *service*: each as a config or a secret by content; other mounts stay."""
    configs: list[Tree] = []
    volumes: list[Tree] = []
    for mount in map(mapping, sequence(node.get("volumes"))):
        source, target = unescaped(mount.get("source")), text(mount.get("target"))
        if target == STATE and mount.get("type") == "bind":
            volumes.append({"type": "volume", "source": "teal-state", "target": STATE, "read_only": True})
        elif mount.get("type") == "bind":
            name = to.name("configs", contents[source])
            configs.append({"source": name, "target": target})
        else:
            volumes.append({k: v for k, v in mount.items() if v not in ({}, None)})
    for kind, found in (("configs", configs), ("secrets", [])):
        for each in map(mapping, sequence(node.get(kind))):
            key = text(each.get("source"))
            name = to.name(kind, contents[values[key]])
            found.append({"source": name, "target": text(each.get("target")) or key})
        if found:
            service[kind] = found
    if volumes:
        service["volumes"] = volumes


def _top(tree: Tree, objects: _Objects) -> None:
    for kind in ("configs", "secrets"):
        names = sorted(name for name, (of, _) in objects.found.items() if of == kind)
        if names:
            tree[kind] = {name: {"external": True, "name": name} for name in names}


def _declared(stack: Stack, side: Side, names: Mapping[str, str]) -> Tree:
    own = {key: {"external": True, "name": f"{project_of(stack.project, side)}_{key}"} for key in _keys(stack)}
    found: Tree = {}
    for key in names:
        plain = next((each for each in _keys(stack) if joined(each) == key), "")
        found[key] = _external(stack, plain, shared_project(stack.project)) if plain else own[key]
    return found


def _external(stack: Stack, key: str, project: str) -> Tree:
    network = mapping(mapping(stack.models[Side.PLAIN].get("networks")).get(key))
    name = text(network.get("name")) or key if network.get("external") else f"{project}_{key}"
    return {"external": True, "name": name}


def _replicas(stack: Stack, service: Service, node: Node) -> int:
    said = stack.swarm.replicas.get(service.name) if stack.swarm else None
    written = node.get("scale", mapping(node.get("deploy")).get("replicas"))
    if said is not None:
        return said
    return number(written) if written is not None else (2 if service.role is Role.ROUTE else 1)


def _deploy(node: Node, replicas: int) -> Tree:
    """Return how a color's service is placed: all its tasks at once, only a standby is ever updated."""
    return {
        "mode": "replicated",
        "replicas": replicas,
        **_placed(node),
        "update_config": {"order": "stop-first", "parallelism": 0, "failure_action": "continue", "monitor": "1s"},
    }


def _placed(node: Node, *constraints: str) -> Tree:
    deploy = mapping(node.get("deploy"))
    owner = mapping(deploy.get("placement"))
    said = list(map(text, sequence(owner.get("constraints"))))
    placement: Tree = {"preferences": list(sequence(owner.get("preferences"))) or [{"spread": "node.id"}]}
    if said or constraints:
        placement["constraints"] = [*said, *constraints]
    restart = text(node.get("restart")) or text(mapping(deploy.get("restart_policy")).get("condition"))
    condition = {"": "none", "no": "none", "none": "none", "on-failure": "on-failure"}.get(
        restart.partition(":")[0], "any"
    )
    found: Tree = {
        "endpoint_mode": "dnsrr",
        "placement": placement,
        "restart_policy": {"condition": condition, "delay": "1s"},
    }
    resources = _resources(node)
    return found | ({"resources": resources} if resources else {})


def _resources(node: Node) -> Tree:
    said = mapping(mapping(node.get("deploy")).get("resources"))
    limits: Tree = dict(mapping(said.get("limits")))
    reservations = {k: v for k, v in mapping(said.get("reservations")).items() if k in {"cpus", "memory"}}
    for key, name in (("cpus", "cpus"), ("mem_limit", "memory"), ("pids_limit", "pids")):
        if node.get(key):
            limits.setdefault(name, node[key])
    if node.get("mem_reservation"):
        reservations.setdefault("memory", node["mem_reservation"])
    found: Tree = {}
    for name, values in (("limits", limits), ("reservations", reservations)):
        if values:
            found[name] = {k: number(v) if k == "pids" else text(v) for k, v in values.items()}
    return found


def _shared_deploy(stack: Stack, service: Service, node: Node) -> Tree:
    project = stack.project
    if service.name == stack.proxy:
        return {"mode": "global", **_placed(node, f"node.labels.{edge_label(project)} == yes")} | {
            "update_config": {"order": "stop-first", "parallelism": 1}
        }
    mounts = map(mapping, sequence(node.get("volumes")))
    pinned = any(mount.get("type") == "volume" and mount.get("source") for mount in mounts)
    constraints = (f"node.labels.{home_label(project)} == yes",) if pinned else ()
    return {
        "mode": "replicated",
        "replicas": 1,
        **_placed(node, *constraints),
        "update_config": {"order": "stop-first"},
    }


def _port(port: Node) -> Tree:
    made: Tree = {"target": number(port.get("target")), "mode": "host", "protocol": text(port.get("protocol")) or "tcp"}
    return made | ({"published": number(port["published"])} if port.get("published") else {})


def _volume(stack: Stack, key: str) -> Tree:
    """Return a volume of the same name as Compose's, so that the data of one machine are found there."""
    volume = mapping(mapping(stack.models[Side.PLAIN].get("volumes")).get(key))
    name = text(volume.get("name")) or f"{stack.project}_{key}"
    if volume.get("external"):
        return {"external": True, "name": name}
    return {"name": name, **{k: volume[k] for k in ("driver", "driver_opts", "labels") if volume.get(k)}}


def _agent(stack: Stack, image: str, edges: int, keys: list[str]) -> Tree:
    return {
        "image": image,
        "init": True,
        "environment": {"NODE": "{{.Node.Hostname}}", "EDGES": str(edges), "PEERS": f"tasks.{AGENT}"},
        "secrets": [{"source": SECRET, "target": SECRET}],
        "volumes": [
            {"type": "volume", "source": "teal-state", "target": STATE},
            {"type": "volume", "source": "teal-keep", "target": "/keep"},
        ],
        "networks": {keys[0]: {}},
        "deploy": {
            "mode": "global",
            "endpoint_mode": "dnsrr",
            "placement": {"constraints": [f"node.labels.{edge_label(stack.project)} == yes"]},
            "restart_policy": {"condition": "any", "delay": "500ms"},
        },
    }
