"""Entrances: by which ways people use what rotates, and who stands in front of it."""

from __future__ import annotations

import pytest

from teal.core.model.built import Made
from teal.core.model.entrance import Front, Labelled, Named, Published
from teal.core.model.proxy_config import Call
from teal.core.model.stack import Evidence, Stack, Tree
from teal.core.services.entrances import entrances_of, front_of
from tests.unit.stacks import stack_of

PORT: Tree = {"target": 8000, "published": "80", "protocol": "tcp"}
READ = frozenset({"front"})


def behind(image: str, *calls: Call, **web: object) -> Stack:
    services: Tree = {"front": {"image": image, "ports": [PORT]}, "web": {"image": "app", **web}}
    return stack_of(services, Evidence(calls=calls, read=READ))


def test_a_fixed_port_is_an_entrance_a_free_one_udp_and_tls_are_none() -> None:
    ports = [{**PORT, "host_ip": "127.0.0.1"}, {"target": 8000}, {**PORT, "protocol": "udp"}]
    ports += [{"target": 8443, "published": "8443"}, {"target": 22, "published": "22"}]
    stack = stack_of({"web": {"image": "app", "ports": ports}}, Evidence())
    assert entrances_of(stack) == (Published("web", 8000, 80, "127.0.0.1"),)


def test_each_port_of_a_range_is_an_entrance() -> None:
    stack = stack_of({"web": {"image": "app", "ports": [{"target": 8000, "published": "8100-8101"}]}}, Evidence())
    assert entrances_of(stack) == (Published("web", 8000, 8100), Published("web", 8000, 8101))


def test_a_name_that_a_front_calls_is_an_entrance_on_the_networks_that_both_are_on() -> None:
    call = Call("front", "web", 5000, "web")
    assert entrances_of(behind("nginx:1.27", call)) == (Named("web", 5000, "web", 5000, ("default",), "front"),)
    assert front_of(behind("nginx:1.27", call)) is Front.NAME
    assert front_of(behind("caddy:2", call)) is Front.CADDY


def test_a_monitor_that_calls_a_worker_is_served_by_the_same_name() -> None:
    services: Tree = {"jobs": {"image": "app"}, "prometheus": {"image": "prom/prometheus"}}
    stack = stack_of(services, Evidence(calls=(Call("prometheus", "jobs", 9102, "jobs"),)))
    assert entrances_of(stack) == (Named("jobs", 9102, "jobs", 9102, ("default",), "prometheus"),)
    assert front_of(stack) is Front.NOBODY


@pytest.mark.parametrize("how", ["fastcgi", "https", "tcp"])
def test_what_speaks_no_http_is_taken_over_by_nobody(how: str) -> None:
    found = entrances_of(behind("haproxy", Call("front", "web", 9000, "web", how)))  # type: ignore[arg-type]
    assert not [each for each in found if each.route == "web"]


def test_labels_are_an_entrance_with_who_reads_them() -> None:
    labels = {"traefik.http.routers.web.rule": "Host(`x`)"}
    stack = behind("traefik:v3", labels={**labels, "org.title": "x"}, expose=["3000"])
    assert entrances_of(stack) == (Labelled("web", 3000, labels, {}, ("default",), "front"),)
    assert front_of(stack) is Front.LABELS


def test_on_another_projects_network_every_name_is_an_entrance() -> None:
    web = {"image": "app", "container_name": "called", "expose": ["3000"]}
    web |= {"networks": {"default": None, "edge": {"aliases": ["other"]}}}  # type: ignore[dict-item]
    stack = stack_of({"web": web}, Evidence(), networks={"default": {}, "edge": {"external": True}})
    assert [each.name for each in entrances_of(stack) if isinstance(each, Named)] == ["web", "called", "other"]
    assert front_of(stack) is Front.NAME


def test_who_stands_in_front_is_told_by_what_there_is() -> None:
    assert front_of(stack_of({"web": {"image": "app"}})) is Front.PREPARED
    assert front_of(stack_of({"web": {"image": "app", "ports": [PORT]}}, Evidence())) is Front.NOBODY
    assert front_of(behind("cloudflare/cloudflared", Call("front", "web", 8000, "web"))) is Front.TUNNEL
    pages = Evidence(built={"web": Made("nginx:1.27")})
    assert front_of(stack_of({"web": {"build": {"context": "/x"}, "ports": [PORT]}}, pages)) is Front.RELEASE


def test_a_front_on_the_hosts_network_leads_users_by_a_port() -> None:
    services: Tree = {
        "front": {"image": "nginx", "network_mode": "host"},
        "web": {"image": "app", "ports": [{**PORT, "published": "8077"}]},
    }
    stack = stack_of(services, Evidence(calls=(Call("front", "web", 8000),), read=READ))
    assert (front_of(stack), entrances_of(stack)) == (Front.NAME, (Published("web", 8000, 8077),))
