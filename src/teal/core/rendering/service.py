"""What becomes of one service in a rendering: kept, dropped, suffixed, added; and how often its readiness is asked.

The engine first runs a healthcheck one ``interval`` after the start; asking often during a start period shows
readiness as soon as it is there. Two bounds:

- All containers of a color together are probed at most five times a second, since each probe is a process: with n
  of them each is asked every n/5 s; one that Teal also asks over the network no more than once a second.
- Failures within ``start_period`` don't count, so a longer one would hide a hopeless start. The period rendered ends
  when the owner's own values would have said unhealthy, which is ``Service.healthy_deadline``
  (``start_period + retries * interval``): then the gate gives up on a container that was never healthy. From then on,
  as after the first success, ``interval`` and ``retries`` are the owner's alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from teal.core.model.compose import NAMESPACES, Node, escaped, mapping, networks_of, sequence, services_in, text
from teal.core.model.release import RenderInputs
from teal.core.model.side import Side, key_of
from teal.core.model.stack import ImageFacts, Service, Stack, Tree
from teal.core.model.units import Seconds
from teal.core.rendering.files import ReleaseFiles, copied_volumes, mounted, security_options
from teal.core.rendering.networks import alone, attached, met
from teal.core.services.dependencies import names_of
from teal.core.services.health import facts_of, interval_of
from teal.core.services.ports import unswitched

STARTS = (25, 0)  # the first engine that knows start_interval
_PROBES_PER_SECOND = 5.0
_WATCHED = 1.0  # seconds between probes of what Teal asks over the network meanwhile


def healthcheck(service: Node, wanted: Service, facts: ImageFacts, together: int, engine: tuple[int, int]) -> Tree:
    """Return the healthcheck to render, empty where the file's, or the image's, stays as it is."""
    check: Tree = dict(mapping(service.get("healthcheck")))
    if wanted.healthy_deadline <= 0 or check.get("disable") or check.get("start_interval") or engine < STARTS:
        return check
    fastest = max(together, 1) / _PROBES_PER_SECOND
    often = max(fastest, _WATCHED) if wanted.health.kind == "engine" and wanted.health.probe else fastest
    if often >= interval_of(service, facts):
        return check
    return {**check, "start_period": _written(wanted.healthy_deadline), "start_interval": _written(Seconds(often))}


def probed(services: Sequence[Service]) -> int:
    """Return how many containers of *services* the engine probes."""
    return sum(each.replicas for each in services if each.healthy_deadline > 0)


def _written(seconds: Seconds) -> str:
    return f"{max(1, round(seconds * 1000))}ms"


# Two colors can't both have it; where they never run at once, some published ports are put back.
_ONE_OWNER = frozenset({"ports", "hostname", "container_name", "mac_address"})
# Compose's own affairs, before or beside a container.
_NOT_RUN = frozenset({"build", "develop", "attach", "profiles", "extends", "env_file", "label_file", "models"})
# Put back, changed, by the functions below.
_RENDERED = frozenset(
    {
        "image",
        "pull_policy",
        "environment",
        "labels",
        "healthcheck",
        "restart",
        "networks",
        "volumes",
        "links",
        "external_links",
    }
    | {"depends_on", "volumes_from", "secrets", "configs", "ulimits", "blkio_config", "deploy"}
    | {"security_opt"}
)
# Of the user's environment, what a rendered file may see: nothing that Compose would interpolate or be steered by.
NEEDED = re.compile(r"PATH|HOME|USER|TMPDIR|LANG|DOCKER_.*|XDG_.*|SSL_CERT_.*|(?:https?|no|all|ftp)_proxy", re.I)
_DROPPED = _ONE_OWNER | _NOT_RUN | _RENDERED
# What makes a proxy that watches the engine serve a container: it would serve both colors at once.
_PROXY_LABEL = re.compile(r"(traefik|caddy(_\d+)?|swag)(\.|$)")
_PROXY_VARIABLES = frozenset({"VIRTUAL_HOST", "VIRTUAL_HOST_MULTIPORTS", "LETSENCRYPT_HOST"})


def rotating(
    wanted: Service, stack: Stack, inputs: RenderInputs, folder: ReleaseFiles, meets: frozenset[str], together: int
) -> Tree:
    """Return *wanted* as a service of the color that *folder* is for."""
    side = folder.side
    service = services_in(stack.models[side])[wanted.name]
    made = _common(wanted.name, service, stack, inputs, folder)
    made["labels"] = _labels(wanted.name, service, stack, inputs, side)
    _put(made, "container_name", _container_name(wanted, stack, side))
    _put(made, "restart", _restart(service))
    facts = facts_of(wanted.name, stack.evidence)
    _put(made, "healthcheck", healthcheck(service, wanted, facts, together, inputs.engine))
    _put(made, "depends_on", _depends(service, stack, side))
    _put(made, "links", _links(service, stack, side))
    _put(made, "external_links", _links_out(service, stack, side))
    _put(made, "ports", _ports(wanted.name, service, stack))
    if networks_of(service):
        made["networks"] = attached(wanted.name, stack, side, meets, inputs.engine)
    for key in NAMESPACES:
        if text(service.get(key)).startswith("service:"):
            made[key] = f"service:{_suffixed(text(service[key]).removeprefix('service:'), stack, side)}"
    return made


def one_shot(wanted: Service, stack: Stack, inputs: RenderInputs, folder: ReleaseFiles, meets: frozenset[str]) -> Tree:
    """Return *wanted* as a service that runs once, meeting the shared services and nobody else."""
    service = services_in(stack.models[folder.side])[wanted.name]
    made = _common(wanted.name, service, stack, inputs, folder)
    made["labels"] = _labels(wanted.name, service, stack, inputs, None)
    made["restart"] = "no"
    _put(made, "healthcheck", dict(mapping(service.get("healthcheck"))))
    taken = _taken(wanted.name, stack.models[folder.side])
    _put(made, "hostname", "" if service.get("hostname") in taken else service.get("hostname"))
    _put(made, "mac_address", service.get("mac_address"))
    _put(made, "networks", met(service, meets, inputs.engine, taken))
    _put(made, "external_links", _links_out(service, stack, folder.side))
    if networks_of(service) and "networks" not in made:
        made["network_mode"] = alone(service, stack.models[folder.side])
    return made


def _taken(name: str, model: Node) -> frozenset[str]:
    """Return the names that other services than *name* answer to: what runs once must not be taken for one of them."""
    others = (names_of(other, one) for other, one in services_in(model).items() if other != name)
    return frozenset().union(*others)


def job(
    name: str,
    words: Sequence[str],
    wanted: Service,
    stack: Stack,
    inputs: RenderInputs,
    folder: ReleaseFiles,
    meets: frozenset[str],
) -> Tree:
    """Return the command *words* as a service called *name* that runs once, in all else like *wanted*."""
    made = one_shot(wanted, stack, inputs, folder, meets)
    made = {key: value for key, value in made.items() if key not in NAMESPACES or "service:" not in text(value)}
    made = {key: value for key, value in made.items() if key not in _ONE_OWNER}  # the service itself may run meanwhile
    _put(made, "networks", dict.fromkeys(mapping(made.get("networks"))))
    labels, environment = mapping(made["labels"]), mapping(made["environment"])
    options = f"{text(environment.get('PGOPTIONS'))} -c lock_timeout=1000".strip()
    return {
        **made,
        "command": [escaped(word) for word in words],
        "labels": {**labels, "teal.service": name},
        "environment": {**environment, "PGOPTIONS": options},  # heeded by all clients that are built on libpq
        "healthcheck": {"disable": True},
    }


def _common(name: str, service: Node, stack: Stack, inputs: RenderInputs, folder: ReleaseFiles) -> Tree:
    """Return what every rendered service keeps, and the facts of its release."""
    made = {k: v for k, v in service.items() if v is not None and k not in _DROPPED and not k.startswith("x-")}
    made["image"] = inputs.images[name]
    made["pull_policy"] = "never"  # "missing" would ask a registry for a repository called sha256
    made["environment"] = _environment(service, inputs, folder.side)
    _put(made, "security_opt", security_options(service, stack, folder))
    _put(made, "volumes", copied_volumes(service, stack, folder))
    borrowed = [_suffixed(text(each), stack, folder.side) for each in sequence(service.get("volumes_from"))]
    _put(made, "volumes_from", borrowed)
    for kind in ("secrets", "configs"):
        _put(made, kind, mounted(kind, service, stack.models[folder.side]))
    if text(service.get("memswap_limit")) == "-1":
        made["memswap_limit"] = -1  # Compose writes it as text, and then refuses that
    _put(made, "deploy", _deploy(service))
    _put(made, "blkio_config", _blkio(service))
    _put(made, "ulimits", {name: _ulimit(limit) for name, limit in mapping(service.get("ulimits")).items()})
    return made


def _put(made: Tree, key: str, value: object) -> None:
    """Set *key* where there is a value, and leave it out where there is none."""
    if value:
        made[key] = value


def _environment(service: Node, inputs: RenderInputs, side: Side) -> Tree:
    """Return the environment as the owner wrote it.

    Null takes a variable away from what the image says, unless the shell that creates the container has it; those that
    such a shell of Teal's may have are left out.
    """
    kept = mapping(service.get("environment")).items()
    values: Tree = {k: v for k, v in kept if k not in _PROXY_VARIABLES and not (v is None and NEEDED.fullmatch(k))}
    return {**values, "TEAL_COLOR": str(side), "TEAL_RELEASE": str(inputs.number)}


def _labels(name: str, service: Node, stack: Stack, inputs: RenderInputs, side: Side | None) -> Tree:
    labels: Tree = {k: v for k, v in mapping(service.get("labels")).items() if not _PROXY_LABEL.match(k)}
    own = {"teal.project": stack.project, "teal.service": name, "teal.release": str(inputs.number)}
    return {**labels, **own} | ({"teal.side": str(side)} if side else {})


def _container_name(wanted: Service, stack: Stack, side: Side) -> str:
    """Return the overlay's own name, or the plain one with the color behind it; none for several replicas."""
    plain = text(services_in(stack.models[Side.PLAIN]).get(wanted.name, {}).get("container_name"))
    said = text(services_in(stack.models[side])[wanted.name].get("container_name"))
    if not said or wanted.replicas > 1:
        return ""
    return key_of(said, side) if said == plain else said


def _restart(service: Node) -> str:
    """Return the restart policy; ``always`` would revive a retired color when the engine starts."""
    said = text(service.get("restart"))
    return "unless-stopped" if said == "always" else said


def _deploy(service: Node) -> Tree:
    deploy: Tree = dict(mapping(service.get("deploy")))
    policy = mapping(deploy.get("restart_policy"))
    if text(policy.get("condition")) in {"any", "always"}:
        deploy["restart_policy"] = {**policy, "condition": "unless-stopped"}
    return deploy


def _blkio(service: Node) -> Tree:
    """Return the limits of block devices; as JSON, ``config`` writes ``Path`` where Compose reads ``path``."""
    return {
        key: [{k.lower(): v for k, v in mapping(each).items()} for each in value] if isinstance(value, list) else value
        for key, value in mapping(service.get("blkio_config")).items()
    }


def _ulimit(limit: object) -> object:
    """Return a limit as Compose reads it; ``config`` leaves out zeros, and then refuses what it has written."""
    return {"soft": 0, "hard": 0, **limit} if isinstance(limit, Mapping) else limit


def _depends(service: Node, stack: Stack, side: Side) -> Tree:
    """Return what *service* waits for within its color; what is shared or runs once is there already."""
    names = stack.rotating_names
    waits = mapping(service.get("depends_on")).items()
    return {key_of(target, side): how for target, how in waits if target in names}


def _links(service: Node, stack: Stack, side: Side) -> list[str]:
    """Return the links within the color; a shared service has its name on the network that both are on."""
    written = map(text, sequence(service.get("links")))
    return [_suffixed(each, stack, side) for each in written if _suffixed(each, stack, side) != each]


def _links_out(service: Node, stack: Stack, side: Side) -> list[str]:
    """Return the links under another name to services of the plain project, and those that lead elsewhere anyway."""
    services = services_in(stack.models[side])
    found = list(map(text, sequence(service.get("external_links"))))
    for written in map(text, sequence(service.get("links"))):
        name, _, alias = written.partition(":")
        if alias and alias != name and name in services and name not in stack.rotating_names:
            container = text(services[name].get("container_name")) or f"{stack.project}-{name}-1"
            found.append(f"{container}:{alias}")
    return found


def _ports(name: str, service: Node, stack: Stack) -> list[Node]:
    """Return the published ports that a color keeps: where only one runs at a time, those that no proxy can switch."""
    if stack.strategy != "recreate" or stack.evidence.published_ports.get(name) == "drop":
        return []
    return [node for node, _ in unswitched(service)]


def _suffixed(reference: str, stack: Stack, side: Side) -> str:
    """Return ``rag-blue:ro`` for ``rag:ro`` where ``rag`` rotates, anything else as it is."""
    name, colon, rest = reference.partition(":")
    rotates = name in stack.rotating_names
    return f"{key_of(name, side)}{colon}{rest}" if rotates else reference
