"""Fronts: which stay, which are part of the release, and whom they lead users to."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.core.model.built import Copied, Made
from teal.core.model.compose import Node
from teal.core.model.proxy_config import Call
from teal.core.model.stack import Evidence, Role
from teal.core.services.roles import ports_of, propose

WEB: Node = {"image": "app"}
HTTP: Node = {"target": 80, "published": "80"}
TLS: Node = {"target": 443, "published": "443"}
CALLED = (Call("front", "web", 5000, "web"),)
CADDYFILE = Copied("Caddyfile", "/etc/caddy/Caddyfile")
PAGES = Copied("site", "/srv")


def roles(front: Node, evidence: Evidence, **others: Node) -> dict[str, Role]:
    found = propose({"services": {"front": front, "web": WEB, **others}}, evidence)
    return {name: assigned.role for name, assigned in found.items()}


def built(image: str, *copied: Copied) -> Evidence:
    return Evidence(calls=CALLED, built={"front": Made(image, copied=copied)})


def test_what_a_front_that_stays_calls_over_http_is_a_route() -> None:
    found = roles({"image": "nginx:1.27", "ports": [HTTP]}, Evidence(calls=CALLED, read=frozenset({"front"})))
    assert found == {"front": Role.SHARED, "web": Role.ROUTE}


@pytest.mark.parametrize(
    ("evidence", "ports", "expected"),
    [
        (built("nginx:1.27"), [HTTP], Role.ROUTE),
        (built("envoyproxy/envoy:v1"), [HTTP], Role.ROUTE),
        (built("nginx:1.27"), [HTTP, TLS], Role.SHARED),
        (built("traefik:v3"), [HTTP], Role.SHARED),
        (built("caddy:2", CADDYFILE), [HTTP, TLS], Role.SHARED),
        (built("caddy:2", CADDYFILE, PAGES), [HTTP], Role.ROUTE),
        (built("caddy:2", CADDYFILE, PAGES), [HTTP, TLS], Role.SHARED),
    ],
)
def test_a_front_that_is_built_is_part_of_the_release_unless_it_ends_tls(
    evidence: Evidence, ports: list[Node], expected: Role
) -> None:
    assert roles({"build": {"context": "/x"}, "ports": ports}, evidence)["front"] is expected


@pytest.mark.parametrize("how", ["fastcgi", "uwsgi"])
def test_what_speaks_no_http_with_what_rotates_rotates_with_it(how: str) -> None:
    evidence = Evidence(calls=(Call("front", "web", 9000, "web", how),))  # type: ignore[arg-type]
    assert roles({"image": "nginx", "ports": [HTTP]}, evidence) == {"front": Role.ROUTE, "web": Role.WORKER}


def test_a_front_whose_sites_no_file_tells_finds_what_exposes_a_port() -> None:
    jobs: Node = {"image": "jobs"}
    for image in ("jc21/nginx-proxy-manager", "cloudflare/cloudflared"):
        found = roles({"image": image}, Evidence(), web={"image": "app", "expose": ["3000"]}, jobs=jobs)
        assert found == {"front": Role.SHARED, "web": Role.ROUTE, "jobs": Role.WORKER}


def test_a_front_that_calls_nobody_by_files_that_were_read_finds_nobody() -> None:
    found = roles({"image": "nginx", "ports": [HTTP]}, Evidence(read=frozenset({"front"})))
    assert found["web"] is Role.WORKER


def test_a_web_server_that_is_given_pages_and_stands_alone_is_the_application() -> None:
    pages: Node = {"type": "bind", "source": "/x", "target": "/usr/share/nginx/html", "read_only": True}
    assert roles({"image": "nginx", "ports": [HTTP], "volumes": [pages]}, Evidence())["front"] is Role.ROUTE


def test_a_job_that_has_the_image_of_a_front_is_a_job() -> None:
    job: Node = {"image": "kong:3", "command": ["kong", "migrations", "bootstrap"]}
    found = propose({"services": {"kong-migrations": job, "kong": {"image": "kong:3", "ports": [HTTP]}}}, Evidence())
    assert {name: each.role for name, each in found.items()} == {
        "kong-migrations": Role.ONE_SHOT,
        "kong": Role.SHARED,
    }


def test_a_front_of_the_release_is_called_by_the_one_before_it() -> None:
    services: Node = {"edge": {"image": "nginx", "ports": [HTTP]}, "inner": {"build": {"context": "/x"}}}
    evidence = Evidence(calls=(Call("edge", "inner", 8080, "inner"),), built={"inner": Made("nginx:1")})
    assert propose({"services": services}, evidence)["inner"].role is Role.ROUTE
    assert ports_of(["inner"], {"services": services}, evidence) == {"inner": 8080}


def test_a_caddy_that_speaks_fastcgi_rotates_with_it_until_it_imports_the_snippet() -> None:
    services: Node = {"caddy": {"image": "caddy:2", "ports": [HTTP]}, "php": WEB}
    evidence = Evidence(proxy="caddy", calls=(Call("caddy", "php", 9000, "php", "fastcgi"),))
    assert propose({"services": services}, evidence)["caddy"].role is Role.ROUTE
    prepared = replace(evidence, routes={"php": 9000})
    assert propose({"services": services}, prepared)["caddy"].role is Role.SHARED
