"""Which ports of the machine change hands when a stack is adopted, and which nobody would publish any more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from teal.adapters.engine.decode import Binding, held
from teal.core.checks.front import front, on_loopback
from teal.core.checks.host_ports import changing_hands, host_port, refuse_held
from teal.core.model.observed import Observed
from teal.core.model.side import Side
from teal.core.model.stack import Evidence, Stack, Tree
from teal.errors import Refused
from tests.unit import worlds
from tests.unit.stacks import stack_of

Ports = list[dict[str, object]]


def port(published: str, target: int = 80, ip: str = "", protocol: str = "tcp") -> dict[str, object]:
    return {"mode": "ingress", "host_ip": ip, "target": target, "published": published, "protocol": protocol}


def stack(ports: Ports, said: Mapping[str, str] | None = None, **more: object) -> Stack:
    services: Tree = {"web": {"image": "app"}, "proxy": {"image": "caddy:2", "ports": ports, **more}}
    return stack_of(services, Evidence(proxy="proxy", routes={"web": 3000}, published_ports=dict(said or {})))  # type: ignore[arg-type]


def seen(*held: tuple[str, int], proxy: bool = False) -> Observed:
    web = replace(worlds.container("web", Side.PLAIN, None), published=frozenset(held))
    return Observed(None, (web, *([worlds.container("proxy", Side.PLAIN, None)] if proxy else [])))


def told(observed: Observed, wanted: Stack) -> list[tuple[str, str]]:
    return [(each.level, each.message) for each in changing_hands(observed, wanted)]


@pytest.mark.parametrize(
    ("one", "other", "meets"),
    [
        (("", 80), ("127.0.0.1", 80), True),
        (("0.0.0.0", 80), ("::", 80), True),
        (("127.0.0.1", 80), ("127.0.0.1", 80), True),
        (("127.0.0.1", 80), ("127.0.0.2", 80), False),
        (("", 80), ("", 81), False),
    ],
)
def test_two_owners_of_a_port_get_in_each_others_way(one: tuple[str, int], other: tuple[str, int], meets: bool) -> None:
    assert host_port(*one).meets(host_port(*other)) is host_port(*other).meets(host_port(*one)) is meets


def test_a_port_that_was_merely_free_is_missed_by_nobody() -> None:
    services: Tree = {"web": {"image": "app", "ports": [port("8000"), {"target": 9000}]}, "proxy": {"image": "caddy:2"}}
    wanted = stack_of(services, Evidence(proxy="proxy", routes={"web": 3000}, published_ports={"web": "drop"}))
    found = told(seen(("0.0.0.0", 32768), ("0.0.0.0", 8000)), wanted)
    assert [message for _, message in found] == [
        "nothing publishes 8000 once web is in a color: the proxy does not, in today's files"
    ]


def test_a_port_that_a_plain_service_holds_is_refused_to_a_proxy_that_does_not_run_with_the_way() -> None:
    wanted = stack([port("8000", 8080)])
    (found,) = changing_hands(seen(("0.0.0.0", 8000)), wanted)
    assert (found.level, found.service) == ("error", "web")
    assert found.message == "the plain web publishes 8000, which proxy is to publish: two can't have one port"
    assert "`${PROXY_PORT:-8000}:8080`" in found.remedy
    assert "\n  PROXY_PORT=8001 teal up proxy\n  teal deploy && teal up proxy --yes\n" in found.remedy
    with pytest.raises(Refused, match="two can't have one port"):
        refuse_held(seen(("0.0.0.0", 8000)), wanted)


def test_beside_a_running_proxy_it_changes_hands_after_the_deploy() -> None:
    ((level, message),) = told(seen(("", 8000), proxy=True), stack([port("8000")]))
    assert (level, message) == ("warning", "the plain web publishes 8000 until its color serves")


@pytest.mark.parametrize(
    ("said", "level"), [({"web": "route"}, "error"), ({"web": "drop"}, "warning"), ({}, "warning")]
)
def test_a_port_that_nobody_will_publish_any_more(said: Mapping[str, str], level: str) -> None:
    ((found, message),) = told(seen(("127.0.0.1", 8000)), stack([port("8001", ip="127.0.0.1")], said))
    assert found == level
    assert message.startswith("nothing publishes 127.0.0.1:8000 once web is in a color")


def test_nothing_is_told_once_no_plain_service_runs_or_none_publishes() -> None:
    wanted = stack([port("8000"), port("", 81), port("8000", protocol="udp")])
    stopped = replace(worlds.container("web", Side.PLAIN, None, state="exited"), published=frozenset({("", 8000)}))
    for observed in (seen(), Observed(None, (stopped,)), Observed(None, worlds.color(Side.BLUE, 7))):
        assert told(observed, wanted) == []
        refuse_held(observed, wanted)


def test_every_address_at_which_a_container_publishes_is_known_udp_left_out() -> None:
    bindings = {
        "80/tcp": [Binding("0.0.0.0", "8000"), Binding("::", "8000")],
        "81/tcp": None,
        "53/udp": [Binding("0.0.0.0", "53")],
    }
    assert held(bindings) == {("0.0.0.0", 8000), ("::", 8000)}


LOOPBACK = [port("8000", ip="127.0.0.1")]


@pytest.mark.parametrize(
    ("ports", "more", "others", "shows"),
    [
        ([], {}, {}, "it publishes no port"),
        ([], {"network_mode": "host"}, {}, ""),
        ([port("443")], {}, {"nginx": {"image": "nginx", "ports": [port("444")]}}, ""),
        (
            [port("443")],
            {"labels": {"traefik.http.routers.a.rule": "x"}},
            {},
            "its traefik.http.routers.a.rule is for one",
        ),
        ([port("443")], {"environment": {"VIRTUAL_HOST": "a.test"}}, {}, "its VIRTUAL_HOST is for one"),
        (LOOPBACK, {}, {}, ""),
        (LOOPBACK, {}, {"edge": {"image": "nginx:1", "ports": [port("443")]}}, "edge is one"),
        (LOOPBACK, {}, {"files": {"image": "nginx:1"}}, ""),
        (LOOPBACK, {}, {"tunnel": {"image": "cloudflare/cloudflared"}}, "tunnel is one"),
        (LOOPBACK, {}, {"tunnel": {"image": "cloudflare/cloudflared", "networks": {"other": None}}}, ""),
    ],
)
def test_what_shows_that_something_stands_in_front_of_the_proxy(
    ports: Ports, more: Mapping[str, object], others: Tree, shows: str
) -> None:
    services: Tree = {"web": {"image": "app"}, "proxy": {"image": "caddy:2", "ports": ports, **more}, **others}
    wanted = stack_of(services)
    assert front(wanted) == shows
    assert on_loopback(wanted) is (ports is LOOPBACK)
