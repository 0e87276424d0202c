"""Roles: the owner's word first, then the proxy's, then what image, mounts, names and ports show."""

import pytest

from teal.core.model.compose import Node
from teal.core.model.stack import Evidence, Role
from teal.core.services.roles import propose

APP: Node = {"image": "shop-app"}
NONE = Evidence()


def role(service: Node, name: str = "app", evidence: Evidence = NONE, **others: Node) -> Role:
    return propose({"services": {name: service, **others}}, evidence)[name].role


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({"image": "postgres:16"}, Role.SHARED),
        ({"image": "docker.io/library/redis:7@sha256:ab"}, Role.SHARED),
        ({"image": "registry.local:5000/redis"}, Role.SHARED),
        ({"image": "pgvector/pgvector:pg16"}, Role.SHARED),
        ({"image": "postgrest/postgrest", "ports": [{"target": 3000, "protocol": "tcp"}]}, Role.ROUTE),
        ({"image": "traefik/whoami", "expose": ["80"]}, Role.ROUTE),
        ({"image": "shop-db", "volumes": [{"type": "volume", "target": "/var/lib/postgresql/data"}]}, Role.SHARED),
        ({"image": "shop", "volumes": [{"type": "volume", "target": "/var/lib/postgresql-tools"}]}, Role.WORKER),
        ({"image": "private/pg", "environment": {"POSTGRES_PASSWORD": "x"}}, Role.SHARED),
        ({"image": "app", "command": ["serve"], "environment": {"POSTGRES_PASSWORD": "x"}}, Role.WORKER),
        ({"build": {"context": "/x"}, "environment": {"POSTGRES_PASSWORD": "x"}}, Role.WORKER),
        ({"image": "app", "command": ["celery", "-A", "app", "beat"]}, Role.SINGLETON),
        ({"image": "app", "command": ["celery", "-A", "app", "worker", "-B"]}, Role.SINGLETON),
        ({"image": "app", "command": ["celery", "-A", "app", "worker"]}, Role.WORKER),
        ({"image": "app", "command": ["php", "artisan", "schedule:work"]}, Role.SINGLETON),
        ({"image": "app", "labels": {"traefik.http.services.a.loadbalancer.server.port": "8000"}}, Role.ROUTE),
        ({"image": "app", "labels": {"caddy.reverse_proxy": "{{upstreams 3000}}"}}, Role.ROUTE),
        ({"image": "app", "environment": {"VIRTUAL_PORT": "80"}}, Role.ROUTE),
        ({"image": "app", "ports": [{"target": 10000, "protocol": "udp", "published": "10000"}]}, Role.SHARED),
        ({"build": {"context": "/x"}, "ports": [{"target": 10000, "protocol": "udp"}]}, Role.WORKER),
        ({"image": "app", "deploy": {"replicas": 0}}, Role.TOOL),
        ({"image": "app", "scale": 0}, Role.TOOL),
        ({"image": "app", "command": ["true"]}, Role.TOOL),
        (APP, Role.WORKER),
    ],
)
def test_a_service_is_what_its_definition_shows(service: Node, expected: Role) -> None:
    assert role(service) is expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("celery-beat", Role.SINGLETON),
        ("scheduler", Role.SINGLETON),
        ("db-migrate", Role.ONE_SHOT),
        ("seed", Role.ONE_SHOT),
        ("initial", Role.WORKER),
        ("heartbeat", Role.WORKER),
        ("awscli", Role.TOOL),
    ],
)
def test_a_name_is_read_by_whole_words(name: str, expected: Role) -> None:
    assert role(APP, name=name) is expected


def test_what_others_wait_for_to_end_runs_once_whatever_its_name() -> None:
    waiting: Node = {"image": "app", "depends_on": {"prepare": {"condition": "service_completed_successfully"}}}
    assert role(APP, name="prepare", web=waiting) is Role.ONE_SHOT


def test_a_name_alone_makes_no_one_shot_of_what_restarts_for_ever() -> None:
    assert role({"image": "app", "restart": "always"}, name="setup") is Role.WORKER


def test_overlays_name_what_rotates_and_the_rest_is_shared() -> None:
    evidence = Evidence(in_overlays=frozenset({"web", "jobs"}), routes={"web": 3000}, proxy="front")
    model: Node = {
        "services": {
            "web": {**APP, "depends_on": {"migrate": {"condition": "service_completed_successfully"}}},
            "jobs": {**APP, "expose": ["9000"]},
            "mailer": APP,
            "migrate": APP,
            "front": {"image": "caddy:2"},
        }
    }
    roles = {name: assigned.role for name, assigned in propose(model, evidence).items()}
    assert roles == {
        "web": Role.ROUTE,
        "jobs": Role.WORKER,
        "mailer": Role.SHARED,
        "migrate": Role.ONE_SHOT,
        "front": Role.SHARED,
    }


def test_the_snippet_makes_a_route_even_of_a_known_image_and_a_bare_upstream_does_not() -> None:
    grafana: Node = {"image": "grafana/grafana"}
    assert role(grafana, name="grafana", evidence=Evidence(routes={"grafana": 3000})) is Role.ROUTE
    assert role(grafana, name="grafana", evidence=Evidence(direct_upstreams={"grafana": 3000})) is Role.SHARED
    assert role(APP, evidence=Evidence(direct_upstreams={"app": 3000})) is Role.ROUTE


def test_where_the_proxy_names_routes_a_port_alone_makes_none() -> None:
    exposed: Node = {"image": "app", "expose": ["3001"]}
    assert role(exposed, evidence=Evidence(routes={"web": 3000})) is Role.WORKER
    assert role(exposed, evidence=Evidence(direct_upstreams={"web": 3000})) is Role.WORKER


def test_the_owner_has_the_last_word_and_is_named_as_the_reason() -> None:
    evidence = Evidence(declared={"db": Role.WORKER}, in_overlays=frozenset({"web"}))
    chosen = propose({"services": {"db": {"image": "postgres"}, "web": APP}}, evidence)["db"]
    assert (chosen.role, chosen.reason) == (Role.WORKER, "declared in teal.yml")
