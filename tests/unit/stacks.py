"""Stacks for tests of the reading and rendering core: a model as Compose would print it, and what is told beside."""

from __future__ import annotations

from collections.abc import Mapping

from teal.core.model.mounts import Seen
from teal.core.model.release import RenderInputs
from teal.core.model.side import Side
from teal.core.model.stack import Evidence, Stack, Tree
from teal.core.services.classify import services_of
from teal.core.services.mounts import Look, acts, judge_mounts
from teal.core.services.roles import propose
from teal.core.services.safe_volumes import declared

NETWORKS: Tree = {"default": {"name": "shop_default", "ipam": {}}}


def stack_of(
    services: Tree,
    evidence: Evidence | None = None,
    *,
    overlays: dict[Side, Tree] | None = None,
    safe: frozenset[str] = frozenset(),
    copies: frozenset[str] = frozenset(),
    seen: Mapping[str, Seen] | None = None,
    **top: object,
) -> Stack:
    """Return a stack called shop of *services*; *overlays* hold what a color has in place of the plain services."""
    told = evidence or Evidence(proxy="proxy", routes={"web": 3000})
    plain: Tree = {"name": "shop", "networks": NETWORKS, **top, "services": services}
    colors = {side: {**plain, "services": {**services, **over}} for side, over in (overlays or {}).items()}
    models = {side: colors.get(side, plain) for side in Side}
    roles = propose(models[Side.BLUE], told)
    look = Look("/srv/shop", declared(safe, models.values(), "/srv/shop")[0], seen=seen or {})
    mounts = judge_mounts(models[Side.BLUE], roles, look, models[Side.GREEN])
    return Stack(
        mounts=mounts,
        strategy="recreate" if any(acts(each, roles) for each in mounts) else "blue-green",
        project="shop",
        directory="/srv/shop",
        files=(),
        models=models,
        services=services_of(models, told),
        proxy=told.proxy,
        safe_volumes=safe,
        evidence=told,
        copies=copies,
    )


def making(stack: Stack, **facts: object) -> RenderInputs:
    """Return the facts of release 7 of *stack*; each image's id spells its service."""
    images = {each.name: f"sha256:{each.name}" for each in stack.services}
    return RenderInputs(**({"number": 7, "images": images, "folder": "/rel/7"} | facts))  # type: ignore[arg-type]
