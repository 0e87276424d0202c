"""Decides: which release a session in the database belongs to, by the address that it comes from."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from teal.core.model.observed import Container

SOCKET = "socket"  # what a session over the server's own socket is called


@dataclass(frozen=True, slots=True)
class Session:
    """One client's session as the database server shows it."""

    address: str  # where it comes from, "" over the server's own socket
    application: str = ""  # what it calls itself: shown to people, never believed
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a session comes from, and the release that is served from there; None where nobody can tell."""

    name: str
    release: int | None = None


def origin(session: Session, containers: Iterable[Container]) -> Origin:
    """Return the origin of *session*: a container of the stack by its address, else the bare address.

    A shared service (a pooler, a monitor) is no release's: whose queries it passes on can't be told.
    """
    if not session.address:
        return Origin(SOCKET)
    for container in containers:
        if session.address in container.addresses.values():
            return Origin(container.name, container.release)
    return Origin(session.address)


def strangers(
    sessions: Iterable[Session], containers: tuple[Container, ...], trusted: frozenset[str], *, minimum: int
) -> tuple[Session, ...]:
    """Return the sessions that may be of a release older than *minimum*: what can't be told counts as old."""
    return tuple(each for each in sessions if _may_be_old(each, containers, trusted, minimum))


def _may_be_old(session: Session, containers: tuple[Container, ...], trusted: frozenset[str], minimum: int) -> bool:
    found = origin(session, containers)
    if found.release is not None:
        return found.release < minimum  # what is known to be old can't be vouched for
    return not trusted & _names(session, found, containers)


def _names(session: Session, found: Origin, containers: Iterable[Container]) -> frozenset[str]:
    """Return what an operator may call the origin of *session*."""
    services = {c.service for c in containers if found.name == c.name}
    return frozenset({found.name, session.address or SOCKET, *services})


def say_origins(sessions: Iterable[Session], containers: tuple[Container, ...]) -> str:
    """Return *sessions* as words, counted by where they come from."""
    counts = Counter((origin(each, containers), each.application) for each in sessions)
    return ", ".join(_say(found, application, count) for (found, application), count in counts.items())


def _say(found: Origin, application: str, count: int) -> str:
    release = f"release {found.release}" if found.release is not None else "release unknown"
    called = f", calls itself {application!r}" if application else ""
    return f"{count} from {found.name} ({release}{called})"
