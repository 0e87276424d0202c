"""Compares what can't be started here: containers that are only made, or else what Compose understands of them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path

from teal.adapters.compose.model import DockerModels
from teal.adapters.state.releases import ReleaseFolders
from teal.config.load import load
from teal.config.options import Options
from teal.core.model.release import Release, RenderInputs
from teal.core.model.side import Side
from teal.core.rendering.project import render_both, render_once
from tests.conformance.case import ONCE, SHARED, Case, Tree
from tests.conformance.flatten import Flat, flat, names_of
from tests.conformance.generate import One
from tests.conformance.look import Asked, definitions, look, said
from tests.conformance.world import World

Pair = tuple[list[Flat], list[Flat]]


def created(world: World) -> dict[str, Pair]:
    """Return the containers of each service as Compose makes them plainly, and from Teal's rendering."""
    world.plan.write(world.folder)
    rendering = _keep(world)
    return {one.name: _both(world, one, rendering) for one in world.plan.ones if one.role != SHARED}


def _keep(world: World) -> ReleaseFolders:
    """Render the stack into a release, as a deploy would."""
    stack = asyncio.run(load(Options(where=str(world.folder)), world.environment(), DockerModels()))
    kept = ReleaseFolders(world.home / world.project / "releases")
    image = said("image", "inspect", "-f", "{{.Id}}", world.plan.place.image).strip()
    images = {each.name: image for each in stack.services}
    inputs = RenderInputs(1, images, kept.folder(1))
    release = Release(number=1, side=Side.BLUE, created=0.0, images=images, services=stack.services)
    kept.keep(release, render_both(stack, inputs), render_once(stack, Side.BLUE, inputs))
    return kept


def _both(world: World, one: One, kept: ReleaseFolders) -> Pair:
    color = f"{world.project}-once" if one.role == ONCE else f"{world.project}-blue"
    file = kept.once(1) if one.role == ONCE else kept.rendering(1, Side.BLUE)
    suffix = "" if one.role == ONCE else "-blue"
    rendered = ("compose", "-p", color, "-f", file, "--env-file", "/dev/null")
    try:
        world.run("docker", "compose", "create", one.name)
        said(*rendered, "create", f"{one.name}{suffix}")
    except AssertionError:  # not on this engine: its own words are the same for both, so compare what it was asked for
        plain, teal = (
            world.run("docker", "compose", "config", "--format", "json"),
            said(*rendered, "config", "--format", "json"),
        )
        return _asked(plain, one.name, one.cases), _asked(teal, f"{one.name}{suffix}", one.cases)
    return _flat(world, world.project, one.name, ""), _flat(world, color, one.name, suffix)


def _asked(model: str, service: str, cases: Sequence[Case]) -> list[Flat]:
    told: Tree = json.loads(model)["services"][service]
    return [{f"asked.{key}": told.get(key) for case in cases for key in case.service}]


def _flat(world: World, project: str, service: str, suffix: str) -> list[Flat]:
    looks = {name: found for name, found in look(project, Asked(), suffix).items() if name == service}
    names = names_of(world.plan, Path(world.folder), Path(world.home), looks, definitions(looks.values()))
    return [flat(seen, names) for seen in looks[service]]
