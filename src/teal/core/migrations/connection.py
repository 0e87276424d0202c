"""How the database of a stack is reached, as the stack's own files say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from teal.core.model.compose import Node, environment_of, mapping, sequence, services_in, text, unescaped
from teal.core.model.migrations import DatabaseAt
from teal.errors import ConfigError

PORT = 5432
_SCHEME = re.compile(r"postgres(ql)?(\+\w+)?")


@dataclass(frozen=True, slots=True)
class Credentials:
    """How a database is reached and what a client says to it; only *database* and *said* may be shown."""

    user: str = field(repr=False)
    password: str = field(repr=False)
    database: str
    port: int
    said: str  # where it stands: "web.DATABASE_URL"
    password_file: str = field(default="", repr=False)  # on this host, in place of *password*
    addresses: tuple[str, ...] = field(default=(), repr=False)
    # ^ of the server's container, one for each of its networks; empty until it was seen running


def credentials(at: DatabaseAt, model: Node) -> Credentials:
    """Return what *model* says of the way into the database; ``ConfigError`` where it says nothing that can be read."""
    if at.of:
        return _by_url(at, environment_of(services_in(model).get(at.of, {})).get(at.variable, ""))
    return _by_server(at.service, services_in(model).get(at.service, {}), model)


def _by_url(at: DatabaseAt, value: str) -> Credentials:
    said = f"{at.of}.{at.variable}"
    try:
        url = urlsplit(value)
        port = url.port or PORT
    except ValueError:
        url, port = urlsplit(""), PORT
    if not _SCHEME.fullmatch(url.scheme) or not url.hostname:
        raise ConfigError(f"{said} is not the address of a PostgreSQL database", hint="postgresql://USER:…@db/NAME")
    user = unquote(url.username or "postgres")
    return Credentials(user, unquote(url.password or ""), unquote(url.path.lstrip("/")) or user, port, said)


def _by_server(name: str, service: Node, model: Node) -> Credentials:
    """Return what the server's own environment says, as the official images read it."""
    environment = environment_of(service)
    user, file = environment.get("POSTGRES_USER") or "postgres", ""
    password = environment.get("POSTGRES_PASSWORD", "")
    if not password and "POSTGRES_PASSWORD_FILE" in environment:
        password, file = _secret(environment["POSTGRES_PASSWORD_FILE"], service, model)
    return Credentials(user, password, environment.get("POSTGRES_DB") or user, PORT, f"{name}.POSTGRES_*", file)


def _secret(path: str, service: Node, model: Node) -> tuple[str, str]:
    """Return content, or file on this host, of the secret that is mounted at *path*."""
    for mount in map(mapping, sequence(service.get("secrets"))):
        source = text(mount.get("source"))
        target = text(mount.get("target")) or source
        if path in {target, f"/run/secrets/{target}"}:
            return _content(mapping(mapping(model.get("secrets")).get(source)))
    raise ConfigError(
        "POSTGRES_PASSWORD_FILE names no secret of the database's service",
        hint="say which variable has the address: `database: {url: web.DATABASE_URL}` under migrations in teal.yml",
    )


def _content(secret: Mapping[str, object]) -> tuple[str, str]:
    return unescaped(secret.get("content")), unescaped(secret.get("file"))
