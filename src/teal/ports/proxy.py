"""The proxy as ``run`` asks it, and what it answers: the one place of traffic."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Protocol

from msgspec import Struct

from teal.core.model.assets import Assets, KeptAssets
from teal.core.model.counts import Counts
from teal.core.model.observed import Container
from teal.core.model.proxy_config import Dial
from teal.core.model.traffic import Traffic
from teal.core.model.units import Moment, ReleaseId, Seconds

if TYPE_CHECKING:  # looking measures nothing
    from teal.core.report.seen import Probe


class Endpoint(Struct, frozen=True):
    """A place where users reach a route through the proxy."""

    route: str
    port: int  # of the route
    listen: int  # the port inside the proxy's container
    tls: bool
    host: str  # "" for any
    path: str = ""  # prefix, no trailing slash
    exact: bool = False  # only this path leads there, and nothing below it
    guarded: bool = False  # a login, or another service that the proxy asks first, decides who comes there

    @property
    def url(self) -> str:
        """Return where users would find it, at the port inside the proxy's container."""
        return f"{'https' if self.tls else 'http'}://{self.host}:{self.listen}{self.path}"


class Loaded(Struct, frozen=True):
    """What the configuration says that the proxy runs with."""

    entries: tuple[Endpoint, ...]
    routes: tuple[tuple[str, int], ...] = ()  # each ``import teal NAME PORT``, an entry or not
    dials: tuple[Dial, ...] = ()  # what it dials without the snippet
    admin: str = "127.0.0.1:2019"  # "" where it is off
    unfit: tuple[str, ...] = ()  # routes whose health it judges itself: a sick color makes it refuse a sound one
    trusts: bool = False  # some server of it believes the headers of a proxy in front
    listens: frozenset[int] = frozenset()  # ports inside its container
    snippet: int = 1  # the version of Teal's snippet in it
    assets: frozenset[str] = frozenset()  # routes of which it serves what older releases had
    mixed: tuple[str, ...] = ()  # handlers that other routes begin with, too, and that the snippet's counters go by
    metrics: bool = False  # Caddy counts requests by handler, so that the snippet's counters count


class Heard(Struct, frozen=True):
    """What came back when the snippet itself was asked what the state file says."""

    said: str = ""  # where users and the key are sent to, "blue green"; empty where something else answered
    words: str = ""  # what answered instead
    passed_on: bool = False  # the question went on to what is behind the proxy, as a user's request does


class Answer(Struct, frozen=True):
    """What came back through the proxy."""

    status: int
    upstream: str  # host:port that the proxy chose, "" where it did not say
    headers: Mapping[str, str] = {}
    body: str = ""


class ProxyDrift(Struct, frozen=True):
    """Drift between the configuration that the running proxy loaded and the files on this host."""

    blind: bool = False  # the directory of the state file that it sees is not the one that Teal writes to
    gone: tuple[str, ...] = ()  # files of its configuration that are no longer there
    older: tuple[str, ...] = ()  # files of which it goes on seeing the one that another has replaced
    broken: str = ""  # what it says against the files of now: it could not start with them
    stale: bool = False  # it runs another configuration than the files of now mean
    deaf: tuple[int, ...] = ()  # ports of this machine that lead to it and take no connection: Docker's forwarder ended


class Target(Struct, frozen=True):
    """What a prober asks: a route, at a place of the proxy's container, for a path."""

    route: str
    container: Container
    endpoint: Endpoint
    path: str


class Prober(Protocol):
    """Asks routes as a user would, beside all that Teal does, and remembers what came."""

    @property
    def every(self) -> Seconds:
        """Return the seconds between two requests to one route in the ordinary pace."""
        ...

    def aim(self, targets: Sequence[Target]) -> None:
        """Ask these from now on, in place of those before; the first time begins it."""
        ...

    def hurry(self, seconds: Seconds) -> None:
        """Ask more often for that long: something is about to happen."""
        ...

    def probes(self) -> tuple[Probe, ...]:
        """Return what was asked and answered so far."""
        ...

    def stop(self) -> None:
        """Ask nothing more."""
        ...


class Proxy(Protocol):
    """The proxy with Teal's snippet, and the state file that it reads."""

    @property
    def folder(self) -> str:
        """Return the directory on this host that the proxy must mount."""
        ...

    @property
    def reload(self) -> str:
        """Return the command that loads today's files of the proxy, inside its container."""
        ...

    @property
    def own_folder(self) -> str:
        """Return the directory on this host that holds the files of Teal's own proxy."""
        ...

    @property
    def snippet_text(self) -> str:
        """Return the snippet of this version of Teal."""
        ...

    def own_files(self) -> Mapping[str, str]:
        """Return the files of Teal's own proxy as they were kept, by name; none where it has none."""
        ...

    def keep_own(self, files: Mapping[str, str]) -> None:
        """Write the files of Teal's own proxy, each in one rename, and none beside them."""
        ...

    def read(self) -> Traffic | None:
        """Return what the state file says; None for no file or nothing that the proxy knows."""
        ...

    def state_file_unreadable(self) -> bool:
        """Tell whether the state file is there, and closed to a proxy that runs as another user."""
        ...

    def write(self, traffic: Traffic) -> None:
        """Replace the state file in one rename, durably."""
        ...

    def lent(self) -> AbstractContextManager[None]:
        """Let the state file be written within this block; then put back what was there before, or remove the file."""
        ...

    async def drift(self, container: Container) -> ProxyDrift:
        """Return how far the running proxy is from what lies on this host now; quick where nothing was touched."""
        ...

    async def loaded(self, container: Container) -> Loaded:
        """Return what the configuration says that the proxy runs with."""
        ...

    async def version(self, container: Container) -> str:
        """Return the proxy's version, "" where it says none."""
        ...

    async def ask(self, container: Container, endpoint: Endpoint, key: str, path: str = "/") -> Answer:
        """Send a GET with *key* through the proxy at *endpoint* and return what came."""
        ...

    async def open(self, container: Container) -> int | None:
        """Return how many requests are in flight through the proxy, to any upstream; None where that is unknown."""
        ...

    async def state(self, container: Container, endpoint: Endpoint, key: str) -> Heard:
        """Ask the snippet at *endpoint* what it reads in the state file; the admin endpoint has no part in it."""
        ...

    async def snippet(self, container: Container, endpoint: Endpoint, key: str) -> int:
        """Ask the snippet that runs at *endpoint* for its version: 1 where it does not know the question.

        A snippet of version 1 passes the question on to the application, as a GET of its first page.
        """
        ...

    async def counts(self, container: Container, endpoint: Endpoint, key: str) -> Counts | None:
        """Return what the proxy has counted of users' requests by color; None where it does not count them.

        That is a snippet of version 1, or Caddy without ``metrics`` in its global options.
        """
        ...

    def counting(self, container: Container, every: Seconds) -> AsyncGenerator[Counts | None, None]:
        """Yield what it has counted, all *every* seconds for some minutes; None where it does not count them.

        It needs no key: one command inside the container asks. Close it when done: ``aclosing``.
        """
        ...

    async def counts_inside(self, container: Container) -> Counts | None:
        """Return what it has counted, by a command inside its container, which needs no key; None where it doesn't."""
        ...

    def prober(self) -> Prober:
        """Return a prober that asks nothing yet."""
        ...

    async def keep_assets(self, release: ReleaseId, assets: Assets, archive: AsyncIterator[bytes]) -> KeptAssets:
        """Keep what *archive*, a tar, holds of *assets*, where the proxy serves files of older releases."""
        ...

    def prune_assets(self, now: Moment) -> tuple[ReleaseId, ...]:
        """Forget releases whose files were kept long enough; return them."""
        ...

    async def in_flight(self, container: Container, endpoint: Endpoint, key: str) -> Mapping[str, int]:
        """Return the count of requests in flight per upstream, ``web-blue:3000``; raise where it can't be had.

        WebSockets are counted apart, under the same name with a dot at its end: ``web-blue.:3000``.
        """
        ...
