"""What a service tells a front that reads it through Docker's socket: labels for Traefik or Caddy, variables for nginx.

Labels of ``deploy`` count as those of the service.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from teal.core.model.compose import Node, environment_of, mapping, number, unescaped
from teal.core.model.proxy_config import How

_TRAEFIK_ROUTE = re.compile(r"traefik\.(?:[\w-]+\.)?(?:http\.routers\..+|http\.services\..+|frontend\..+|port)")
_TRAEFIK_PORT = re.compile(r"traefik\.(?:http\.services\.[^.]+\.loadbalancer\.server\.port|(?:[\w-]+\.)?port)")
_TRAEFIK_SCHEME = re.compile(r"traefik\.http\.services\.[^.]+\.loadbalancer\.server\.scheme")
_CADDY = re.compile(r"caddy(?:_\d+)?(?:\..+)?")
_UPSTREAMS = re.compile(r"\{\{\s*upstreams(?:\s+(https?|h2c|fastcgi))?(?:\s+(\d+))?\s*\}\}")
_VARIABLES = re.compile(
    r"VIRTUAL_\w+|LETSENCRYPT_\w+|ACME_\w+|CERT_NAME|HTTPS_METHOD|HSTS|NETWORK_ACCESS|SSL_POLICY|SERVER_TOKENS|NON_GET_REDIRECT|ENABLE_HTTP\w*|DISABLE_ACCESS_LOGS"
)
_FALSE = frozenset({"false", "0", "no"})


@dataclass(frozen=True, slots=True)
class Told:
    """What a service tells fronts of one kind."""

    kind: Literal["traefik", "caddy", "variables"]
    what: str  # the label or variable that says it, for people
    port: int = 0  # 0 where it names none
    how: How = "http"
    labels: Mapping[str, str] | None = None
    variables: Mapping[str, str] | None = None


def told(service: Node) -> tuple[Told, ...]:
    """Return what *service* tells fronts, of each kind at most once."""
    labels = labels_of(service)
    found = (_traefik(labels), _caddy(labels), _nginx(environment_of(service)))
    return tuple(each for each in found if each is not None)


def labels_of(service: Node) -> dict[str, str]:
    """Return the labels of *service*, those of ``deploy`` with them."""
    both = {**mapping(mapping(service.get("deploy")).get("labels")), **mapping(service.get("labels"))}
    return {key: unescaped(value) for key, value in both.items()}


def _traefik(labels: Mapping[str, str]) -> Told | None:
    mine = {key: value for key, value in labels.items() if key.lower().startswith("traefik.")}
    enabled = mine.get("traefik.enable", "").lower()
    what = next((key for key in mine if _TRAEFIK_ROUTE.fullmatch(key.lower())), "")
    if enabled in _FALSE or not (what or (enabled and not _only_tcp(mine))):
        return None
    port = next((number(value) for key, value in mine.items() if _TRAEFIK_PORT.fullmatch(key.lower())), 0)
    scheme = next((value for key, value in mine.items() if _TRAEFIK_SCHEME.fullmatch(key.lower())), "")
    return Told("traefik", what or "traefik.enable", port, "https" if scheme == "https" else "http", labels=mine)


def _only_tcp(labels: Mapping[str, str]) -> bool:
    return any(key.lower().startswith(("traefik.tcp.", "traefik.udp.")) for key in labels)


def _caddy(labels: Mapping[str, str]) -> Told | None:
    mine = {key: value for key, value in labels.items() if _CADDY.fullmatch(key)}
    if not mine:
        return None
    for key, value in mine.items():
        found = _UPSTREAMS.search(value)
        if found:
            fastcgi = "fastcgi" in key or found[1] == "fastcgi"
            how: How = "fastcgi" if fastcgi else "https" if found[1] == "https" else "http"
            return Told("caddy", key, int(found[2] or 0), how, labels=mine)
    return Told("caddy", next(iter(mine)), labels=mine)


def _nginx(environment: Mapping[str, str]) -> Told | None:
    if not {"VIRTUAL_HOST", "VIRTUAL_HOST_MULTIPORTS", "VIRTUAL_PORT"} & set(environment):
        return None
    mine = {name: value for name, value in environment.items() if _VARIABLES.fullmatch(name)}
    protocols: dict[str, How] = {"https": "https", "fastcgi": "fastcgi", "uwsgi": "uwsgi"}
    how = protocols.get(mine.get("VIRTUAL_PROTO", "http").lower(), "http")
    what = "VIRTUAL_HOST" if "VIRTUAL_HOST" in mine else next(iter(mine))
    return Told("variables", what, number(mine.get("VIRTUAL_PORT")), how, variables=mine)
