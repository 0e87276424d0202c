"""The machine as ``run`` asks it: time, what is free, the owner's hooks, the published color."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from teal.core.model.units import Moment, Seconds

if TYPE_CHECKING:  # looking measures nothing
    from teal.core.report.values import Author, Revision

LineSink = Callable[[str], None]  # a line of a tool's output, as it comes


class Clock(Protocol):
    """Time: *now* for people, *monotonic* for waiting."""

    def now(self) -> Moment: ...
    def monotonic(self) -> float: ...
    async def sleep(self, seconds: Seconds) -> None: ...


class Machine(Protocol):
    """The host: what is free, the owner's hooks, the published color."""

    def memory(self) -> tuple[int, int]:
        """Return (total, available) bytes."""
        ...

    def unprepared(self) -> str:
        """Return the one command that prepares the state directory for this user, "" where nothing is missing."""
        ...

    def programs(self, pid: int) -> Mapping[str, tuple[str, ...]]:
        """Return the programs that run as process *pid* or below it, each with its words; none that can't be seen."""
        ...

    def disk(self) -> int:
        """Return the bytes that are free under the state directory."""
        ...

    def texts(self, folder: str, suffix: str) -> Mapping[str, str]:
        """Return the contents of the files in *folder* whose names end so, by name."""
        ...

    async def hook(self, command: Sequence[str], facts: Mapping[str, str], *, on_line: LineSink) -> int: ...
    def publish(self, color: str) -> None:
        """Write ``.deployment-color`` in the checkout; raise OSError where that can't be done."""
        ...

    def published(self) -> str | None: ...
    def author(self) -> Author:
        """Return who gives this command, by sudo or continuous integration, too."""
        ...

    async def revision(self) -> Revision | None:
        """Return what the checkout stands at; None where it is no repository, or that can't be asked soon."""
        ...

    def secret(self) -> str:
        """Return a new random key for the proxy, letters and digits only."""
        ...
