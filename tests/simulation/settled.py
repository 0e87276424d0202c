"""What must be so once a command has ended and no fault is at work: one whole release serves, nothing lies about."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.model.side import COLORS, Side, project_of
from teal.core.model.traffic import Mode, parse_traffic
from tests.simulated import World
from tests.simulation.stack import ROTATING, SHARED


def amiss(world: World, *, robbed: bool = False) -> Iterator[str]:
    """Yield everything that is not as it must be; *robbed*: somebody has removed containers of the colors by hand."""
    traffic = parse_traffic(world.disk.state) if world.disk.state is not None else None
    if traffic is not None and traffic.key:
        yield f"a key is left in the state file: {world.disk.state}"
    if traffic is not None and traffic.users in {Mode.HOLD, Mode.MAINTENANCE}:
        yield f"users are turned away: {world.disk.state}"
    side = traffic.side if traffic and traffic.side else Side.PLAIN
    yield from _serving(world, side)
    for other in Side:
        if other is not side:
            yield from _resting(world, other, robbed=robbed)
    yield from _records(world, side)


def _serving(world: World, side: Side) -> Iterator[str]:
    boxes = world.on(side, ROTATING)
    up = sorted(world.service(box) for box in boxes if box.ready)
    if up != sorted(ROTATING):
        yield f"users go to {side}, where {up} are ready"
    if len({world.release(box) for box in boxes}) > 1:
        yield f"several releases stand on {side}"
    if side in COLORS:
        yield from _joined(world, side)


def _joined(world: World, side: Side) -> Iterator[str]:
    """A color must meet the shared services, and the shared services it, by its own names."""
    for box in world.on(side, ROTATING):
        net = world.nets.get("shop_default")
        if net is None or box.aliases.get("shop_default", ("",))[0] != net.id:
            yield f"{box.name} is not on the stack's own network"


def _resting(world: World, side: Side, *, robbed: bool) -> Iterator[str]:
    boxes = world.on(side, ROTATING)
    running = sorted(box.name for box in boxes if box.state in {"running", "restarting", "paused"})
    if running:
        yield f"on {side}, which does not serve, {', '.join(running)} run"
    releases = {world.release(box) for box in boxes}
    if side is Side.PLAIN and boxes:
        yield f"plain containers are left: {', '.join(sorted(box.name for box in boxes))}"
    if boxes and not robbed and (len(releases) > 1 or sorted(map(world.service, boxes)) != sorted(ROTATING)):
        yield f"half a color stands on {side}: {sorted(box.name for box in boxes)} of {releases}"
    nets = [name for name, net in world.nets.items() if _project(net.labels) == project_of(world.project, side)]
    if side in COLORS and not boxes and nets:
        yield f"networks of the empty {side} are left: {', '.join(sorted(nets))}"


def _project(labels: object) -> str:
    return labels.get("com.docker.compose.project", "") if hasattr(labels, "get") else ""


def _records(world: World, side: Side) -> Iterator[str]:
    disk = world.disk
    still = [run["command"] for run in disk.runs if run["ended"] is None]
    if still:
        yield f"the journal shows as unfinished: {', '.join(still)}"
    never = side is Side.PLAIN and disk.published is None  # nothing was ever published
    if not disk.unwritable and not never and disk.published != str(side):
        yield f".deployment-color says {disk.published!r}, and users go to {side}"
    if world.holder is not None:
        yield f"{world.holder.name} holds the lock"
    for box in world.on(Side.PLAIN, SHARED):
        if not box.ready:
            yield f"the shared service {box.name} is not ready"
