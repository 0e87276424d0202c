"""Every way to a rotating service past the snippet is told by whatever name, with a remedy for whoever dials."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from teal.core.checks.proxy import is_refused, running
from teal.core.checks.stack import problems
from teal.core.model.proxy_config import Dial
from teal.core.model.side import Side
from teal.core.model.stack import Evidence, Role, Stack, Tree
from teal.core.services.addresses import Names, host_and_port
from tests.unit.stacks import stack_of

CHECKED = {"restart": "always", "healthcheck": {"test": ["CMD", "ready"]}}
API = {
    "image": "app",
    "container_name": "the_api",
    "hostname": "api-host",
    "networks": {"default": {"aliases": ["backend"]}},
    "ports": [{"target": 8000, "published": "18000", "protocol": "tcp"}],
    **CHECKED,
}
SERVICES: Tree = {
    "web": {"image": "app", **CHECKED},
    "api": API,
    "db": {"image": "postgres:17", **CHECKED},
    "proxy": {"image": "caddy:2", "links": ["api:linked"], "extra_hosts": ["outside=host-gateway"]},
}
EVIDENCE = Evidence(proxy="proxy", routes={"web": 3000}, published_ports={"api": "drop"}, listens=frozenset({80, 8092}))


def stack(**more: object) -> Stack:
    overlays = {Side.BLUE: {"api": {**API, "container_name": "blue_api"}}}
    return stack_of(SERVICES, replace(EVIDENCE, **more), overlays=overlays)  # type: ignore[arg-type]


def errors(found: Stack) -> list[tuple[str, str]]:
    return [(each.message, each.remedy) for each in problems(found) if each.level == "error"]


@pytest.mark.parametrize(
    ("address", "wanted"),
    [
        ("web:80", ("web", 80)),
        ("WEB.:80", ("web", 80)),
        ("tcp/web:80", ("web", 80)),
        ("http://web/x?y", ("web", 80)),
        ("wss://a:b@web", ("web", 443)),
        ("srv://web", ("web", 0)),
        ("[::1]:80", ("[::1]", 80)),
        ("unix//run/a.sock", ("", 0)),
        ("{env.UP}:80", ("", 0)),
    ],
)
def test_an_address_in_any_form_is_a_host_and_a_port(address: str, wanted: tuple[str, int]) -> None:
    assert host_and_port(address) == wanted


@pytest.mark.parametrize(
    "host",
    [
        *("api", "the_api", "api-host", "backend", "linked", "blue_api", "api-blue", "the_api-green"),
        *("shop-api-1", "shop-green-api-green-1", "api.shop_default", "Backend"),
    ],
)
def test_a_service_is_meant_by_each_name_that_docker_gives_it(host: str) -> None:
    assert Names(stack().models, "proxy").meant(f"{host}:8000") == ("api", 8000)


@pytest.mark.parametrize("host", ["outside", "host.docker.internal", "172.17.0.1"])
def test_a_service_is_meant_by_the_port_that_it_publishes_on_the_machine(host: str) -> None:
    names = Names(stack().models, "proxy")
    assert names.meant(f"{host}:18000") == ("api", 8000)
    assert names.meant(f"{host}:18001") == ("", 0)


@pytest.mark.parametrize("host", ["apis", "api.example.org", "10.0.0.1", "localhost", "shop-api-2", ""])
def test_other_hosts_mean_no_service(host: str) -> None:
    assert Names(stack().models, "proxy").meant(f"{host}:8000") == ("", 0)


PAST = "past Teal's snippet, so they can't be switched"


@pytest.mark.parametrize(
    ("dial", "message", "remedy"),
    [
        (
            Dial("backend:8000"),
            f"the proxy passes requests to backend:8000 (api) {PAST}",
            "write `import teal api 8000` in place of that reverse_proxy",
        ),
        (
            Dial("api:8000", "php_fastcgi", ":80/x"),
            f"the proxy passes requests from :80/x to api:8000 by php_fastcgi {PAST}",
            "write what php_fastcgi stands for, with `import teal api 8000 { transport fastcgi }`: see docs/proxy.md",
        ),
        (
            Dial("http://api:8000/may", "on_demand_tls", place="Caddyfile:3"),
            f"the proxy passes requests to http://api:8000/may by on_demand_tls {PAST}",
            "let on_demand_tls ask 127.0.0.1:8093, a site that nobody else reaches; add to the Caddyfile:\n"
            "  http://:8093 {\n  \timport teal api 8000\n  }",
        ),
        (
            Dial("api:25", "layer4 proxy"),
            f"the proxy passes requests to api:25 by layer4 proxy {PAST}",
            "only HTTP through the snippet can be switched: take that out, or make api shared, in teal.yml",
        ),
    ],
    ids=["by an alias", "fastcgi", "a question", "no HTTP"],
)
def test_what_is_dialled_past_the_snippet_is_refused_with_what_helps(dial: Dial, message: str, remedy: str) -> None:
    assert errors(stack(dials=(dial,))) == [(message, remedy)]


def test_a_second_way_to_a_route_is_refused_and_one_to_a_shared_service_is_not() -> None:
    dials = (Dial("web:3000", place="Caddyfile:9"), Dial("db:5432"), Dial("example.org:443"))
    assert [(each.place, each.service) for each in problems(stack(dials=dials)) if each.level == "error"] == [
        ("Caddyfile:9", "web")
    ]


def test_an_upstream_that_each_request_decides_is_a_warning() -> None:
    (found,) = (each for each in problems(stack(dials=(Dial("{labels.1}:80"),))) if each.level != "error")
    assert "which each request decides" in found.message


@pytest.mark.parametrize(
    ("more", "message", "remedy"),
    [
        (
            {"strange": (("backend", 8000),)},
            "the Caddyfile says `import teal backend 8000`, but the stack has no service backend",
            "write the service's name: `import teal api 8000`",
        ),
        (
            {"strange": (("wbe", 3000),)},
            "the Caddyfile says `import teal wbe 3000`, but the stack has no service wbe",
            "write the service's name: `import teal web 3000`",
        ),
        (
            {"strange": (("nowhere", 1),)},
            "the Caddyfile says `import teal nowhere 1`, but the stack has no service nowhere",
            "take that line out",
        ),
        (
            {"routes": {"web": 3000, "db": 5432}, "declared": {"db": Role.SHARED}},
            "the Caddyfile says `import teal db 5432`, but db is shared",
            "write `reverse_proxy db:5432`: no color has it",
        ),
        (
            {"routes": {"web": 3000, "api": 8000}, "declared": {"api": Role.WORKER}},
            "the Caddyfile says `import teal api 8000`, but api is a worker",
            "take api out of `services` in teal.yml: it is a route",
        ),
    ],
)
def test_an_import_that_leads_to_nothing_in_a_color_is_refused(
    more: Mapping[str, object], message: str, remedy: str
) -> None:
    assert errors(stack(**more)) == [(message, remedy)]


def test_what_only_the_running_proxy_does_is_told_with_the_way_to_todays_files() -> None:
    today = stack(dials=(Dial("web:3000", place="Caddyfile:9"),))
    routes, dials = (("api", 8000),), (Dial("web:3000"), Dial("api:8000", at=":80/x"))
    assert [(each.service, each.message, each.remedy) for each in running(today, routes, dials, "`reload`")] == [
        (
            "api",
            f"the running proxy passes requests from :80/x to api:8000 {PAST}",
            "today's files don't: `reload`",
        ),
        ("web", "the running proxy does not switch web", "today's Caddyfile does: `reload`"),
        (
            "api",
            "the running proxy passes requests to api through Teal's snippet, but it is a worker",
            "today's files don't, or could not be read: `reload`",
        ),
    ]


@pytest.mark.parametrize(
    "more",
    [{"strange": (("apii", 8000),)}, {"dials": (Dial("api:8000", place="Caddyfile:9"),)}],
    ids=["misspelt", "past the snippet"],
)
def test_a_caddyfile_that_is_refused_is_not_what_the_running_proxy_should_load(more: Mapping[str, object]) -> None:
    assert list(running(stack(**more), (("web", 3000), ("api", 8000)), (), "`reload`")) == []
    assert is_refused(stack(**more))
    assert not is_refused(stack())
