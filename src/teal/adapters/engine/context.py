"""The socket of the engine that ``docker`` would talk to, from the user's settings: ``DOCKER_HOST``, or the context."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import cast

import msgspec

from teal.errors import ConfigError, Refused

DEFAULT_SOCKET = "/var/run/docker.sock"


def socket_path(environ: Mapping[str, str]) -> str:
    """Return the engine's socket: by DOCKER_HOST, else by the current context, else Docker's default."""
    host = environ.get("DOCKER_HOST") or _context_host(environ)
    if not host:
        return DEFAULT_SOCKET
    scheme, _, path = host.partition("://")
    if scheme != "unix" or not path.startswith("/"):
        raise Refused(
            f"docker talks to an engine on another machine: {_without_password(host)}",
            hint="run teal on the server itself; for this machine's own engine, unset DOCKER_HOST "
            "or run: docker context use default",
        )
    return path


def _context_host(environ: Mapping[str, str]) -> str:
    """Return the address of the context in use, "" for the default one."""
    folder = Path(environ.get("DOCKER_CONFIG") or Path(environ.get("HOME") or Path.home()) / ".docker")
    name = environ.get("DOCKER_CONTEXT") or _text(_json(folder / "config.json"), "currentContext")
    if name in {"", "default"}:
        return ""
    meta = folder / "contexts" / "meta" / hashlib.sha256(name.encode()).hexdigest() / "meta.json"
    host = _text(_json(meta), "Endpoints", "docker", "Host")
    if not host:
        raise ConfigError(
            f"the Docker context {name} is in use but not defined",
            hint="see: docker context ls; then: docker context use NAME",
        )
    return host


def _json(path: Path) -> object:
    """Return what the file holds, None where there is no such file."""
    try:
        return cast(object, msgspec.json.decode(path.read_bytes()))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except PermissionError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}", hint="make it readable for you") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{path} is not JSON: {error}", hint="fix it: docker itself reads it, too") from error


def _text(value: object, *keys: str) -> str:
    """Return the string at *keys*, "" where there is none."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value if isinstance(value, str) else ""


def _without_password(host: str) -> str:
    scheme, _, rest = host.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"
