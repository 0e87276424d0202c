"""The world of a stack whose proxy is Teal's own: users come to published ports, of which each has one holder.

Beside the ten promises: nobody holds a port for a while only in a step in which it changes hands, or after such a one
was killed, until the next command has ended; and then Teal's own proxy, or the plain application, is there.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from teal.core.model.compose import mapping
from teal.core.model.own_proxy import OWN, OwnProxy
from teal.core.model.side import Side
from teal.core.model.stack import Evidence, Role, Settings, Stack, Tree
from teal.core.planning.leave import definitions
from teal.core.planning.steps import GiveBack, TakeOver
from teal.core.services.classify import services_of
from teal.core.services.entrances import entrances_of
from teal.core.services.own_proxy import with_own_proxy
from tests.simulated import Box, Happening, Request, Users
from tests.simulation.promises import Part, Promises
from tests.simulation.simulation import Simulation
from tests.simulation.stack import OPENING, ROLES, ROTATING, ROUTES, SETTINGS, model

NOBODY = "nobody listens at the port"


@cache
def own_stack_of(setting: str = "a", settings: Settings = SETTINGS) -> Stack:
    """Return the stack of `tests.simulation.stack` without its Caddy: web and admin publish their own ports."""
    tree = model(setting)
    services: Tree = {}
    for name, service in mapping(tree["services"]).items():
        if name != "proxy":
            port = {"target": ROUTES.get(name), "published": str(ROUTES.get(name)), "protocol": "tcp"}
            ports = {"ports": [port]} if name in ROUTES else {}
            services[name] = {**mapping(service), **ports, "networks": {"default": None}}
    models = {side: {**tree, "services": services} for side in Side}
    roles = {name: role for name, role in ROLES.items() if name != "proxy"}
    evidence = Evidence(declared=roles, ports=ROUTES, needs={"web": ("api",)})
    stack = Stack(
        project="shop",
        directory="/srv/shop",
        files=(),
        models=models,
        services=services_of(models, evidence),
        proxy="",
        settings=settings,
        fingerprint=f"fingerprint of {setting}",
        evidence=evidence,
    )
    stack = with_own_proxy(replace(stack, entrances=entrances_of(stack)), OwnProxy())
    assert stack.having(Role.ROUTE)
    return replace(stack, definitions=definitions(stack, {}))


class PortUsers(Users):
    """Users who come to the ports of the routes, whoever holds them."""

    def _try(self, request: Request) -> None:
        holder = self.world.holder_of(self.routes[request.route])
        if request.outcome:
            return
        if holder is None or not holder.ready:
            self._end(request, "lost", NOBODY)
        elif self.world.service(holder) == OWN:
            super()._try(request)
        else:
            request.led = Side.PLAIN
            self._reach(request, holder, request.route)

    def _broken_entrance(self, box: Box) -> Box | None:
        return box if self.world.service(box) == OWN and box.ports and box.started else None


class PortPromises(Promises):
    """The ten promises, where ports change hands in two steps."""

    @property
    def changing(self) -> bool:
        """Tell whether a port may be without a holder, or changes it: in the two steps, and while one is put right."""
        runs = {run["id"] for run in self.world.disk.runs if run["ended"] is None}
        steps = [row for row in self.world.disk.steps if isinstance(row["step"], TakeOver | GiveBack)]
        return any(row["run"] in runs for row in steps)

    def _request_ended(self, request: Request) -> None:
        gap = request.why == NOBODY or " stopping by " in request.why
        self.checked["port"] += 1
        if gap and self.changing:
            return
        if request.why == NOBODY and not self.world.engine_up:
            return
        super()._request_ended(request)

    def _dispatched(self, request: Request, box: Box, part: Part) -> None:
        if not box.ports:  # who holds the port itself answers, whatever the state file says
            super()._dispatched(request, box, part)

    def _touched(self, happening: Happening, box: Box) -> None:
        if not (self.changing and self.world.side(box) is Side.PLAIN):
            super()._touched(happening, box)

    def _shared(self, happening: Happening, box: Box) -> None:
        super()._shared(happening, box)
        if (
            self.world.service(box) == OWN
            and box.ports
            and not self.changing
            and self.commands.get(happening.by) != "up"
        ):
            self.broken("shared", f"{happening.by}: {box.name} {happening.kind}")

    def settled(self, what: str) -> None:
        super().settled(what)
        side = self._users() or Side.PLAIN
        for route, port in ROUTES.items():
            holder = self.world.holder_of(port)
            right = holder and holder.ready and self.world.service(holder) == (route if side is Side.PLAIN else OWN)
            if not right:
                self.broken("port", f"after {what}: {holder.name if holder else 'nobody'} holds {port}, users: {side}")


class OwnSimulation(Simulation):
    """A world in which Teal brings its own proxy along."""

    proxy = OWN
    users_of = PortUsers
    promises_of = PortPromises

    def plain_up(self, services: tuple[str, ...] = ("db", *ROTATING)) -> None:
        super().plain_up(services)

    def new_source(self, setting: str | None = None) -> int:
        self.world.source += 1
        if setting is not None:
            self.stack = own_stack_of(setting, self.stack.settings)
        return self.world.source


def own_plain() -> OwnSimulation:
    """Return a world with a running plain stack that publishes its ports."""
    world = OwnSimulation(own_stack_of(), every=0.2)
    world.plain_up()
    world.users.flow()
    return world


def own_adopted() -> OwnSimulation:
    """Return a world with release 1 on blue, behind Teal's own proxy."""
    world = own_plain()
    assert world.run("deploy").ok
    assert {world.world.service(box) for box in world.world.on(Side.BLUE)} >= {*OPENING}
    return world
