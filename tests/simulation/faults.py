"""What goes wrong in the world outside of Teal; each fault says what it excuses, and can be made good."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress

from teal.core.model.side import COLORS, Side
from teal.core.model.traffic import PLAIN, Mode
from teal.errors import Failed
from tests.simulated import Box, Picture, life
from tests.simulated.compose import build_image, make
from tests.simulation.simulation import Simulation
from tests.simulation.stack import OPENING, ROTATING, SETTINGS

FOREVER = 1e9
HELD = 30.0  # seconds for which the proxy holds a request that has nowhere to go


def _active(sim: Simulation) -> Side:
    traffic = sim.users.traffic()
    return traffic.side if traffic and traffic.side else Side.PLAIN


def restart_engine(sim: Simulation) -> None:
    """The engine restarts: what its policies revive is back after a while."""
    sim.promises.excuse(8.0)
    sim.promises.shake(8.0)
    life.restart_engine(sim.world, seconds=3.0)


def stop_engine(sim: Simulation) -> None:
    """The engine is away for a minute."""
    sim.promises.excuse(65.0)
    sim.promises.shake(65.0)
    life.restart_engine(sim.world, seconds=60.0)


def restart_proxy(sim: Simulation) -> None:
    """The proxy's process dies and is started again."""
    sim.promises.excuse(3.0)
    _die(sim, "proxy")


def restart_database(sim: Simulation) -> None:
    """The database's process dies and is started again."""
    _die(sim, "db")


def _die(sim: Simulation, shared: str) -> None:
    for box in sim.world.on(Side.PLAIN, (shared,)):
        if box.up:
            life.end(sim.world, box, code=137)


def _state(text: str | None) -> Callable[[Simulation], None]:
    def fault(sim: Simulation) -> None:
        was, held = _active(sim), (sim.users.traffic() or PLAIN).users is Mode.HOLD
        sim.world.disk.state = text
        if _active(sim) is not was or held:  # users are held, until a command restores it or their 30 s are over
            sim.promises.lost_state()

    return fault


def lose_journal(sim: Simulation) -> None:
    """The journal is gone, or was set aside since it was damaged."""
    sim.world.disk.runs.clear()
    sim.world.disk.steps.clear()
    sim.promises.lost_records()


def fill_disk(sim: Simulation) -> None:
    """The disk under the state is full for a while."""
    sim.world.disk.full = True
    sim.world.later(15.0, lambda: _empty_disk(sim))


def _empty_disk(sim: Simulation) -> None:
    sim.world.disk.full = False


def spoil_published(sim: Simulation) -> None:
    """Somebody edits ``.deployment-color``."""
    sim.world.disk.published = "blue"


def jump_ahead(sim: Simulation) -> None:
    """The wall clock jumps by an hour."""
    sim.world.skew += 3600


def jump_back(sim: Simulation) -> None:
    """The wall clock jumps back by an hour."""
    sim.world.skew -= 3600


def _hand(sim: Simulation, boxes: list[Box], what: Callable[..., object]) -> None:
    """Let a hand do *what* to the first of *boxes*."""
    if not boxes:
        return
    box = boxes[0]
    sim.promises.excuse(FOREVER if sim.world.side(box) is _active(sim) else 0.5)  # its last requests may be on it
    sim.promises.shake(1.0)
    sim.promises.robbed = True
    what(sim.world, box)


def stop_active(sim: Simulation) -> None:
    """Somebody stops a container that serves."""
    _hand(sim, sim.world.on(_active(sim), OPENING), lambda world, box: life.ask_to_stop(world, box, 10.0))


def kill_active(sim: Simulation) -> None:
    """A process that serves dies, and its policy starts it again."""
    boxes = [box for box in sim.world.on(_active(sim), OPENING) if box.up]
    sim.promises.excuse(4.0)
    sim.promises.shake(4.0)
    for box in boxes[:1]:
        life.end(sim.world, box, code=137)


def remove_active(sim: Simulation) -> None:
    """Somebody removes a container that serves."""
    _hand(sim, sim.world.on(_active(sim), OPENING), life.remove)


def remove_standby(sim: Simulation) -> None:
    """Somebody removes a container of the color that doesn't serve."""
    side = _active(sim)
    if side in COLORS:
        _hand(sim, sim.world.on(side.other, ROTATING), life.remove)


def start_standby(sim: Simulation) -> None:
    """Somebody starts a container of the retired color."""
    side = _active(sim)
    boxes = [box for box in sim.world.on(side.other, OPENING) if not box.up] if side in COLORS else []
    if boxes and all(sim.world.nets.get(name) for name in boxes[0].aliases):
        life.start(sim.world, boxes[0])


def prune_networks(sim: Simulation) -> None:
    """``docker network prune``: networks without a running container are gone."""
    used = {name for box in sim.world.boxes.values() if box.up for name in box.aliases}
    for name in set(sim.world.nets) - used:
        del sim.world.nets[name]


def prune_images(sim: Simulation) -> None:
    """``docker system prune -a``: images that no container uses are gone."""
    used = {box.image for box in sim.world.boxes.values()}
    for id_ in set(sim.world.images) - used:
        del sim.world.images[id_]


def retag_image(sim: Simulation) -> None:
    """Somebody gives the stack's own tag to another image."""
    for picture in sim.world.images.values():
        picture.tags.discard("shop-web:latest")
    stranger = sim.world.images.setdefault("sha256:stranger", Picture("sha256:stranger", "web", 999, set()))
    stranger.tags.add("shop-web:latest")


def plain_copy(sim: Simulation) -> None:
    """Somebody runs ``docker compose up`` in the folder: a third, plain copy beside a color."""
    model = sim.stack.models[Side.PLAIN]
    if _active(sim) is Side.PLAIN and sim.world.on(Side.PLAIN, ROTATING):
        return
    sim.promises.stray = True
    for name in ("web", "api"):
        build_image(sim.world, model, name)
    for name in ROTATING:
        with suppress(Failed):  # its port is taken: by Teal's own proxy
            life.start(sim.world, make(sim.world, model, "shop", name))


def spoil_mount(sim: Simulation) -> None:
    """The state directory is removed and made anew: the proxy sees nothing of it until it is restarted."""
    sim.promises.excuse(FOREVER)
    sim.promises.lost_state()
    sim.world.mounted = False
    sim.world.disk.state = None
    lose_journal(sim)
    lose_releases(sim)


def lose_releases(sim: Simulation) -> None:
    """Somebody removes the kept releases."""
    sim.world.disk.releases.clear()
    sim.world.disk.texts.clear()
    sim.promises.lost_records()


def close_checkout(sim: Simulation) -> None:
    """The checkout can't be written for a while."""
    sim.world.disk.unwritable = True
    sim.world.later(15.0, lambda: _open_checkout(sim))


def _open_checkout(sim: Simulation) -> None:
    sim.world.disk.unwritable = False


def rename_active(sim: Simulation) -> None:
    """Somebody renames a container that serves."""
    for box in sim.world.on(_active(sim), OPENING)[:1]:
        box.name = f"my-{box.name}"


def take_down(sim: Simulation) -> None:
    """Somebody runs ``docker compose down`` in the folder: proxy and database go, and what runs plainly."""
    sim.promises.excuse(FOREVER)
    sim.promises.shake(1.0)
    for box in tuple(sim.world.on(Side.PLAIN)):
        life.remove(sim.world, box)


FAULTS: dict[str, Callable[[Simulation], None]] = {
    "engine restarts": restart_engine,
    "proxy restarts": restart_proxy,
    "database restarts": restart_database,
    "state file deleted": _state(None),
    "state file emptied": _state(""),
    "state file garbage": _state("blu\n"),
    "journal lost": lose_journal,
    "disk full": fill_disk,
    "published color edited": spoil_published,
    "clock ahead": jump_ahead,
    "clock back": jump_back,
    "active container stopped": stop_active,
    "active container killed": kill_active,
    "active container removed": remove_active,
    "standby container removed": remove_standby,
    "retired container started": start_standby,
    "networks pruned": prune_networks,
    "images pruned": prune_images,
    "image retagged": retag_image,
    "plain copy started": plain_copy,
    "engine away for a minute": stop_engine,
    "kept releases removed": lose_releases,
    "state directory made anew": spoil_mount,
    "checkout unwritable": close_checkout,
    "active container renamed": rename_active,
    "stack taken down": take_down,
}


# What no hand can do while the engine is away.
BY_THE_ENGINE = frozenset(
    {
        "active container stopped",
        "active container removed",
        "standby container removed",
        "retired container started",
        "networks pruned",
        "images pruned",
        "image retagged",
        "plain copy started",
        "active container renamed",
        "stack taken down",
    }
)


def strike(sim: Simulation, fault: str) -> bool:
    """Let *fault* happen where it can; tell whether it did."""
    if fault in BY_THE_ENGINE and not sim.world.engine_up:
        return False
    FAULTS[fault](sim)
    sim.world.stir()
    return True


def make_good(sim: Simulation) -> None:
    """Take the lasting faults away, as the hints of Teal's errors tell people to."""
    sim.world.disk.full = sim.world.disk.unwritable = False
    sim.world.behaviours.clear()
    while not sim.world.engine_up:
        sim.sleep(1.0)
    if not sim.world.mounted:  # `teal restart proxy`, as the refusal of a deploy says
        sim.world.mounted = True
        restart_proxy(sim)
    if sim.promises.stray and sim.promises.side in COLORS:
        remove_plainly(sim)
    sim.sleep(SETTINGS.health_timeout)


def remove_plainly(sim: Simulation) -> None:
    """Remove the plain copy, as the refusal of a deploy says."""
    for box in sim.world.on(Side.PLAIN, ROTATING):
        life.remove(sim.world, box)
