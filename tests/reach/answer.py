"""The one place that asks Teal: it reads the files as ``teal check`` does, and says what it made of them.

The engine is not asked: ``images.yml`` beside the stacks tells what their images expose. What is asked of Compose stays
Compose's own answer.
"""

import asyncio
import os
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from teal.adapters.compose.model import DockerModels
from teal.config.load import load
from teal.config.options import Options
from teal.core.model import stack as model
from teal.core.model.compose import mapping, number, sequence, services_in, text
from teal.core.model.entrance import Labelled, Named, Published
from teal.core.model.side import Side
from teal.ports import ImageInfo
from tests.reach.images import Image, images
from tests.reach.load import write
from tests.reach.model import Answer, Case, Front, MountCase, Role, Stack, Verdict

MODELS = DockerModels()


def of(stack: Stack) -> Answer:
    """What `teal check` says of the stack's folder."""
    told = loaded(stack.folder, images(stack.folder.parent.parent))
    return Answer(
        roles={each.name: Role(each.role) for each in told.services},
        ports={each.name: each.port for each in told.having(model.Role.ROUTE)},
        takes=frozenset(takes(told)),
        front=Front(told.front),
    )


def of_case(case: Case | MountCase) -> tuple[Role | Verdict | None, int | None]:
    """The role of the case's service and its port, or the verdict on its mount."""
    if isinstance(case, MountCase):
        return None, None
    with tempfile.TemporaryDirectory() as folder:
        write(case, Path(folder))
        service = loaded(Path(folder), {}).service(case.called)
    return Role(service.role), service.port or None


def loaded(folder: Path, known: Mapping[str, Image]) -> model.Stack:
    """The stack in *folder* as Teal reads it, the images *known* being there."""
    variables = {name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ}

    async def look(name: str) -> ImageInfo | None:
        image = known.get(name)
        return ImageInfo("sha256:0", (name,), 0, image.ports, (), image.volumes) if image else None

    return asyncio.run(load(Options(where=str(folder)), variables, MODELS, look=look))


def takes(stack: model.Stack) -> Iterator[str]:
    """What the own proxy would take over, as ``Outside.place`` names it."""
    ports: set[tuple[str, int, int, str]] = set()
    for each in stack.entrances:
        of_port = f"{each.route}:{each.target}"
        if isinstance(each, Published):
            ports.add((each.route, each.target, each.port, each.address))
        elif isinstance(each, Named):
            yield from (f"name {each.name} on {network} of {of_port}" for network in each.networks)
        elif isinstance(each, Labelled):
            kinds = {label.split(".")[0].split("_")[0] for label in each.labels}
            yield from (f"labels {kind} of {of_port}" for kind in kinds)
            yield from (f"variables {name} of {of_port}" for name in each.environment)
    yield from _published(stack, ports)


def _published(stack: model.Stack, ports: set[tuple[str, int, int, str]]) -> Iterator[str]:
    """As the file writes them: a range is one, and taken where all of it is."""
    for name, service in services_in(stack.models[Side.PLAIN]).items():
        for port in map(mapping, sequence(service.get("ports"))):
            written, address = text(port.get("published")), text(port.get("host_ip"))
            target, protocol = number(port.get("target")), text(port.get("protocol")) or "tcp"
            first, _, last = written.partition("-")
            wanted = range(number(first), number(last or first) + 1)
            if number(first) and protocol == "tcp" and all((name, target, one, address) in ports for one in wanted):
                yield f"port {address + ':' if address else ''}{written} of {name}:{target}"
