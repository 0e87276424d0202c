"""Translates: what goes wrong between Teal and the engine into errors that say what to do."""

from __future__ import annotations

import grp
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from teal.adapters.docker_hints import hint
from teal.adapters.http import HttpError, Silent
from teal.errors import Failed, Unavailable


class EngineSaid(Failed):
    """The engine answered with an error; *code* is the HTTP status, the message its own."""

    def __init__(self, code: int, body: bytes) -> None:
        message = _message(body) or f"the Docker Engine answered with status {code}"
        super().__init__(message, hint=hint(message) or "the Docker Engine says so; its log: journalctl -u docker")
        self.code = code


def _message(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=dict[str, str]).get("message", "").strip()
    except msgspec.DecodeError:
        return body.decode(errors="replace").strip()[:500]


@contextmanager
def translated(socket: str, path: str) -> Iterator[None]:
    """Turn what the connection and the kernel raise into ``Unavailable``."""
    try:
        yield
    except HttpError as error:
        raise _unavailable(error, socket, path) from error


def _unavailable(error: Exception, socket: str, path: str) -> Unavailable:
    cause = _os_error(error)
    if isinstance(cause, PermissionError):
        return _forbidden(socket)
    if isinstance(cause, FileNotFoundError | ConnectionRefusedError):
        what = "there is no socket" if isinstance(cause, FileNotFoundError) else "nobody answers"
        return Unavailable(
            f"the Docker Engine does not run: {what} at {socket}",
            hint="start it: sudo systemctl start docker (or point DOCKER_HOST to its socket)",
        )
    if isinstance(error, Silent):
        return Unavailable(f"the Docker Engine did not answer {path} in time", hint="see: docker info; its own log")
    return Unavailable(
        f"the Docker Engine went away while it was asked for {path}: {error or type(error).__name__}",
        hint="see: docker info; then run the command again",
    )


def _os_error(error: BaseException | None) -> OSError | None:
    """Return the kernel's own error below the libraries' ones."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def _forbidden(socket: str) -> Unavailable:
    try:
        group = grp.getgrgid(Path(socket).stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "docker"
    remedy = "run teal with sudo"
    if group != "root":
        remedy = f"run: sudo usermod -aG {group} $USER, then log in again; or {remedy}"
    return Unavailable(f"you may not use the Docker Engine's socket {socket}", hint=remedy)
