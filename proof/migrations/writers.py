"""Writers that never stop: each acknowledged write is remembered, to be read back under every name it has."""

import asyncio
import random
import secrets
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace

import aiohttp

WITHIN = 20.0  # seconds for an answer


@dataclass(slots=True)
class Row:
    """What one row must hold: the last acknowledged values."""

    table: str
    author: str
    stars: int
    version: int = 0  # rises with each write that is begun
    busy: bool = False
    uncertain: bool = False  # a write of it failed: either value may stand there


@dataclass(slots=True)
class Tally:
    """What became of the requests."""

    writes: int = 0
    reads: int = 0
    failed: list[str] = field(default_factory=list)
    forgiven: int = 0  # failed while the database itself was down
    differing: list[str] = field(default_factory=list)
    longest: float = 0.0  # seconds that the database took for one statement of the application


class Writers:
    """Open-loop inserts, updates and reads at *url*, *rate* writes a second and half as many reads, in a thread."""

    def __init__(self, url: str, tables: tuple[str, str], rate: float = 120.0, seed: int = 1) -> None:
        self.tables = tables
        self.tally = Tally()
        self.rows: dict[str, Row] = {}
        self._mine = f"w-{secrets.token_hex(3)}"  # others have written to the same tables before
        self._url, self._pause = url, 1 / rate
        self._choose = random.Random(seed)
        self._end = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._run()), daemon=True)

    def __enter__(self) -> "Writers":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    @contextmanager
    def forgiven(self, until: Callable[[], bool]) -> Iterator[None]:
        """Count apart what fails within, and until *until* holds for two seconds: its cause is known."""
        before = len(self.tally.failed)
        longest = self.tally.longest
        yield
        while not until():
            time.sleep(0.2)
        time.sleep(2 + WITHIN / 10)
        self.tally.forgiven += len(self.tally.failed) - before
        del self.tally.failed[before:]
        self.tally.longest = longest

    def settled(self) -> dict[str, Row]:
        """Return a copy of each row that nobody is writing now and whose last write was acknowledged."""
        return {key: replace(row) for key, row in list(self.rows.items()) if not row.busy and not row.uncertain}

    async def _run(self) -> None:
        connector = aiohttp.TCPConnector(limit=200)
        timeout = aiohttp.ClientTimeout(total=WITHIN)
        async with aiohttp.ClientSession(self._url, connector=connector, timeout=timeout) as session:
            tasks: set[asyncio.Task[None]] = set()
            due, number = time.monotonic(), 0
            while not self._end.is_set():
                number += 1
                task = asyncio.create_task(self._one(session, number))
                tasks.add(task)
                task.add_done_callback(tasks.discard)
                due += self._pause / 1.5
                await asyncio.sleep(max(0.0, due - time.monotonic()))
            await asyncio.gather(*tasks)

    async def _one(self, session: aiohttp.ClientSession, number: int) -> None:
        """Do one of: insert, change, read."""
        idle = self._idle() if number % 3 else None
        if idle is None:
            await self._insert(session, number)
        elif number % 3 == 1:
            await self._change(session, *idle, number)
        else:
            await self._read(session, *idle)

    def _idle(self) -> tuple[str, Row] | None:
        """Return a row that nobody works on, mostly one of the latest."""
        keys = list(self.rows)
        for _ in range(8 if keys else 0):
            key = self._choose.choice(keys[-500:] if self._choose.random() < 0.5 else keys)
            if not self.rows[key].busy and not self.rows[key].uncertain:
                return key, self.rows[key]
        return None

    async def _insert(self, session: aiohttp.ClientSession, number: int) -> None:
        row = Row(self.tables[number % 2], f"author-{number}", number % 1000, busy=True)
        key = f"{self._mine}-{number}"
        said = {"key": key, "author": row.author, "stars": row.stars}
        if await self._send(session, "POST", f"/{row.table}", said) is not None:
            self.rows[key] = row
        row.busy = False

    async def _change(self, session: aiohttp.ClientSession, key: str, row: Row, number: int) -> None:
        row.busy = True
        row.version += 1
        said: dict[str, object] = {"author": f"changed-{number}"} if number % 2 else {"stars": number % 997}
        if await self._send(session, "PATCH", f"/{row.table}/{key}", said) is None:
            row.uncertain = True
        for name, value in said.items():
            setattr(row, name, value)
        row.busy = False

    async def _read(self, session: aiohttp.ClientSession, key: str, row: Row) -> None:
        row.busy = True
        found = await self._send(session, "GET", f"/{row.table}/{key}", None)
        self.tally.reads += 1
        if found is not None and (found["author"], found["stars"]) != (row.author, row.stars):
            self.tally.differing.append(f"{row.table} {key}: {found}, written {row.author}, {row.stars}")
        row.busy = False

    async def _send(
        self, session: aiohttp.ClientSession, method: str, path: str, body: object
    ) -> dict[str, object] | None:
        """Return the answer, None for a failure."""
        try:
            async with session.request(method, path, json=body) as response:
                found = await response.json() if response.status == 200 else None
                problem = "" if found is not None else f"{response.status} {(await response.text())[:80]}"
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            found, problem = None, f"{type(error).__name__}: {error}"
        if found is None:
            self.tally.failed.append(f"{time.strftime('%H:%M:%S')} {method} {path}: {problem}")
            return None
        self.tally.writes += method != "GET"
        self.tally.longest = max(self.tally.longest, float(found["took"]))
        return dict(found)
