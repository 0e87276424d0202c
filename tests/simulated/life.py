"""The life of a container's process: starting, answering, failing, ending, being started again."""

from __future__ import annotations

from functools import partial

from tests.simulated.labels import refused
from tests.simulated.world import Box, World

LOOK = 0.2  # seconds until the engine's healthcheck has seen what is so
BACK_OFF = 0.1  # seconds before the first restart; doubles with each


def start(world: World, box: Box, *, by: str = "") -> None:
    """Start the process; what runs is left alone."""
    if box.up:
        return
    taken = next((port for port in box.ports if world.holder_of(port)), None)
    if taken is not None:
        raise refused(f"Bind for 0.0.0.0:{taken} failed: port is already allocated")
    box.restarts, box.stopped = 0, False
    _run(world, box, by)


def once(world: World, box: Box, *, by: str = "") -> None:
    """Start the process of a one-shot, which ends by itself."""
    how = world.behaviour(box)
    start(world, box, by=by)
    _due(world, box, how.once, partial(_finish, code=how.once_status))


def _finish(world: World, box: Box, code: int) -> None:
    end(world, box, code=code)


def _run(world: World, box: Box, by: str = "") -> None:
    how = world.behaviour(box)
    box.life, box.doomed = box.life + 1, how.exits_after is not None
    box.state, box.health, box.ready = "running", "starting" if box.checked else "none", False
    box.started, box.exit_code, box.oom = world.now, 0, False
    box.log += how.says or (f"{world.service(box)} starts",)
    if how.healthy:
        _due(world, box, how.boot, _answer)
    elif box.checked:
        _due(world, box, how.gives_up, _sick)
    if how.exits_after is not None:
        _due(world, box, how.exits_after, end)
    world.tell("started", box.name, by=by, box=box)


def _due(world: World, box: Box, seconds: float, what: object) -> None:
    """Do *what* to *box* in *seconds*, if it still lives the same life then."""
    world.later(seconds, partial(_if_same, world, box, box.life, what))


def _if_same(world: World, box: Box, life: int, what: object) -> None:
    if box.life == life and box.id in world.boxes and callable(what):
        what(world, box)


def _answer(world: World, box: Box) -> None:
    how = world.behaviour(box)
    box.ready = True
    if not how.says:
        box.log.append(f"{world.service(box)} listens")
    if box.checked:
        _due(world, box, LOOK, _well)
    if how.exits_after_ready is not None:
        _due(world, box, how.exits_after_ready, end)
    if how.flaps is not None:
        _due(world, box, how.flaps, _sick)
    world.tell("ready", box.name, box=box)


def _well(world: World, box: Box) -> None:
    box.health = "healthy"
    world.tell("healthy", box.name, box=box)


def _sick(world: World, box: Box) -> None:
    box.ready, box.fell = False, world.loop.time()
    if box.checked:
        box.health = "unhealthy"
    world.tell("unready", box.name, box=box)


def switched(world: World, box: Box) -> None:
    """Note that users were sent to *box*."""
    how = world.behaviour(box)
    if not box.switched and how.exits_after_switch is not None:
        _due(world, box, how.exits_after_switch, end)
    box.switched = True


def mute(world: World, box: Box) -> None:
    """Let what is healthy answer nobody any more."""
    box.ready, box.fell = False, world.loop.time()
    world.tell("unready", box.name, box=box)


def end(world: World, box: Box, *, by: str = "", code: int | None = None) -> None:
    """End the process; the engine starts it again where its policy says so and nobody stopped it."""
    how = world.behaviour(box)
    box.life += 1
    box.state, box.ready, box.finished, box.fell = "exited", False, world.now, world.loop.time()
    box.exit_code = how.exit_code if code is None else code
    box.oom = how.oom and code is None
    if not box.stopped and box.restart in {"always", "unless-stopped", "on-failure"}:
        box.state = "restarting"
        box.restarts += 1
        _due(world, box, BACK_OFF * 2 ** min(box.restarts - 1, 9), _run)
    world.tell("ended", box.name, by=by, box=box)


def ask_to_stop(world: World, box: Box, grace: float, *, by: str = "") -> float:
    """Send SIGTERM; return the seconds until the process has ended for certain."""
    box.stopped = True
    if not box.up:
        box.life += 1
        if box.state == "restarting":
            world.tell("stopping", box.name, by=by, box=box)
        box.state = "exited" if box.started else box.state
        world.stir(box)
        return 0.0
    how = world.behaviour(box)
    box.life += 1
    box.ready = False
    world.tell("stopping", box.name, by=by, box=box)
    seconds = grace if how.ignores_sigterm else min(how.stop, grace)
    code = 137 if how.ignores_sigterm or how.stop > grace else 0
    world.later(seconds, partial(_stopped, world, box, box.life, code, by))
    return seconds


def _stopped(world: World, box: Box, life: int, code: int, by: str) -> None:
    if box.life == life and box.id in world.boxes:
        end(world, box, by=by, code=code)


def remove(world: World, box: Box, *, by: str = "") -> None:
    """Remove the container, running or not."""
    if box.id not in world.boxes:
        return
    box.life += 1
    box.ready = False
    box.state = "removing"
    del world.boxes[box.id]
    world.tell("removed", box.name, by=by, box=box)


def restart_engine(world: World, *, seconds: float) -> None:
    """Stop every container with the engine, and after *seconds* start those that their policy revives.

    An engine that is away already comes back when the last of its outages is over, with all that ran before.
    """
    running = [box for box in world.boxes.values() if box.state in {"running", "restarting"}]
    world.engine_up, world.engine_back = False, max(world.engine_back, world.loop.time() + seconds)
    world.interrupted += running
    for box in running:
        box.life += 1
        box.state, box.ready, box.finished, box.exit_code = "exited", False, world.now, 137
        world.tell("ended", box.name, by="engine", box=box)
    world.later(seconds, partial(_revive, world))


def _revive(world: World) -> None:
    if world.engine_up or world.loop.time() < world.engine_back:
        return
    world.engine_up, running, world.interrupted = True, world.interrupted, []
    for box in tuple(world.boxes.values()):
        revived = box.restart == "always" or (box.restart == "unless-stopped" and box in running and not box.stopped)
        if revived and not box.up:
            _run(world, box, by="engine")
