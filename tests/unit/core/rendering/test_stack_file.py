"""Stack files for a Swarm: what becomes of each part of a service, and of the names between them."""

from __future__ import annotations

from dataclasses import replace

from teal.core.model.compose import Node, mapping
from teal.core.model.release import RenderInputs
from teal.core.model.side import Side
from teal.core.model.stack import Stack, Tree
from teal.core.model.swarm import SwarmWish
from teal.core.model.units import ReleaseId
from teal.core.rendering.project import render
from teal.core.rendering.stack_file import StackFile, color_stack, networks, shared_stack
from tests.unit.stacks import stack_of

SERVICES: Tree = {
    "web": {
        "image": "app",
        "restart": "unless-stopped",
        "container_name": "web",
        "cpus": 0.5,
        "mem_limit": "1073741824",
        "environment": {"MODE": "x", "PORT": 3000, "UNSET": None},
        "networks": {"default": {"aliases": ["front"]}},
        "depends_on": {"db": {"condition": "service_healthy", "required": True}},
        "volumes": [{"type": "bind", "source": "/srv/shop/a.conf", "target": "/etc/a.conf", "read_only": True}],
        "secrets": [{"source": "key", "target": "/run/secrets/key"}],
        "stop_grace_period": "15s",
        "tmpfs": ["/run"],
    },
    "proxy": {
        "image": "caddy:2",
        "ports": [{"target": 80, "published": "80", "protocol": "tcp", "mode": "ingress"}],
        "networks": {"default": None},
        "volumes": [
            {"type": "bind", "source": "/srv/shop/Caddyfile", "target": "/etc/caddy/Caddyfile", "read_only": True},
            {"type": "bind", "source": "/var/lib/teal/shop/proxy", "target": "/etc/teal", "read_only": True},
        ],
    },
    "db": {
        "image": "postgres:17",
        "networks": {"default": None},
        "restart": "on-failure:3",
        "volumes": [{"type": "volume", "source": "data", "target": "/data", "volume": {}}],
    },
}
TOP: Tree = {
    "volumes": {"data": {"name": "shop_data"}},
    "networks": {"default": {"name": "shop_default"}},
    "secrets": {"key": {"name": "shop_key", "file": "/srv/shop/key"}},
}
PINS = {"web": "r/web@sha256:1", "proxy": "r/proxy@sha256:2", "db": "r/db@sha256:3"}


def stack() -> Stack:
    made = stack_of(SERVICES, copies=frozenset({"/srv/shop/a.conf"}), **TOP)
    return replace(made, swarm=SwarmWish("r", {"web": 3}), strategy="blue-green")


def color(side: Side = Side.BLUE, a: bytes = b"a") -> StackFile:
    found = stack()
    rendered = render(found, side, RenderInputs(ReleaseId(7), PINS, "/teal"))
    contents = {f"/teal/files/{file.name}": a for file in rendered.files}
    return color_stack(found, rendered, PINS, contents)


def service(file: StackFile, name: str) -> Node:
    return mapping(mapping(file.tree["services"])[name])


def test_a_color_is_a_stack_of_its_own_with_pinned_images_and_names_that_keep_apart() -> None:
    file = color()
    web = service(file, "web-blue")
    assert file.project == "shop-blue"
    assert web["image"] == "r/web@sha256:1"
    assert web["networks"] == {"default": {"aliases": ["front", "web"]}, "default.shared": {}}
    assert file.tree["networks"] == {
        "default": {"external": True, "name": "shop-blue_default"},
        "default.shared": {"external": True, "name": "shop-shared_default"},
    }
    assert "shop-blue_default" < "shop-shared_default"
    assert "shop-green_default" < "shop-shared_default"


def test_what_a_stack_file_does_not_know_is_left_out_and_said_as_deploy() -> None:
    web = service(color(), "web-blue")
    assert not {"container_name", "restart", "depends_on", "cpus", "mem_limit", "ports"} & set(web)
    assert web["environment"] == {"MODE": "x", "PORT": "3000", "TEAL_COLOR": "blue", "TEAL_RELEASE": "7"}
    deploy = mapping(web["deploy"])
    assert deploy["replicas"] == 3
    assert deploy["endpoint_mode"] == "dnsrr"
    assert deploy["restart_policy"] == {"condition": "any", "delay": "1s"}
    assert deploy["resources"] == {"limits": {"cpus": "0.5", "memory": "1073741824"}}
    assert deploy["placement"] == {"preferences": [{"spread": "node.id"}]}
    assert web["stop_grace_period"] == "15s"
    assert web["tmpfs"] == ["/run"]


def test_files_are_objects_named_by_their_content() -> None:
    one, same, other = color(), color(Side.GREEN), color(a=b"b")
    assert set(one.objects) == set(same.objects)
    assert not set(one.objects) & set(other.objects)
    assert {kind for kind, _ in one.objects.values()} == {"configs", "secrets"}
    (config,) = service(one, "web-blue")["configs"]  # type: ignore[misc]
    assert config["target"] == "/etc/a.conf"
    assert mapping(one.tree["configs"])[config["source"]] == {"external": True, "name": config["source"]}


def test_what_is_shared_has_the_proxy_and_its_agent_on_each_edge_and_the_data_at_home() -> None:
    contents = {"/srv/shop/Caddyfile": b":80"}
    file = shared_stack(stack(), PINS, contents, "r/teal-edge@sha256:9", 3)
    proxy, agent, db = (service(file, name) for name in ("proxy", "teal-edge", "db"))
    at_edges = {"constraints": ["node.labels.teal.edge.shop == yes"]}
    assert file.project == "shop-shared"
    assert proxy["ports"] == [{"target": 80, "published": 80, "protocol": "tcp", "mode": "host"}]
    assert proxy["volumes"] == [{"type": "volume", "source": "teal-state", "target": "/etc/teal", "read_only": True}]
    assert mapping(proxy["deploy"])["mode"] == "global"
    assert mapping(agent["deploy"])["placement"] == at_edges
    assert mapping(agent["environment"])["EDGES"] == "3"
    assert mapping(mapping(db["deploy"])["placement"])["constraints"] == ["node.labels.teal.home.shop == yes"]
    assert mapping(db["deploy"])["restart_policy"] == {"condition": "on-failure", "delay": "1s"}
    assert mapping(file.tree["volumes"])["data"] == {"name": "shop_data"}
    assert mapping(mapping(file.tree["volumes"])["teal-state"])["driver_opts"] == {
        "type": "tmpfs",
        "device": "tmpfs",
        "o": "size=1m,mode=0755",
    }


def test_teal_makes_the_networks_of_all_three() -> None:
    assert networks(stack()) == {"shop-shared_default": False, "shop-blue_default": False, "shop-green_default": False}
