"""What the contract's tests stand on: the ports of one world, simulated or real, and the hands of people in it."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Literal, Protocol

from teal.core.model.side import Side
from teal.core.model.units import Seconds
from teal.ports import Clock, Compose, Engine

IMAGE = "python:3.13-slim"
GONE = "0" * 64  # the id of nothing
PORT = 8000
Does = Literal["idles", "is stubborn", "fails", "listens", "speaks"]
Tree = dict[str, Any]


class Ground(Protocol):
    """A world, in which the stack called *stack* is all that a test may touch."""

    stack: str

    @property
    def engine(self) -> Engine: ...

    @property
    def clock(self) -> Clock: ...

    def run(self, test: Coroutine[Any, Any, None]) -> None:
        """Run a test to its end, in this world's time."""
        ...

    def close(self) -> None:
        """Remove all that was made."""
        ...

    def container(
        self,
        service: str = "web",
        *,
        side: Side = Side.PLAIN,
        does: Does = "idles",
        network: str = "",
        aliases: Sequence[str] = (),
        labels: Mapping[str, str] | None = None,
        restart: str = "no",
        checked: bool = False,
        image: str = IMAGE,
    ) -> str:
        """Create a container by hand, not started; return its id.

        It says "SERVICE starts", and "SERVICE listens" once it answers. What "speaks" says one, two, three and ends
        with 0; what "fails" ends with 3; what is "stubborn" does not hear SIGTERM. *checked*: with a healthcheck,
        which passes.
        """
        ...

    def network(self, name: str, labels: Mapping[str, str] | None = None, *, internal: bool = False) -> str:
        """Create a network by hand; return its name, which is the stack's and *name*."""
        ...

    def remove_network(self, name: str) -> None:
        """Remove a network by hand: stopped containers don't hold it."""
        ...

    def image(self, version: str = "1") -> str:
        """Make an image by hand that bears the tag STACK/app:VERSION; return its id."""
        ...

    async def resolve(self, asking: str, name: str) -> set[str]:
        """Return the ids of those whom *name* means inside the running container *asking*."""
        ...

    def compose(self, model: Tree) -> Compose:
        """Return Compose in a checkout whose file says *model*."""
        ...

    def rendered(self, model: Tree) -> str:
        """Keep *model* as a rendered file; return its path."""
        ...

    def service(self, name: str, does: Does = "idles", **more: Any) -> Tree:
        """Return the definition of a service that behaves so."""
        ...

    def edit_source(self, *, builds: bool = True) -> None:
        """Let the owner change what ``app`` is built from; perhaps so that it can't be built."""
        ...


async def until(ground: Ground, true: Callable[[], Coroutine[Any, Any, bool]], what: str, within: float = 15.0) -> None:
    """Return as soon as *true* says so; fail with *what* when the time is over."""
    end = ground.clock.monotonic() + within
    while not await true():
        assert ground.clock.monotonic() < end, f"after {within:g} s still not: {what}"
        await ground.clock.sleep(Seconds(0.05))


async def state(ground: Ground, one: str) -> str:
    """Return the container's state, "gone" for none."""
    found = await ground.engine.container(one)
    return found.state if found else "gone"


async def ended(ground: Ground, one: str) -> None:
    """Wait until the container's process has ended for good."""

    async def over() -> bool:
        return await state(ground, one) in {"exited", "gone"}

    await until(ground, over, f"{one} ends")


def owners(ground: Ground, **services: Tree) -> Tree:
    """Return the model of a stack of *services* on the stack's own network."""
    return {
        "name": ground.stack,
        "networks": {"default": {"name": f"{ground.stack}_default"}},
        "services": {name: {"networks": {"default": None}, **each} for name, each in services.items()},
    }
