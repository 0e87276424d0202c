"""The proxy as ``run`` asks it, and what it answers: the one place of traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Protocol

from teal.core.observed import Container
from teal.core.traffic import Traffic


@dataclass(frozen=True, slots=True)
class Entry:
    """A place where users reach a route through the proxy."""

    route: str
    port: int  # of the route
    listen: int  # the port inside the proxy's container
    tls: bool
    host: str  # "" for any
    path: str = ""  # prefix, no trailing slash


@dataclass(frozen=True, slots=True)
class Prepared:
    """How the proxy stands to Teal."""

    version: str
    entries: tuple[Entry, ...]
    bare: tuple[str, ...] = ()  # plain ``reverse_proxy NAME:PORT`` that do not go through the snippet
    admin: str = "127.0.0.1:2019"  # "" where it is off
    unfit: tuple[
        str, ...
    ] = ()  # routes with health checks of the proxy's own: a sick color makes it refuse a sound one


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back through the proxy."""

    status: int
    upstream: str  # host:port that the proxy chose, "" where it did not say
    headers: Mapping[str, str] = field(default_factory=dict)
    body: str = ""


@dataclass(frozen=True, slots=True)
class Grasp:
    """How far what the running proxy has in hand is from what lies on this host now."""

    blind: bool = False  # the directory of the state file that it sees is not the one that Teal writes to
    gone: tuple[str, ...] = ()  # files of its configuration that are no longer there
    older: tuple[str, ...] = ()  # files of which it goes on seeing the one that another has replaced
    broken: str = ""  # what it says against the files of now: it could not start with them
    stale: bool = False  # it runs another configuration than the files of now mean


class Proxy(Protocol):
    """The proxy with Teal's snippet, and the state file that it reads."""

    @property
    def folder(self) -> str:
        """Return the directory on this host that the proxy must mount."""
        ...

    def read(self) -> Traffic | None:
        """Return what the state file says; None for no file or nothing that the proxy knows."""
        ...

    def closed(self) -> bool:
        """Tell whether the state file is there, and closed to a proxy that runs as another user."""
        ...

    def write(self, traffic: Traffic) -> None:
        """Replace the state file in one rename, durably."""
        ...

    async def grasp(self, container: Container) -> Grasp:
        """Return how far the running proxy is from what lies on this host now; quick where nothing was touched."""
        ...

    async def prepared(self, container: Container) -> Prepared: ...
    async def entries(self, container: Container) -> tuple[Entry, ...]:
        """Return the places where users reach the routes, and nothing else of what `prepared` says: sooner."""
        ...

    async def ask(self, container: Container, entry: Entry, key: str, path: str = "/") -> Answer:
        """Send a GET with *key* through the proxy at *entry* and return what came."""
        ...

    async def in_flight(self, container: Container, entry: Entry, key: str) -> Mapping[str, int]:
        """Return the count of requests in flight per upstream, ``web-blue:3000``; raise where it can't be had.

        WebSockets are counted apart, under the same name with a dot at its end: ``web-blue.:3000``.
        """
        ...
