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
from teal.core.checks.stack import problems
from teal.core.model import stack as model
from teal.core.model.compose import mapping, number, sequence, services_in, text
from teal.core.model.entrance import Labelled, Named, Published
from teal.core.model.own_proxy import OWN
from teal.core.model.problem import Problem
from teal.core.model.side import Side
from teal.ports import ImageInfo
from tests.reach.images import Image, images
from tests.reach.load import write
from tests.reach.model import Answer, Case, Front, MountCase, Outcome, Reason, Role, Stack, Verdict

MODELS = DockerModels()


def of(stack: Stack) -> Answer:
    """What `teal check` says of the stack's folder."""
    told = loaded(stack.folder, images(stack.folder.parent.parent))
    return Answer(
        roles={each.name: Role(each.role) for each in told.services if each.name != OWN},
        ports={each.name: each.port for each in told.having(model.Role.ROUTE)},
        mounts={mount.subject: Verdict(mount.verdict) for mount in told.mounts},
        takes=frozenset(takes(told)),
        front=Front(told.front),
        outcome=outcome(told),
        reasons=reasons(told),
    )


def of_case(case: Case | MountCase) -> tuple[Role | Verdict | None, int | None]:
    """The role of the case's service and its port, or the verdict on its mount."""
    if isinstance(case, MountCase):
        return verdict_on(case), None
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


def verdict_on(case: MountCase) -> Verdict | None:
    """The verdict on the case's mount; one whose service has become shared by itself is one writer's."""
    with tempfile.TemporaryDirectory() as folder:
        write(case, Path(folder))
        told = loaded(Path(folder), {})
    if "web" in told.evidence.kept:
        return Verdict.UNSAFE
    found = {mount.target: mount.verdict for mount in told.mounts if mount.service == "web"}
    target = case.target.rstrip("/")
    return Verdict(found[target]) if target in found else None


_SAYS = {  # what an error says, and what it is about
    " is the source of ": Reason.SOURCE,
    "no service is a route": Reason.NOTHING,
    " on the host's network": Reason.HOST,
    " fixed address ": Reason.HOST,
    " ends TLS ": Reason.TLS,
    "no HTTP proxy can switch": Reason.NOT_HTTP,
    "(TLS), which two colors": Reason.TLS,
    "speak no HTTP": Reason.NOT_HTTP,
    " uses the network of ": Reason.NAMESPACE,
    " and two releases would at once": Reason.DATA,
    "nothing shows on which port": Reason.PLACE,
    "which two colors can't both have": Reason.PLACE,
    "past Teal's snippet": Reason.PLACE,
}
# Of these no line of teal.yml makes a stack that rolls, whatever the remedy is.
_FINAL = (" on the host's network", "no service is a route, and none could be", " is the source of ")


def errors(stack: model.Stack) -> list[Problem]:
    """What a deploy would be refused for, by the files."""
    return [problem for problem in problems(stack) if problem.level == "error"]


def outcome(stack: model.Stack) -> Outcome:
    """What comes of a deploy, by the files: refused where an error's remedy is no line of teal.yml."""
    found = errors(stack)
    if not found:
        return Outcome.RECREATE if stack.strategy == "recreate" else Outcome.ZERO
    final = any(says in each.message for each in found for says in _FINAL)
    lines = not final and len(found) <= 5 and all(each.proposal or "teal.yml" in each.remedy for each in found)
    return Outcome.LINES if lines else Outcome.REFUSED


def reasons(stack: model.Stack) -> frozenset[Reason]:
    """What the errors are about."""
    return frozenset(reason for each in errors(stack) for says, reason in _SAYS.items() if says in each.message)


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
