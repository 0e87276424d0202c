"""The stack that lives in the simulated world: routes, what they need, a worker, a singleton, a one-shot, shared."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

from teal.core.model.side import Side
from teal.core.model.stack import Evidence, Role, Settings, Stack, Tree
from teal.core.model.units import Seconds
from teal.core.planning.leave import definitions
from teal.core.services.classify import services_of

SECRET = "pl4nted-Marker"  # must appear in nothing that Teal says
ROUTES = {"web": 8000, "admin": 9000}
CHAIN = ("api",)  # whom a route calls to answer a request of the kind "chain"
ROLES = {
    "proxy": Role.SHARED,
    "db": Role.SHARED,
    "web": Role.ROUTE,
    "admin": Role.ROUTE,
    "api": Role.WORKER,
    "queue": Role.WORKER,
    "clock": Role.SINGLETON,
    "migrate": Role.ONE_SHOT,
}
OPENING = ("web", "admin", "api")  # start before the switch
JOBS = ("queue", "clock")  # start after it
ROTATING = (*OPENING, *JOBS)
SHARED = ("proxy", "db")
CHECK = {"test": ["CMD", "check"], "interval": "5s", "retries": 3}
SETTINGS = Settings(
    health_timeout=Seconds(14.0),
    health_interval=Seconds(1.0),
    drain_timeout=Seconds(6.0),
    websocket_drain=Seconds(2.0),
    keep_releases=2,
    measure=False,  # a test of its own has it on
)


def model(setting: str = "a") -> Tree:
    """Return the Compose model; *setting* is a value that the owner edits now and then."""
    common = {"restart": "unless-stopped", "environment": {"SETTING": setting, "DB_URL": f"pg://u:{SECRET}@db/x"}}
    return {
        "name": "shop",
        "networks": {"default": {"name": "shop_default"}},
        "services": {
            "proxy": {
                "image": "caddy:2",
                "restart": "unless-stopped",
                "networks": {"default": None},
                "volumes": [{"type": "bind", "source": "/var/lib/teal/shop/proxy", "target": "/etc/teal"}],
            },
            "db": {"image": "timescale:17", "healthcheck": CHECK, "restart": "always", "networks": {"default": None}},
            "web": {
                **common,
                "build": {"context": "."},
                "image": "shop-web",
                "depends_on": {"api": {"condition": "service_healthy"}},
            },
            "admin": {**common, "image": "shop-web", "healthcheck": CHECK},
            "api": {**common, "build": {"context": "."}, "image": "shop-api", "healthcheck": CHECK},
            "queue": {**common, "image": "shop-api"},
            "clock": {**common, "image": "shop-api"},
            "migrate": {"image": "shop-api", "environment": {"DB_URL": f"pg://u:{SECRET}@db/x"}},
        },
    }


@cache
def stack_of(setting: str = "a", settings: Settings = SETTINGS) -> Stack:
    """Return the stack as its owner wants it with that *setting*."""
    tree = model(setting)
    evidence = Evidence(declared=ROLES, proxy="proxy", routes=ROUTES, needs={"web": ("api",)})
    models = dict.fromkeys(Side, tree)
    stack = Stack(
        project="shop",
        directory="/srv/shop",
        files=(),
        models=models,
        services=services_of(models, evidence),
        proxy="proxy",
        settings=settings,
        fingerprint=f"fingerprint of {setting}",
        evidence=evidence,
    )
    return replace(stack, definitions=definitions(stack, {}))
