"""What keeps a stack from a Swarm: a row for each thing that a stack file would drop, refuse, or open to the world."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.core.checks.swarm import swarm_problems
from teal.core.model.migrations import Migrations
from teal.core.model.stack import CommandCheck, Evidence, Hook, Role, Stack, Tree
from teal.core.model.swarm import SwarmWish
from teal.core.swarm.keys import IDLE, KEPT, REFUSED, RENDERED
from tests.unit.stacks import stack_of

HEALTH = {"test": ["CMD", "ready"]}
SOUND: Tree = {
    "web": {"image": "app", "healthcheck": HEALTH},
    "proxy": {"image": "caddy:2", "ports": [{"target": 80, "published": "80"}]},
    "db": {"image": "postgres:17", "healthcheck": HEALTH},
}


def stack(of: str = "web", evidence: Evidence | None = None, top: Tree | None = None, **more: object) -> Stack:
    services = {**SOUND, of: {**SOUND.get(of, {"image": "app"}), **more}}  # type: ignore[dict-item]
    return replace(stack_of(services, evidence, **(top or {})), strategy="blue-green")


def errors(found: Stack, files: dict[str, int] | None = None) -> list[str]:
    return [each.message for each in swarm_problems(found, files or {}) if each.level == "error"]


def warnings(found: Stack, files: dict[str, int] | None = None) -> list[str]:
    return [each.message for each in swarm_problems(found, files or {}) if each.level == "warning"]


def test_a_sound_stack_can_run_on_a_swarm() -> None:
    assert swarm_problems(stack(), {}) == ()


@pytest.mark.parametrize("key", sorted(REFUSED))
@pytest.mark.parametrize("service", ["web", "db", "proxy"])
def test_each_key_that_would_be_lost_is_refused_with_a_reason_and_a_way_out(key: str, service: str) -> None:
    found = stack(service, **{key: ["x"] if key in {"devices", "links", "security_opt"} else "x"})
    (problem,) = [each for each in swarm_problems(found, {}) if each.level == "error"]
    assert problem.message == f"{service} has {key}: {REFUSED[key].why}"
    assert problem.remedy
    assert problem.service == service


def test_a_key_that_nobody_knows_is_refused_too() -> None:
    assert errors(stack(novelty=True)) == [
        "web has novelty: a stack file can't say it, or Teal does not know that it can"
    ]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("privileged", False),
        ("devices", []),
        ("ipc", "private"),
        ("shm_size", "67108864"),
        ("x-mine", 1),
        ("cgroup", ""),
    ],
)
def test_what_says_nothing_is_not_refused(key: str, value: object) -> None:
    assert errors(stack(**{key: value})) == []


def test_no_key_stands_in_two_tables() -> None:
    tables = [KEPT, RENDERED, IDLE, frozenset(REFUSED)]
    assert sum(map(len, tables)) == len(frozenset().union(*tables))


@pytest.mark.parametrize("address", ["127.0.0.1", "::1", "10.0.0.5"])
@pytest.mark.parametrize("service", ["proxy", "db"])
def test_a_port_at_one_address_would_be_open_to_everybody(address: str, service: str) -> None:
    found = stack(service, ports=[{"target": 5432, "published": "5432", "host_ip": address}])
    assert errors(found) == [f"{service} publishes 5432 at {address} only: a Swarm would open it to everybody"]


def test_a_port_of_a_rotating_service_is_not_published_at_all() -> None:
    found = stack("web", Evidence(proxy="proxy", routes={"web": 3000}), ports=[{"target": 80, "host_ip": "127.0.0.1"}])
    assert errors(found) == []


def test_ports_that_a_stack_file_can_not_say_or_that_one_node_has() -> None:
    assert errors(stack("proxy", ports=[{"target": 80, "published": "8000-8010"}])) == [
        "proxy publishes a range, 8000-8010: a stack file has whole numbers only"
    ]
    assert warnings(stack("db", ports=[{"target": 5432, "published": "5432"}])) == [
        "db publishes 5432: it is reached at the node that has its data, at no other"
    ]


def bind(source: str, *, ro: bool = True, target: str = "/x") -> Tree:
    return {"type": "bind", "source": source, "target": target, "read_only": ro}


@pytest.mark.parametrize(
    ("mount", "files", "message"),
    [
        (bind("/srv/shop/a.conf"), {"/srv/shop/a.conf": 900}, ""),
        (bind("/srv/shop/a.conf"), {"/srv/shop/a.conf": 1_100_000}, "1,100 KB: a config of a Swarm holds 1,000"),
        (bind("/srv/shop/a.conf", ro=False), {"/srv/shop/a.conf": 9}, "each node would have its own"),
        (bind("/srv/shop/conf"), {"/srv/shop/conf": -1}, "a config of a Swarm is one file"),
        (bind("/etc/localtime"), {}, "of this machine: other nodes have other files"),
        (bind("/var/run/docker.sock"), {}, "it would speak for one node, whichever that is"),
        ({"type": "image", "source": "x", "target": "/x"}, {}, "mounts a image at /x: a stack file can't say it"),
        ({"type": "tmpfs", "target": "/tmp"}, {}, ""),
        ({"type": "volume", "target": "/anonymous"}, {}, ""),
    ],
)
@pytest.mark.parametrize("service", ["db", "proxy"])
def test_mounts_of_this_machine(mount: Tree, files: dict[str, int], message: str, service: str) -> None:
    found = errors(stack(service, volumes=[mount]), files)
    assert (message in found[0]) if message else not found, found


def test_the_state_file_of_the_proxy_is_its_own_affair() -> None:
    assert errors(stack("proxy", volumes=[bind("/var/lib/teal/shop/proxy", target="/etc/teal")])) == []


def volumes(of: str, **definition: object) -> Stack:
    top: Tree = {"volumes": {"data": definition}}
    return stack(of, top=top, volumes=[{"type": "volume", "source": "data", "target": "/data"}])


def test_volumes_are_one_nodes_own() -> None:
    assert errors(volumes("db")) == []
    assert warnings(volumes("db")) == [
        "db stays on the node that has its volume data: while that node is down, so is it"
    ]
    assert warnings(volumes("proxy")) == [
        "the proxy keeps data on each node by itself: certificates there are not shared"
    ]
    rotating = volumes("web")
    assert rotating.service("web").role is Role.ROUTE
    assert errors(rotating) == ["web writes to the volume data: each node would have its own"]
    assert errors(volumes("web", driver="rexray/ebs")) == []
    assert errors(volumes("web", driver_opts={"type": "nfs4", "o": "addr=nas"})) == []


@pytest.mark.parametrize(("kind", "most"), [("secrets", 512_001), ("configs", 1_000_001)])
def test_secrets_and_configs_have_a_size(kind: str, most: int) -> None:
    top: Tree = {kind: {"it": {"file": "/srv/shop/it"}}}
    found = stack(top=top, **{kind: [{"source": "it", "target": "/it"}]})
    assert errors(found, {"/srv/shop/it": most - 1}) == []
    assert "a Swarm's" in errors(found, {"/srv/shop/it": most})[0]
    assert "is a folder" in errors(found, {"/srv/shop/it": -1})[0]


def test_what_is_built_needs_a_registry() -> None:
    built = stack(build={"context": "/srv/shop"})
    assert errors(built) == ["web is built here: the other nodes would not find its image"]
    assert errors(replace(built, swarm=SwarmWish("registry:5000"))) == []


def test_jobs_devices_and_the_machine_itself() -> None:
    assert "a Swarm may run one several times" in errors(stack("db", deploy={"mode": "replicated-job"}))[0]
    devices = {"resources": {"reservations": {"devices": [{"capabilities": ["gpu"]}]}}}
    assert errors(stack(deploy=devices)) == ["web reserves devices: a stack file can't say it"]
    assert "host-gateway" in errors(stack(extra_hosts={"up": "host-gateway"}))[0]
    assert "host-gateway" in errors(stack(extra_hosts=["up:host-gateway"]))[0]
    assert errors(stack(extra_hosts=["up:10.0.0.1"])) == []
    assert warnings(stack(environment={"FORMAT": "{{.Name}}"})) == [
        "web: a Swarm reads {{ }} in FORMAT as a template of its own"
    ]


def test_networks() -> None:
    assert "one machine's own" in errors(stack(top={"networks": {"lan": {"driver": "macvlan"}}}))[0]
    assert errors(stack(top={"networks": {"n": {"driver": "bridge"}}})) == []
    assert "attachable overlay" in warnings(stack(top={"networks": {"out": {"external": True, "name": "front"}}}))[0]
    assert "an address of its own on n" in errors(stack(networks={"n": {"ipv4_address": "10.1.2.3"}}))[0]


def test_a_name_that_is_too_long_for_a_swarm() -> None:
    long = "a" * 50
    found = stack_of(
        {**SOUND, long: {"image": "app", "healthcheck": HEALTH}}, Evidence(proxy="proxy", routes={long: 80})
    )
    assert f"shop-green_{long}-green there, 67 characters" in errors(found)[0]


def test_what_one_machine_does_and_a_swarm_not_yet_is_refused_by_name() -> None:
    found = replace(
        stack(),
        migrations=Migrations(),
        checks=(CommandCheck("web", ("true",)),),
        hooks=(Hook("pre-deploy", ("true",)),),
        strategy="recreate",
    )
    assert errors(found) == [
        "teal.yml has migrations",
        "teal.yml has checks",
        "teal.yml has hooks",
        "teal.yml has strategy: recreate",
    ]
    declared = Evidence(proxy="proxy", routes={"web": 3000}, declared={"beat": Role.SINGLETON, "seed": Role.ONE_SHOT})
    services: Tree = {**SOUND, "beat": {"image": "app"}, "seed": {"image": "app"}}
    assert [message.partition(":")[0] for message in errors(stack_of(services, declared))] == [
        "beat is a singleton",
        "seed is a one-shot",
    ]


def test_a_tool_does_not_come_along() -> None:
    declared = Evidence(proxy="proxy", routes={"web": 3000}, declared={"shell": Role.TOOL})
    assert errors(stack_of({**SOUND, "shell": {"image": "app", "privileged": True}}, declared)) == []


def test_certificates_replicas_and_health_are_warned_of() -> None:
    assert "ACME" in warnings(stack("proxy", ports=[{"target": 443, "published": "443"}]))[0]
    assert "one replica" in warnings(replace(stack(), swarm=SwarmWish(replicas={"web": 1})))[0]
    assert "does not rotate" in errors(replace(stack(), swarm=SwarmWish(replicas={"db": 2})))[0]
    bare = stack(healthcheck={"disable": True})
    assert warnings(bare) == ["web has no healthcheck: a Swarm calls it ready as soon as its process runs"]
    waits = stack(depends_on={"db": {"condition": "service_healthy"}})
    assert warnings(waits) == ["web would not wait for db: a Swarm starts all at once"]
