"""By which ways people reach a release: who stands in front of it, and what of its services is used from outside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class Front(StrEnum):
    """Who stands before the routes of a stack today."""

    NOBODY = "nobody"
    RELEASE = "release"  # a proxy that is itself part of the release: it is the route
    NAME = "name"  # calls the routes by their names
    LABELS = "labels"  # reads labels or variables of the routes
    CADDY = "caddy"  # the owner's Caddy, without the snippet: calls by name, too
    PREPARED = "prepared"  # the owner's Caddy that imports the snippet
    TUNNEL = "tunnel"  # calls by name, from a tunnel whose other end is elsewhere


@dataclass(frozen=True, slots=True)
class Published:
    """A port of this machine at which people outside reach a route."""

    route: str
    target: int  # the port in the container
    port: int
    address: str = ""  # of this machine, as the file has it; empty for all


@dataclass(frozen=True, slots=True)
class Named:
    """A name by which somebody who stays calls a route, or another rotating service, over HTTP.

    The own proxy gets the alias *name* on *networks* (keys of the model), listens there at *listens*, and passes to
    *target* of *route*.
    """

    route: str
    target: int
    name: str
    listens: int
    networks: tuple[str, ...]
    by: str = ""  # the service that calls, empty where that is somebody outside of the stack


@dataclass(frozen=True, slots=True)
class Labelled:
    """Labels and variables of a route that a front reads through Docker's socket."""

    route: str
    target: int
    labels: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    networks: tuple[str, ...] = ()  # keys of the model
    by: str = ""  # the service that reads them, empty where that is somebody outside of the stack


Entrance = Published | Named | Labelled
