"""A stack to look at without an engine: what its ports say is a value that a test changes."""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from starlette.testclient import TestClient

from teal.core.model.observed import Holder, Observed
from teal.core.planning.event_lines import LogLine
from teal.core.report.values import Report
from teal.errors import TealError
from teal.ports import HealthRun, RunRecord
from teal.web.app import application
from teal.web.desk import Desk, Opened
from teal.web.guard import Doors
from teal.web.visitors import Book, Front
from tests.unit.worlds import BLUE_7, IMAGES, STACK

AT = "http://127.0.0.1:7420"
ORIGIN = {"origin": AT}


@dataclass
class Known:
    """What the ports of a stack say."""

    observed: Observed = BLUE_7
    runs: tuple[RunRecord, ...] = ()
    lines: dict[int, tuple[LogLine, ...]] = field(default_factory=dict)
    holder: Holder | None = None
    measured: dict[int, Report] = field(default_factory=dict)
    kept: dict[int, dict[str, str]] = field(default_factory=dict)  # release -> logs that were kept
    log: str = ""
    checks: tuple[HealthRun, ...] = ()
    away: TealError | None = None  # what asking the engine raises
    broken: TealError | None = None  # what reading the journal raises

    def __getattr__(self, name: str) -> Any:
        """Stand in for every port."""
        if name in {"engine", "compose", "proxy", "releases", "journal", "logs", "reports", "lock", "clock", "machine"}:
            return Port(self, name)
        raise AttributeError(name)


@dataclass(frozen=True)
class Port:
    """One family of what is known."""

    known: Known
    family: str

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self, f"_{self.family}_{name}", _none)

    async def _engine_containers(self, _: str) -> Any:
        if self.known.away:
            raise self.known.away
        return self.known.observed.containers

    async def _engine_networks(self, _: str) -> Any:
        return ()

    async def _engine_image(self, reference: str) -> Any:
        return reference if reference in IMAGES.values() else None

    async def _engine_memory(self, _: Any) -> int:
        return 50 * 2**20

    async def _engine_logs(self, _: str, *, lines: int) -> str:
        return "\n".join(self.known.log.split("\n")[-lines - 1 :])

    async def _engine_health_log(self, _: str) -> Any:
        return self.known.checks

    async def _engine_events(self, _: str) -> AsyncIterator[str]:
        if self.known.away:
            raise self.known.away
        return
        yield

    def _proxy_read(self) -> Any:
        return self.known.observed.traffic

    async def _proxy_drift(self, _: Any) -> Any:
        from teal.ports import ProxyDrift

        return ProxyDrift()

    def _releases_all(self) -> Any:
        return self.known.observed.releases

    def _releases_kept_logs(self, number: int) -> Any:
        return self.known.kept.get(number, {})

    def _journal_history(self, limit: int) -> Any:
        if self.known.broken:
            raise self.known.broken
        return self.known.runs[:limit]

    def _journal_unfinished(self) -> Any:
        return self.known.observed.unfinished

    def _journal_next_release(self) -> int:
        return self.known.observed.next_release

    def _journal_turns(self) -> Any:
        return ()

    def _journal_contracts(self) -> Any:
        return self.known.observed.contracts

    def _logs_read(self, run: int) -> Any:
        return self.known.lines.get(run, ())

    def _reports_runs(self) -> Any:
        return tuple(self.known.measured)

    def _reports_read(self, run: int) -> Any:
        return self.known.measured.get(run)

    def _lock_holder(self) -> Any:
        return self.known.holder

    def _machine_published(self) -> Any:
        return str(self.known.observed.active or "")


def _none(*_: Any, **__: Any) -> Any:
    return None


def desk(known: Known, *, name: str = "shop", clean: Callable[[str], str] = str, program: str = "") -> Desk:
    """Return the desk of a stack of which *known* is known; *program* stands in for ``teal``."""

    @asynccontextmanager
    async def opened() -> AsyncIterator[Opened]:
        yield Opened(known, replace(STACK, project=name))  # type: ignore[arg-type]

    argv = (sys.executable, "-c", program)
    told = (lambda: repr(known), lambda: repr(known.lines), lambda: len(known.observed.releases))
    return Desk(name, clean, opened, *told, argv, str(Path.cwd()))


@dataclass
class Page:
    """The application under test, and how a browser that was let in asks it."""

    known: Known = field(default_factory=Known)
    program: str = "print('{}')"
    clean: Callable[[str], str] = str
    read_only: bool = False
    logs: bool = True
    front: Front | None = None
    root: str = ""
    peer: str = "127.0.0.1"
    others: tuple[str, ...] = ()
    doors: Doors = field(init=False)

    def __post_init__(self) -> None:
        self.doors = Doors(Book(self.read_only, self.front), root=self.root)
        names = ("shop", *self.others)
        desks = {name: desk(self.known, name=name, clean=self.clean, program=self.program) for name in names}
        actions = ("deploy", "rollback", "cleanup", "promote", "abort")
        self.app = application(desks, self.doors, actions=actions, read_only=self.read_only, logs=self.logs)

    def stranger(self) -> TestClient:
        """Return a browser that nobody has let in."""
        return TestClient(self.app, base_url=AT, client=(self.peer, 50000), follow_redirects=False)

    def browser(self) -> TestClient:
        """Return a browser that was let in."""
        found = self.stranger()
        assert found.get(f"/login?token={self.doors.book.new_token()}").status_code == 303
        return found

    def form_token(self, browser: TestClient) -> str:
        """Return the token that the browser's forms carry."""
        visitor = self.doors.book.visitor(self.peer, {}, browser.cookies["teal"])
        assert visitor is not None
        return self.doors.book.form_token(visitor)
