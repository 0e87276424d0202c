"""Who was told of what: ``told.json``, so that no run is told twice, and none that was killed is forgotten."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct

from teal.adapters.durable import write_synced
from teal.core.model.units import Moment


class Lost(Struct, frozen=True):
    """Somebody could not be told."""

    to: str  # kind and host; the address is a secret
    why: str
    at: Moment


class Told(Struct, frozen=True):
    """How far others have been told."""

    run: int | None = None  # the last run of which they were; None: of none yet
    open: int | None = None  # a run that waits for a person, of which they were told already
    lost: tuple[Lost, ...] = ()  # at the last try
    traced: int | None = None  # the last run whose trace was exported
    untraced: str = ""  # why the last trace could not be exported
    unwritten: str = ""  # why the file for Prometheus could not be written
    counted: int | None = None  # the last run that is counted in *totals*
    totals: dict[str, int] = {}  # "COMMAND OUTCOME" -> runs: the journal forgets some, and a counter must not go down


class ToldFile:
    """The file, in the state directory of a project."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> Told:
        """Return what it says; one that is missing or damaged says that nobody was told of anything."""
        try:
            return msgspec.json.decode(self._path.read_bytes(), type=Told)
        except (OSError, ValueError):
            return Told()

    def write(self, told: Told) -> None:
        """Write it, whole or not at all."""
        beside = self._path.with_name(f".{self._path.name}.{os.getpid()}")
        write_synced(beside, msgspec.json.encode(told) + b"\n", 0o600)
        beside.replace(self._path)

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one who tells; wait for another who does."""
        fd = os.open(self._path.with_suffix(".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(fd, fcntl.LOCK_EX)
            yield
        finally:
            os.close(fd)

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a person should know: who could not be told."""
        told = self.read()
        unwritten = [f"the metrics could not be written: {told.unwritten}"] if told.unwritten else []
        untraced = [f"the trace of a run was not exported: {told.untraced}"] if told.untraced else []
        return (*untraced, *(f"not told of the last run: {each.to} ({each.why})" for each in told.lost), *unwritten)
