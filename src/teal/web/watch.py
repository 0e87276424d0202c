"""One observer of a stack for all who look at it: none of them, and it does not look either."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Mapping, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass, field, replace

from teal.core.model.counts import Counts
from teal.core.model.units import Moment
from teal.errors import TealError
from teal.run.api import HistoryRow
from teal.run.commands.status import history, status_of
from teal.run.observe import observe_beside
from teal.web.calls import Call, Told, ask
from teal.web.desk import Desk, Opened
from teal.web.flow import EVERY, Flow
from teal.web.progress import Progress, left_off, progress
from teal.web.seen import BAD, Met, Seen, Trouble, met

LINES = 50  # of a log
RUNS = 50  # past runs that are shown
TICK = 0.2  # seconds between two looks at whether anything on disk has changed
CALM = 5.0  # seconds after which it looks again, though nothing was heard
FRESH = 1.0  # seconds for which a look is good enough for one more page
_RETRY = 2.0  # seconds between two attempts to hear of an engine that is away


@dataclass(slots=True)
class Watch:
    """Looks at one stack when something happens there, and tells all viewers."""

    desk: Desk
    call: Call | None = None  # the latest command that was started here
    seen: Seen | None = None
    _opened: Opened | None = None
    _closing: AsyncExitStack = field(default_factory=AsyncExitStack)
    _known: object = None  # the releases with which the stack was read
    _asking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _looking: asyncio.Lock = field(default_factory=asyncio.Lock)
    _news: asyncio.Event = field(default_factory=asyncio.Event)
    _changed: asyncio.Condition = field(default_factory=asyncio.Condition)
    _viewers: int = 0
    _task: asyncio.Task[None] | None = None
    _flow: Flow | None = None
    _met: dict[int, Met] = field(default_factory=dict)
    _heard: bool = False  # the engine told of something since the last look

    async def look(self) -> Seen:
        """Return the stack as it is, or was a moment ago."""
        if self.seen is not None and time.time() - self.seen.at < FRESH:
            return self.seen
        return await self._look()

    async def opened(self) -> Opened:
        """Return the stack, read anew where a release came or went: its secrets are others, too."""
        known = self.desk.releases()
        if self._opened is None or known != self._known:
            await self.close()
            self._opened = await self._closing.enter_async_context(self.desk.open())
            self._known = known
        return self._opened

    async def close(self) -> None:
        """Let go of the stack."""
        self._opened = None
        closing, self._closing = self._closing, AsyncExitStack()
        await closing.aclose()

    async def ask(self, words: Sequence[str]) -> Told:
        """Return what a command that changes nothing answers; one at a time, whoever asks and however often."""
        async with self._asking:
            return await ask(self.desk, words)

    def nudge(self) -> None:
        """Look now."""
        self._news.set()

    @asynccontextmanager
    async def viewing(self) -> AsyncIterator[AsyncGenerator[Seen, None]]:
        """Yield what is seen, each time that it changes; while anybody views, the stack is watched."""
        self._viewers += 1
        if self._task is None:
            self._task = asyncio.create_task(self._on())
        try:
            async with aclosing(self._each()) as each:
                yield each
        finally:
            self._viewers -= 1
            if not self._viewers and self._task:
                task, self._task = self._task, None
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task

    async def _each(self) -> AsyncGenerator[Seen, None]:
        shown = await self.look()
        yield shown
        while True:
            async with self._changed:
                while self.seen is None or self.seen is shown:
                    await self._changed.wait()
                shown = self.seen
            yield shown

    async def _on(self) -> None:
        beside = [asyncio.create_task(each) for each in (self._listen(), self._count())]
        stamp, told, looked = self.desk.stamp(), self.desk.told(), 0.0
        try:
            while True:
                with suppress(TimeoutError):
                    await asyncio.wait_for(self._news.wait(), TICK)
                self._news.clear()
                was, (stamp, told) = (stamp, told), (self.desk.stamp(), self.desk.told())
                if stamp != was[0] or time.monotonic() - looked > CALM or self._is_news():
                    await self._look()
                    looked = time.monotonic()
                elif told != was[1]:
                    await self._read_on()
        finally:
            for each in beside:
                each.cancel()
            await asyncio.gather(*beside, return_exceptions=True)

    def _is_news(self) -> bool:
        """Tell whether something happened that leaves no trace on disk."""
        heard, self._heard = self._heard, False
        return heard or bool(self.call and self.call.ended_since_asked())

    async def _listen(self) -> None:
        """Hear of containers; an engine that is away is asked again."""
        while True:
            with suppress(TealError):
                opened = await self.opened()
                async with aclosing(opened.ports.engine.events(opened.stack.project)) as events:  # type: ignore[type-var]
                    async for _ in events:
                        self._heard = True
                        self._news.set()
            await asyncio.sleep(_RETRY)

    async def _count(self) -> None:
        """Follow the proxy's counters, by one command inside of it that is begun anew when it has ended."""
        while True:
            with suppress(TealError):
                opened, proxy = await self.opened(), self.seen and self.seen.proxy_container
                if proxy:
                    async with aclosing(opened.ports.proxy.counting(proxy, EVERY)) as readings:
                        async for counts in readings:
                            await self._counted(counts)
            await asyncio.sleep(_RETRY)

    async def _counted(self, counts: Counts | None) -> None:
        at = Moment(time.time())
        self._flow = (self._flow or Flow()).and_then(at, counts)
        async with self._looking:
            if self.seen is None:
                return
            seen = replace(self.seen, at=at, flow=self._flow)
        await self._show(seen)

    async def _read_on(self) -> None:
        """Show what the run has told since: it asks neither engine nor proxy."""
        async with self._looking:
            if self.seen is None or self._opened is None:
                return
            seen = _with_progress(replace(self.seen, at=Moment(time.time())), self._opened)
        await self._show(seen)

    def _with_reports(self, seen: Seen, opened: Opened) -> Seen:
        """Return *seen* with what users met in each run; a report that was read is not read again."""
        there = frozenset(opened.ports.reports.runs()) if seen.rows else frozenset()
        for row in seen.rows:
            if row.id in there and row.id not in self._met and row.outcome != "running":
                report = opened.ports.reports.read(row.id)
                if report is not None:
                    self._met[row.id] = met(report)
        return replace(seen, met={row.id: self._met[row.id] for row in seen.rows if row.id in self._met})

    async def _look(self) -> Seen:
        async with self._looking:
            seen = replace(await self._looked(), flow=self._flow)
        await self._show(seen)
        return seen

    async def _show(self, seen: Seen) -> None:
        async with self._changed:
            self.seen = seen
            self._changed.notify_all()

    async def _looked(self) -> Seen:
        at = Moment(time.time())
        begun = self.call.begun() if self.call else None
        try:
            opened = await self.opened()
        except TealError as error:
            return Seen(self.desk.name, at, trouble=Trouble(error.message, error.hint), begun=begun)
        seen = Seen(self.desk.name, at, proxy=opened.stack.proxy, begun=begun)
        seen = self._with_reports(_with_past(seen, opened), opened)
        try:
            observed, holder = await observe_beside(opened.ports, opened.stack)
            status = await status_of(opened.ports, opened.stack, observed, holder)
        except TealError as error:
            return replace(seen, trouble=Trouble(error.message, error.hint))
        return replace(seen, status=status, containers=observed.containers, notes=opened.notes())


def _with_past(seen: Seen, opened: Opened) -> Seen:
    try:
        rows: Iterable[HistoryRow] = history(opened.ports, RUNS)
    except TealError as error:
        return replace(seen, journal=Trouble(error.message, error.hint))
    return _with_progress(replace(seen, rows=tuple(rows), notes=opened.notes()), opened)


def _with_progress(seen: Seen, opened: Opened) -> Seen:
    """Return *seen* with what is told of the run that goes on, or of the one that failed last."""
    row = seen.run or seen.failed
    if row is None:
        last = next((each for each in seen.rows if each.outcome == "done" and each.target), None)
        lines = opened.ports.logs.read(last.id) if last else ()
        return replace(seen, progress=None, kept_logs={}, switched=progress(lines).switched)
    lines = opened.ports.logs.read(row.id)
    found = progress(lines) if lines else None
    if found and not seen.run:
        found = left_off(found)
    logs = kept_logs(opened, row, found) if seen.failed else {}
    return replace(seen, progress=found, switched=found.switched if found else None, kept_logs=logs)


def kept_logs(opened: Opened, row: HistoryRow, found: Progress | None) -> Mapping[str, str]:
    """Return the last lines of what *row* has removed: of the services that failed, where it is known which."""
    if row.outcome not in BAD or row.release is None:
        return {}
    logs = opened.ports.releases.kept_logs(row.release)
    named = {service: text for service, text in logs.items() if found and service in found.failed}
    return {service: "\n".join(text.splitlines()[-LINES:]) for service, text in (named or logs).items() if text.strip()}
