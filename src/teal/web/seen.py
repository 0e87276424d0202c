"""What the page shows of one stack at one moment, as a value."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from teal.core.model.observed import Container
from teal.core.model.units import Moment
from teal.core.report.values import Report
from teal.core.report.words import failures, longest_pause
from teal.run.api import ColorStatus, HistoryRow, ServiceStatus, Status
from teal.web.flow import Flow
from teal.web.progress import Progress

BAD = frozenset(
    {"failed", "aborted", "rolled-back", "interrupted", "needs-person"}
)  # outcomes that a person should see first


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why something can't be shown, and what to do."""

    message: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Begun:
    """A command that this page has started, as far as it is known."""

    command: str
    by: str
    at: Moment
    state: Literal["running", "done", "failed"]
    message: str = ""
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Met:
    """What users met in a run, by its report; None where nobody measured."""

    requests: int | None
    failed: int | None
    pause: float | None  # the longest without a good answer, in seconds


def met(report: Report) -> Met:
    """Return what *report* comes to on a line."""
    counted = report.users is not None or bool(report.prober)
    requests = report.users.requests if report.users else None
    return Met(requests, sum(failures(report).values()) if counted else None, longest_pause(report))


@dataclass(frozen=True, slots=True)
class Seen:
    """One look at one stack: whatever could not be seen is said, the rest is shown all the same."""

    name: str
    at: Moment
    proxy: str = ""  # the service that is the proxy
    status: Status | None = None
    rows: tuple[HistoryRow, ...] = ()
    met: Mapping[int, Met] = field(default_factory=dict)  # what users met, by the number of the run
    containers: tuple[Container, ...] = ()
    trouble: Trouble | None = None  # why engine and proxy can't be asked
    journal: Trouble | None = None  # what is wrong with what is kept
    notes: tuple[str, ...] = ()
    begun: Begun | None = None
    progress: Progress | None = None  # of the run that somebody works on, else of the last one that failed
    switched: Moment | None = None  # when users were switched last, as far as a log of a run says it
    flow: Flow | None = None  # None: nobody has looked at the proxy's counters yet
    kept_logs: Mapping[str, str] = field(default_factory=dict)  # what was kept of the services of that one

    @property
    def run(self) -> HistoryRow | None:
        """Return the run that somebody works on now."""
        return next((row for row in self.rows if row.outcome == "running"), None)

    @property
    def last(self) -> HistoryRow | None:
        """Return the latest run that has ended."""
        return next((row for row in self.rows if row.outcome != "running"), None)

    @property
    def failed(self) -> HistoryRow | None:
        """Return the latest run, where it has ended badly and nobody works on the stack."""
        return self.last if self.run is None and self.last and self.last.outcome in BAD else None

    @property
    def sides(self) -> tuple[Group, ...]:
        """Return the two colors."""
        colors = self.status.colors.items() if self.status else ()
        return tuple(_color(name, color) for name, color in colors)

    @property
    def beside(self) -> tuple[Group, ...]:
        """Return what stands beside the colors, where anything does."""
        if self.status is None:
            return ()
        groups = (Group("plain", "", None, self.status.plain), Group("shared", "", None, self.status.shared))
        return tuple(each for each in groups if each.services)

    @property
    def proxy_away(self) -> bool:
        """Tell whether the proxy was looked for and does not run."""
        return self.status is not None and self.proxy_container is None

    @property
    def proxy_container(self) -> Container | None:
        """Return the proxy that runs."""
        return next((each for each in self.containers if each.service == self.proxy and each.running), None)

    @property
    def starting(self) -> bool:
        """Tell whether what was started here has not come to its run yet."""
        begun = self.begun
        return bool(begun and begun.state == "running" and not any(row.started >= begun.at for row in self.rows))

    @property
    def problems(self) -> tuple[str, ...]:
        """Return what a person should look at; what a run is about to put right is none while it goes on."""
        found = self.status.problems if self.status else ()
        return tuple(each for each in found if not (self.run and each.startswith(".deployment-color")))

    def container(self, name: str) -> Container | None:
        """Return the container of that *name*."""
        return next((each for each in self.containers if each.name == name), None)


@dataclass(frozen=True, slots=True)
class Group:
    """A color, the plain side or the shared services, with what runs there."""

    name: str
    role: str
    release: int | None
    services: Mapping[str, ServiceStatus]


def _color(name: str, color: ColorStatus) -> Group:
    return Group(name, color.role, color.release, color.services)
