"""Asks each route as a user would, a few times a second, in a thread of its own: whatever Teal does meanwhile.

A request goes where the state file sends users; with `Teal probe` in a header that no application sees, so that the
proxy does not count it as a user's. Nothing is followed: a redirect is an answer.
"""

from __future__ import annotations

import asyncio
import ssl
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from urllib.parse import quote

from teal.adapters import http
from teal.adapters.caddy.client import host_for
from teal.core.model.traffic import Traffic
from teal.core.model.units import Moment, Seconds
from teal.core.report.seen import Probe
from teal.ports import Target

EVERY = 0.2  # seconds between two requests to a route
HURRY = 0.05  # seconds between two while something is about to happen, or goes wrong
BUSIEST = 20.0  # requests a second to all routes together, in the ordinary pace
FRESH = 5  # each such request is on a connection of its own
LAST = 0.3  # seconds for what is open when measuring ends
WITHIN = Seconds(5.0)
_ALARM = 10.0  # seconds for which a route that fails is asked more often
_LARGEST = 1 << 16  # bytes of an answer that are read
_OPEN = 40  # requests to one route that may wait at the same time
_PATH = "/:@?&=%+,;!$'()*~"

Place = tuple[str, int]


class CaddyProber:
    """A prober of the routes that it is aimed at, until it is stopped."""

    def __init__(self, place: Callable[[Target], Place], now: Callable[[], Traffic | None]) -> None:
        """*place* says where a target is reached from this machine, *now* what the state file says."""
        self._place, self._now = place, now
        self._probes: list[Probe] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._routes: dict[str, asyncio.Task[None]] = {}
        self._targets: tuple[Target, ...] = ()
        self._hurried = 0.0  # monotonic: until then it asks more often
        self._awake = asyncio.Event()

    @property
    def every(self) -> Seconds:
        """Return the seconds between two requests to one route in the ordinary pace."""
        return Seconds(max(EVERY, len(self._targets) / BUSIEST))

    def aim(self, targets: Sequence[Target]) -> None:
        """Ask these from now on, in place of those before; the first time begins it."""
        self._targets = tuple(targets)
        if self._thread is None:
            ready = threading.Event()
            self._thread = threading.Thread(target=self._run, args=(ready,), daemon=True, name="prober")
            self._thread.start()
            ready.wait(5)
        self._call(self._aim)

    def hurry(self, seconds: Seconds) -> None:
        """Ask more often for that long: something is about to happen."""
        self._hurried = max(self._hurried, time.monotonic() + seconds)
        self._call(self._awake.set)

    def probes(self) -> tuple[Probe, ...]:
        """Return what was asked and answered so far."""
        return tuple(self._probes)

    def stop(self) -> None:
        """Ask nothing more."""
        if self._loop is not None and self._thread is not None:
            self._call(self._end)
            self._thread.join(2)
        self._loop = self._thread = None

    def _call(self, what: Callable[[], object]) -> None:
        if self._loop is not None:
            with suppress(RuntimeError):  # it has ended
                self._loop.call_soon_threadsafe(what)

    def _run(self, ready: threading.Event) -> None:
        with asyncio.Runner() as runner:
            self._loop = runner.get_loop()
            self._over = asyncio.Event()
            ready.set()
            with suppress(Exception):
                runner.run(self._wait())

    async def _wait(self) -> None:
        await self._over.wait()
        for task in self._routes.values():
            task.cancel()
        await asyncio.gather(*self._routes.values(), return_exceptions=True)

    def _end(self) -> None:
        self._over.set()

    def _aim(self) -> None:
        for task in self._routes.values():
            task.cancel()
        self._routes = {each.route: asyncio.ensure_future(self._route(each)) for each in self._targets}

    async def _route(self, target: Target) -> None:
        """Ask one route again and again, at its pace, whether the last answer has come or not."""
        asking = _Asking(self, target)
        at = time.monotonic()
        try:
            while True:
                asking.begin()
                at = max(at + self._pause(asking), time.monotonic() - EVERY)
                await self._until(at)
        finally:
            await asking.end()

    def _pause(self, asking: _Asking) -> float:
        now = time.monotonic()
        hurried = now < self._hurried or (asking.failing_since and now - asking.failing_since < _ALARM)
        return HURRY if hurried else self.every

    async def _until(self, at: float) -> None:
        """Wait for the moment, or until it is to hurry."""
        self._awake.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, at - time.monotonic())):
                await self._awake.wait()

    def led(self) -> str:
        """Return where the state file sends users now."""
        found = self._now()
        return str(found.users) if found is not None else "plain"

    def heard(self, probe: Probe) -> None:
        """Keep what came."""
        self._probes.append(probe)


class _Asking:
    """The requests to one route."""

    def __init__(self, prober: CaddyProber, target: Target) -> None:
        self._prober, self._target = prober, target
        self._number = 0
        self._open: dict[asyncio.Task[None], tuple[Moment, float]] = {}
        self._pool: http.Pool | None = None
        self._pooled: http.Server | None = None
        self.failing_since = 0.0  # monotonic; 0 while it answers well

    def begin(self) -> None:
        """Send the next request, unless too many wait already."""
        if len(self._open) < _OPEN:
            self._number += 1
            task = asyncio.ensure_future(self._one(fresh=self._number % FRESH == 0))
            self._open[task] = Moment(time.time()), time.monotonic()
            task.add_done_callback(lambda done: self._open.pop(done, None))

    async def end(self) -> None:
        """Let go of all; what has waited for long by now is told.

        What was just asked may still be answered: a proxy warns of who leaves in the middle of an answer.
        """
        if self._open:
            await asyncio.wait(self._open, timeout=LAST)
        for task, (sent, began) in list(self._open.items()):
            task.cancel()
            waited = time.monotonic() - began
            if waited > 1:
                self._tell(sent, Seconds(waited), "no answer before measuring ended", 0, "", fresh=False)
        if self._pool is not None:
            await self._pool.close()

    async def _one(self, *, fresh: bool) -> None:
        sent, began, led = Moment(time.time()), time.monotonic(), self._prober.led()
        status, what = 0, ""
        try:
            async with asyncio.timeout(WITHIN):
                status = await self._ask(fresh=fresh)
            what = f"status {status}" if status >= 500 else ""
        except TimeoutError:
            what = f"no answer in {WITHIN:.0f} s"
        except (http.HttpError, OSError) as error:
            what = _word(error)
        took = Seconds(time.monotonic() - began)
        if not what:
            self.failing_since = 0.0
        elif not self.failing_since:
            self.failing_since = time.monotonic()
            self._prober.hurry(Seconds(0.0))
        self._tell(sent, took, what, status, led if led == self._prober.led() else "", fresh=fresh)

    def _tell(self, sent: Moment, took: Seconds, what: str, status: int, led: str, *, fresh: bool) -> None:
        self._prober.heard(Probe(self._target.route, sent, took, what, status, led, fresh))

    async def _ask(self, *, fresh: bool) -> int:
        """Return the status; the answer is read as far as a page goes."""
        endpoint = self._target.endpoint
        host = host_for(endpoint)
        address, port = self._prober._place(self._target)
        server = http.Server(host=address, port=port, tls=host if endpoint.tls else "")
        connection = await http.connect(server, within=None) if fresh else await self._kept(server)
        path = endpoint.path if endpoint.exact else f"{endpoint.path}{self._target.path}"
        whole = False
        try:
            got = await connection.ask("GET", quote(path, safe=_PATH), _headers(self._target, host), within=None)
            read = 0
            async for piece in got.pieces():
                read += len(piece)
                if read > _LARGEST:
                    break
            else:
                whole = True
            return got.status
        finally:
            if whole and not fresh and self._pool is not None and server == self._pooled:
                self._pool.give(connection)
            else:
                connection.close()

    async def _kept(self, server: http.Server) -> http.HttpConnection:
        if self._pool is None or self._pooled != server:
            self._pool, self._pooled = http.Pool(server), server
        return await self._pool.take(within=None)


def _headers(target: Target, host: str) -> Mapping[str, str]:
    endpoint = target.endpoint
    usual = 443 if endpoint.tls else 80
    return {
        "Host": host if endpoint.listen == usual else f"{host}:{endpoint.listen}",
        "User-Agent": "teal-probe",
        "Accept": "*/*",
        "Proxy-Authorization": "Teal probe",
    }


def _word(error: Exception) -> str:
    """Return in a word why no answer came."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ConnectionRefusedError):
            return "refused"
        if isinstance(cause, ConnectionResetError | BrokenPipeError):
            return "cut"
        if isinstance(cause, ssl.SSLError):
            return "no TLS"
        cause = cause.__cause__
    return "cut" if "closed" in str(error) or "broke off" in str(error) else f"no answer: {error}"[:60]
