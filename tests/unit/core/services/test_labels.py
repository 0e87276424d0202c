"""Labels and variables for fronts: which make a route, at which port, and which speak no HTTP."""

from __future__ import annotations

import pytest

from teal.core.services.labels import told

PORT = "traefik.http.services.x.loadbalancer.server.port"


@pytest.mark.parametrize(
    ("labels", "kind", "port"),
    [
        ({"traefik.http.routers.x.rule": "Host(`a`)", PORT: "5000"}, "traefik", 5000),
        ({"traefik.enable": "true"}, "traefik", 0),
        ({"caddy": "a.test", "caddy.reverse_proxy": "{{upstreams 8080}}"}, "caddy", 8080),
        ({"caddy_1": "a.test", "caddy_1.handle.reverse_proxy": "{{upstreams h2c 50051}}"}, "caddy", 50051),
    ],
)
def test_labels_lead_users_to_a_service_wherever_they_stand(labels: dict[str, str], kind: str, port: int) -> None:
    for service in ({"labels": labels}, {"deploy": {"labels": labels}}):
        (found,) = told(service)
        assert (found.kind, found.port, found.how) == (kind, port, "http")
        assert found.labels == labels


@pytest.mark.parametrize(
    "labels",
    [
        {"traefik.enable": "false", "traefik.http.routers.x.rule": "Host(`a`)"},
        {"traefik.enable": "true", "traefik.tcp.routers.x.rule": "HostSNI(`*`)"},
        {"caddyshack": "a"},
        {"com.example": "traefik"},
    ],
)
def test_others_lead_nobody(labels: dict[str, str]) -> None:
    assert told({"labels": labels}) == ()


def test_variables_lead_users_to_a_service_and_may_say_another_protocol() -> None:
    (found,) = told({"environment": {"VIRTUAL_HOST": "a", "VIRTUAL_PORT": "8080", "LETSENCRYPT_HOST": "a", "X": "y"}})
    assert (found.kind, found.port, found.how) == ("variables", 8080, "http")
    assert found.variables is not None
    assert set(found.variables) == {"VIRTUAL_HOST", "VIRTUAL_PORT", "LETSENCRYPT_HOST"}
    (other,) = told({"environment": {"VIRTUAL_HOST": "a", "VIRTUAL_PROTO": "fastcgi"}})
    assert other.how == "fastcgi"


def test_dollars_are_as_they_are_meant() -> None:
    (found,) = told({"labels": {"traefik.http.routers.x.rule": "HostRegexp(`^a$$`)"}})
    assert found.labels == {"traefik.http.routers.x.rule": "HostRegexp(`^a$`)"}
