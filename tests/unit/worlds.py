"""Small observed worlds for tables of plans: a stack of five services and what may stand around it."""

from __future__ import annotations

from dataclasses import replace

from teal.core.model.observed import Container, Observed, Past
from teal.core.model.release import Release
from teal.core.model.side import Side
from teal.core.model.stack import Assigned, Health, HttpProbe, Role, Service, Settings, Stack
from teal.core.model.traffic import Traffic, to


def service(name: str, role: Role, **facts: object) -> Service:
    return Service(name, Assigned(role, "said so"), **facts)  # type: ignore[arg-type]


WEB = service(
    "web", Role.ROUTE, port=8000, depends_on={"api": "service_started"}, health=Health("probe", HttpProbe(8000))
)
API = service(
    "api", Role.WORKER, required_by_routes=True, builds=True, image="shop-api", depends_on={"db": "service_healthy"}
)
QUEUE = service("queue", Role.WORKER, image="shop-api")
CLOCK = service("clock", Role.SINGLETON, image="shop-api")
MIGRATE = service("migrate", Role.ONE_SHOT, image="shop-api")
DB = service("db", Role.SHARED)
PROXY = service("proxy", Role.SHARED)

STACK = Stack(
    project="shop",
    directory="/srv/shop",
    files=(),
    models={},
    services=(PROXY, WEB, API, QUEUE, CLOCK, MIGRATE, DB),
    proxy="proxy",
    settings=Settings(),
)
IMAGES = {name: f"sha256:{name}" for name in ("web", "api", "queue", "clock", "migrate")}


def release(number: int, side: Side) -> Release:
    return Release(number, side, 1000.0 * number, IMAGES, (WEB, API, QUEUE, CLOCK))


def container(name: str, side: Side, number: int | None, **facts: object) -> Container:
    base = Container(
        id=f"{side}-{name}-{number}",
        name=f"shop-{name}-{side}",
        service=name,
        side=side,
        release=number,
        image=f"sha256:{name}",
        state="running",
        health="none",
        started=100.0,
    )
    return replace(base, **facts)  # type: ignore[arg-type]


def color(side: Side, number: int, **facts: object) -> tuple[Container, ...]:
    return tuple(container(name, side, number, **facts) for name in ("web", "api", "queue", "clock"))


def past(*served: int, switched: tuple[Side, int | None] | None = None) -> Past:
    """Return what a journal tells that knows these releases, the one that served last at the end."""
    return Past(switched, served, known=frozenset(served))


SHARED = (container("db", Side.PLAIN, None), container("proxy", Side.PLAIN, None))
PLAIN_APP = tuple(container(name, Side.PLAIN, None) for name in ("web", "api", "queue", "clock"))
EMPTY = Observed(traffic=None, containers=())
PLAINLY = Observed(traffic=None, containers=(*SHARED, *PLAIN_APP))
BLUE_7 = Observed(
    traffic=to(Side.BLUE),
    containers=(*SHARED, *color(Side.BLUE, 7), *color(Side.GREEN, 6, state="exited")),
    releases=(release(5, Side.BLUE), release(6, Side.GREEN), release(7, Side.BLUE)),
    images=frozenset(IMAGES.values()),
    past=past(5, 6, 7, switched=(Side.BLUE, 7)),
    next_release=8,
)


def keyed(side: Side, asked: Side) -> Traffic:
    return to(side).with_key(asked, "k3y")
