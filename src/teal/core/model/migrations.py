"""Schema changes while two releases share the database: their phases, what the owner says of them, which are open."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Literal

from teal.core.model.units import Moment, ReleaseId, Seconds


class Phase(StrEnum):
    """When a change of the schema may happen: each phase is safe for other releases."""

    EXPAND = "expand"  # before the new color starts; both releases can live with it
    BACKFILL = "backfill"  # data only, in batches, beside traffic
    CONTRACT = "contract"  # when no release that needs the old shape can come back
    WINDOW = "window"  # users held or turned away, the old release stopped


Words = tuple[str, ...]
BY_STATISTICS = "pg_stat_statements"  # in place of a file of statements: what the server itself has counted


@dataclass(frozen=True, slots=True)
class DatabaseAt:
    """Where the database is: a shared service, and the variable of some service that says how to reach it.

    The value (it holds a password) is read when it is needed, from the resolved model, and kept nowhere.
    """

    service: str  # the shared service that is the server
    of: str = ""  # whose environment has the URL; empty: the server's own POSTGRES_USER, _PASSWORD, _DB
    variable: str = ""


@dataclass(frozen=True, slots=True)
class Migrations:
    """The section ``migrations`` of teal.yml, resolved; a stack without one has no such value."""

    service: str = ""  # whose new image runs the commands, in an environment and on networks like its own
    one_shot: str = ""  # the one-shot service of the stack that is the expand phase as it stands
    files: str = ""  # directory (absolute) of NNNN_name.PHASE.sql for Teal's own runner; then no commands
    queries: str = ""  # file (absolute) of the statements of the release that serves, or pg_stat_statements
    commands: Mapping[Phase, Words] = field(default_factory=dict)
    asserts: Words = ()  # queries that must select 0 before the contract command runs; files have theirs in the header
    pending: Words = ()  # exits 0: all done, 2: an expand is next, 4: a contract is pending; a name per line
    prints: Mapping[Phase, Words] = field(default_factory=dict)  # commands that print the SQL to judge
    bookkeeping: Words = ()  # tables of the owner's tool, which the judge lets it write to
    harmless: Words = ()  # the owner's functions that migrations may call
    database: DatabaseAt | None = None
    contract_delay: Seconds = Seconds(0.0)  # between the deploy that brought a contract and its gate
    backfill: Literal["before", "after"] = "before"  # the switch

    @property
    def jobs(self) -> Mapping[str, Words]:
        """Return the commands by the name of their container's service: ``teal-migrate-expand`` and so on."""
        found = {job(str(phase)): words for phase, words in self.commands.items()}
        found |= {job(f"sql-{phase}"): words for phase, words in self.prints.items()}
        return found | ({job("pending"): self.pending} if self.pending else {})

    def how(self, phase: Phase) -> str:
        """Return in words what carries *phase* out, "" where nothing does."""
        if self.files:
            return f"the files of {self.files.rpartition('/')[2]}"
        if phase is Phase.EXPAND and self.one_shot:
            return f"the one-shot {self.one_shot}"
        words = self.commands.get(phase, ())
        said = words[-1] if words[:2] == ("/bin/sh", "-c") else " ".join(words)
        return f"`{said}` in {self.service}" if words else ""


def job(what: str) -> str:
    """Return the name of the service that *what* is run as."""
    return f"teal-migrate-{what}"


@dataclass(frozen=True, slots=True)
class OpenChange:
    """A contract that a release brought: open until it has been run, then a floor for rollbacks."""

    name: str  # of the contract: "0007_writer" or a revision of the owner's tool
    release: ReleaseId  # the first release that brought it, which so no longer needs what it removes: its minimum
    opened: Moment
    closed: Moment | None = None  # when the contract had been run
    reason: str = ""

    @property
    def floor(self) -> ReleaseId:
        """Return the lowest release that can serve once this contract has been run; 0 while it is open."""
        return self.release if self.closed is not None else ReleaseId(0)
