"""The reviewed differences between a plain container and Teal's, each with its reason. All others fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.conformance.case import COLORED, ONCE, RELEASED, SHARED
from tests.conformance.compare import ABSENT, Rule

Holds = Callable[[Any, Any], bool]


def _any(_plain: Any, _teal: Any) -> bool:
    return True


def _added(plain: Any, teal: Any) -> bool:
    return bool(plain == ABSENT and teal != ABSENT)


def _gone(plain: Any, teal: Any) -> bool:
    return bool(plain not in (ABSENT, None) and teal in (ABSENT, None, "", [], {}))


def _to(before: Any, after: Any) -> Holds:
    return lambda plain, teal: bool(plain == before and teal == after)


def _only(*values: Any) -> Holds:
    return lambda _, teal: teal in values


def _general(paths: str, reason: str, roles: Sequence[str], holds: Holds = _any) -> list[Rule]:
    return [Rule(path, reason, roles, holds=holds) for path in paths.split()]


def _bound(
    paths: str, reason: str, roles: Sequence[str], cases: str, holds: Holds = _any, *, keys: str = ""
) -> list[Rule]:
    """Return a rule for each of *paths*, which *cases* (one a line, or one alone) make by their *keys*."""
    names = tuple(line.strip() for line in cases.strip().splitlines())
    return [Rule(path.replace("_", " "), reason, roles, names, tuple(keys.split()), holds) for path in paths.split()]


def _copied(plain: Any, teal: Any) -> bool:
    return str(plain).startswith("<folder>/") and str(teal).startswith("<release>/")


def _read_only_bind(plain: Any, teal: Any) -> bool:
    return str(plain).startswith("<folder>/") and ":ro" in str(plain) and bool(teal == ABSENT)


def _of_release(plain: Any, teal: Any) -> bool:
    """Tell whether it is part of what a mount of a file of the release says, where plainly there is none."""
    return bool(
        plain == ABSENT
        and (teal in ("", {}, "bind", "rprivate", True, False) or str(teal).startswith(("/", "<release>/")))
    )


# Every service has them.
GENERAL = (
    *_general("Config.Env.TEAL_COLOR Config.Env.TEAL_RELEASE", "it says where it runs", RELEASED, _added),
    *_general(
        "inside.environment.TEAL_COLOR inside.environment.TEAL_RELEASE", "it says where it runs", RELEASED, _added
    ),
    *_general("Config.Image", "pinned by its id", RELEASED, _only("sha256:<nameless>")),
    *_general("Config.Labels.teal.*", "by which Teal knows its own", RELEASED, _added),
    *_general(
        "joined.*.without?a?color", "on the stack's networks it has names with its color alone", COLORED, _only([])
    ),
    *(
        rule
        for each in (
            "DriverOpts",
            "GwPriority",
            "IPAMConfig",
            "Links",
            "MacAddress",
            "Aliases",
            "has?IPv?",
            "interface",
            "mtu",
        )
        for rule in _general(f"joined.*.{each}", "a color also stands on the stack's own networks", COLORED, _added)
    ),
    *_general("joined.*.is?the?way?out", "a color also stands on the stack's own networks", COLORED, _only(False)),
    *_general("joined.*.defined.*", "a color also stands on the stack's own networks", COLORED, _added),
    *_general("joined", "a color also stands on the stack's own networks", COLORED, _to({}, ABSENT)),
    *_general(
        "networks.*.GwPriority",
        "a color's own networks come first, in the same order",
        COLORED,
        lambda plain, teal: ABSENT not in (plain, teal) and teal > plain,
    ),
    *_general(
        "networks.*.IPAMConfig",
        "nothing, written otherwise",
        RELEASED,
        lambda plain, teal: plain in ({}, None) and teal in ({}, None),
    ),
)

COPY = "a copy in the release: an edit afterwards is not what comes back"
VALUE = "a file of the release, mounted read-only; Compose copies it into the container as it starts"
COPIED = """volumes at length
    bind mounts
    anchors, merges, extends, include and extensions"""
GIVEN = """secrets
    secrets at length
    configs
    configs at length"""
READ_ONLY = "services.volumes.[].read_only"
STORED = (
    *_bound("HostConfig.Binds.*", COPY, RELEASED, COPIED, _read_only_bind, keys=READ_ONLY),
    *_bound("HostConfig.Mounts.*.Source Mounts.*.Source", COPY, RELEASED, COPIED, _copied, keys=READ_ONLY),
    *_bound("Mounts.*.Mode", COPY, RELEASED, COPIED, _to("ro", ""), keys=READ_ONLY),
    *_bound("HostConfig.Mounts.*", COPY, RELEASED, COPIED, _of_release, keys=READ_ONLY),
    *_bound("HostConfig.Mounts.*.Source Mounts.*.Source", COPY, RELEASED, GIVEN, _copied),
    *_bound("HostConfig.Mounts.* Mounts.*", VALUE, RELEASED, GIVEN, _of_release),
    *_bound("inside.mounts.*", VALUE, RELEASED, GIVEN, lambda plain, teal: plain == ABSENT and " ro," in teal),
    *_bound(
        "HostConfig.Mounts./conform/image.Source Mounts./conform/image.Name",
        "pinned by its id",
        RELEASED,
        "image as a volume",
        _only("sha256:<nameless>"),
        keys="services.volumes.[].source",
    ),
    *_bound(
        "inside.files./run/secrets*",
        "what registries are told to whoever deploys is no part of a release",
        COLORED,
        "api socket",
        _gone,
    ),
)

ONE_NAME = "both colors would have that name: it is an alias on each color's own networks"
ONE_PORT = "two colors can't publish one port: the proxy passes requests on"
ONE_RUN = "it runs once, in the background: nobody types, and nobody looks at a terminal"
ALONE = "no other service is on its networks: it runs on the engine's own bridge"
SHUT = "no other service is on its networks, and they have no way out: it runs on none"
HOSTNAMES = "hostname\n hostname with a domain"
RESTARTS = """restart always
    restart unless-stopped
    restart on-failure
    deploy restart any
    deploy of a swarm"""
RUN = (
    *_bound(
        "HostConfig.RestartPolicy.Name",
        "`always` would bring a retired color back with the engine",
        COLORED,
        "restart always\n deploy restart any",
        _to("always", "unless-stopped"),
        keys="services.restart services.deploy.restart_policy",
    ),
    *_bound(
        "HostConfig.RestartPolicy.*",
        "what runs once is not begun again",
        (ONCE,),
        RESTARTS,
        _only("no", 0),
        keys="services.restart services.deploy.restart_policy",
    ),
    *_bound(
        "Config.Healthcheck.StartPeriod Config.Healthcheck.StartInterval",
        "until it is ready for the first time it is asked more often",
        COLORED,
        "healthcheck asked seldom",
        lambda plain, teal: plain == ABSENT and 0 < teal <= 130e9,
        keys="services.healthcheck.start_period services.healthcheck.start_interval services.healthcheck.interval",
    ),
    *_bound(
        "Config.Tty Config.OpenStdin inside.terminals inside.environment.TERM inside.mounts./dev/console "
        "inside.devices",
        ONE_RUN,
        (ONCE,),
        "tty",
    ),
    *_bound(
        "later later./tmp/started", "`docker compose run` knows no hooks; Teal warns of that", (ONCE,), "post_start"
    ),
    *_bound("containers", "what runs once runs once", (ONCE,), "replicas\n scale", _to(2, 1)),
)
NETWORKS = (
    *_bound(
        "Config.Hostname inside.host_name inside.environment.HOSTNAME", ONE_NAME, COLORED, HOSTNAMES, _only("<id>")
    ),
    *_bound("networks.*.Aliases", ONE_NAME, COLORED, HOSTNAMES, lambda plain, teal: set(plain) < set(teal)),
    *_bound(
        "Config.ExposedPorts* HostConfig.PortBindings* published*",
        ONE_PORT,
        RELEASED,
        "ports\n ports that are dropped",
        lambda plain, teal: _gone(plain, teal) or (plain == ABSENT and teal == {}),
    ),
    *_bound(
        "names.mate",
        "a color's plain names are known in that color alone",
        (ONCE, SHARED),
        "networks",
        _to(["mate"], []),
        keys="services.networks",
    ),
    *_bound(
        "networks.*.Links",
        "what is shared is found by its name, on the networks that both are on",
        RELEASED,
        "links\n links to a peer\n links to a peer by another name",
        lambda plain, teal: set(teal or ()) < set(plain),
    ),
    *_bound("names.<project>-called-*", "it is called by its release", (ONCE,), "container_name", _only([])),
    *_bound(
        "networks.*.Aliases",
        "it is called by its release",
        (ONCE,),
        "container_name",
        lambda plain, teal: len(set(plain) ^ set(teal)) == 2,
    ),
    *_bound(
        "networks.ranged.defined.IPAM.Config",
        "two networks can't have one range of addresses",
        COLORED,
        "network with addresses of its own",
        _only([]),
        keys="networks.ipam",
    ),
    *_bound("networks.* inside.resolver", ALONE, (ONCE,), "network of its own"),
    *_bound("HostConfig.NetworkMode", ALONE, (ONCE,), "network of its own", _only("bridge")),
    *_bound("names.*", ALONE, (ONCE,), "network of its own", _only([])),
    *_bound("networks.* inside.resolver", SHUT, (ONCE,), "network of its own without a way out"),
    *_bound("HostConfig.NetworkMode", SHUT, (ONCE,), "network of its own without a way out", _only("none")),
)
RULES = (*GENERAL, *STORED, *RUN, *NETWORKS)
