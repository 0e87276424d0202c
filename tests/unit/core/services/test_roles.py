"""Roles: the owner's word first, then the proxy's, then what image, mounts, names and ports show."""

import pytest

from teal.core.model.built import Made
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


def published(*ports: int) -> list[Node]:
    return [{"target": port, "published": str(port), "protocol": "tcp"} for port in ports]


def kept(target: str) -> list[Node]:
    return [{"type": "volume", "source": "v", "target": target}]


@pytest.mark.parametrize(
    ("service", "expected"),
    [
        ({"image": "mcr.microsoft.com/mssql/server:2022"}, Role.SHARED),
        ({"image": "ghcr.io/acme/server:1", "ports": published(9000)}, Role.ROUTE),
        ({"image": "ghcr.io/acme/agent:1"}, Role.WORKER),
        ({"image": "datadog/agent:7"}, Role.SHARED),
        ({"image": "acme/pg", "environment": {"POSTGRES_PASSWORD": "x", "POSTGRES_HOST": "db"}}, Role.WORKER),
        ({"image": "acme/pg", "environment": {"POSTGRES_PASSWORD": "x"}, "ports": published(3000)}, Role.ROUTE),
        ({"image": "acme/stream", "ports": published(5432)}, Role.SHARED),
        ({"image": "acme/forked-redis:7"}, Role.SHARED),
        ({"image": "acme/redis-commander-x", "ports": published(8081)}, Role.ROUTE),
        ({"image": "acme/game", "ports": published(25565)}, Role.SHARED),
        ({"image": "acme/voice", "ports": [{"target": 5004, "published": "5004", "protocol": "udp"}]}, Role.SHARED),
        ({"image": "acme/vpn", "cap_add": ["NET_ADMIN"], "ports": published(8080)}, Role.SHARED),
        ({"image": "acme/bridge", "devices": ["/dev/ttyUSB0:/dev/ttyUSB0"], "ports": published(8080)}, Role.SHARED),
        ({"image": "acme/films", "devices": ["/dev/dri:/dev/dri"], "ports": published(8096)}, Role.ROUTE),
        ({"image": "acme/heal", "volumes": [{"source": "/var/run/docker.sock", "target": "/s"}]}, Role.SHARED),
        ({"build": {"context": "/x"}, "volumes": [{"source": "/var/run/docker.sock", "target": "/s"}]}, Role.WORKER),
        (
            {"image": "postgres:16", "command": ["sh", "-c", "while true; do pg_dump; sleep 9999; done"]},
            Role.SINGLETON,
        ),
        ({"image": "redis:7", "command": ["sh", "-c", "redis-server --requirepass $$X"]}, Role.SHARED),
        ({"image": "app", "command": ["0 3 * * * ./report"]}, Role.SINGLETON),
        ({"image": "app", "command": ["sh", "-c", "*/5 * * * * ./report"]}, Role.SINGLETON),
        ({"image": "app", "command": ["@daily ./tidy"]}, Role.SINGLETON),
        ({"image": "app", "command": ["./dump-every-night.sh"]}, Role.SINGLETON),
        ({"image": "app", "environment": {"BACKUP_CRON": "0 0 * * *"}}, Role.SINGLETON),
        ({"image": "app", "command": ["sh", "-c", "while ! nc -z db 1; do sleep 1; done; work"]}, Role.WORKER),
        ({"image": "app", "command": ["celery", "worker", "-Q", "scheduler"]}, Role.WORKER),
        ({"image": "app", "command": ["serve", "--no-scheduler"]}, Role.WORKER),
        ({"image": "app", "command": ["alembic", "upgrade", "head"]}, Role.ONE_SHOT),
        ({"image": "app", "command": ["sh", "-c", "./wait && bin/rails db:migrate"]}, Role.ONE_SHOT),
        ({"image": "app", "command": ["sh", "-c", "manage.py migrate && celery worker"]}, Role.WORKER),
        ({"image": "app", "command": ["npm", "run", "migrate"], "restart": "always"}, Role.WORKER),
        ({"image": "flyway/flyway:11", "command": ["migrate"]}, Role.ONE_SHOT),
        ({"image": "app", "command": ["load"], "restart": "no"}, Role.ONE_SHOT),
        ({"image": "app", "command": ["bash"], "tty": True, "stdin_open": True}, Role.TOOL),
        ({"image": "app", "ports": published(22, 3000)}, Role.ROUTE),
        ({"image": "app", "ports": [{"target": 9000}]}, Role.ROUTE),
    ],
)
def test_each_kind_is_known_by_what_it_is(service: Node, expected: Role) -> None:
    assert role(service) is expected


def test_a_free_port_of_the_machine_makes_no_route_beside_one() -> None:
    web: Node = {"image": "web", "ports": published(80)}
    assert role({"image": "app", "ports": [{"target": 9000}]}, web=web) is Role.WORKER


@pytest.mark.parametrize(("name", "expected"), [("cron", Role.ROUTE), ("daily", Role.ROUTE), ("seed", Role.ROUTE)])
def test_what_publishes_a_port_is_no_job_by_its_name(name: str, expected: Role) -> None:
    assert role({"image": "app", "ports": published(8000)}, name=name) is expected


@pytest.mark.parametrize(
    ("name", "service", "expected"),
    [
        ("events-db", {"image": "acme/stream", "volumes": kept("/stream")}, Role.SHARED),
        ("mq", {"image": "acme/post", "volumes": kept("/x")}, Role.SHARED),
        ("queue", {"image": "app", "command": ["php", "artisan", "queue:work"], "volumes": kept("/logs")}, Role.WORKER),
        ("db-api", {"image": "app", "volumes": kept("/x")}, Role.WORKER),
        ("cache", {"build": {"context": "/x"}, "volumes": kept("/x")}, Role.WORKER),
        ("backup", {"image": "app"}, Role.SINGLETON),
        ("schedulerless", {"image": "app"}, Role.WORKER),
        ("create-site", {"image": "app"}, Role.ONE_SHOT),
    ],
)
def test_a_name_counts_where_nothing_speaks_against_it(name: str, service: Node, expected: Role) -> None:
    assert role(service, name=name) is expected


def test_what_is_built_from_a_store_is_one() -> None:
    evidence = Evidence(built={"app": Made("mariadb:11")})
    assert role({"build": {"context": "/x"}}, evidence=evidence) is Role.SHARED


def test_what_lives_in_the_network_of_a_shared_service_is_shared() -> None:
    vpn: Node = {"image": "qmcgaw/gluetun"}
    assert role({"image": "app", "network_mode": "service:vpn"}, vpn=vpn) is Role.SHARED
    assert role({"image": "app", "network_mode": "service:app"}) is Role.WORKER


def test_a_service_on_the_hosts_network_is_a_route_where_its_port_is_told() -> None:
    assert role({"image": "app", "network_mode": "host", "environment": {"PORT": "8123"}}) is Role.ROUTE
