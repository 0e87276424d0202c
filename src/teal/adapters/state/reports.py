"""The reports of runs: ``reports/N.json``, N as the journal counts, each written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import msgspec

from teal.adapters.durable import write_synced
from teal.adapters.state.journal_db import WHOLE
from teal.core.report.values import FORMAT, Report
from teal.errors import Unavailable


class ReportFiles:
    """The reports in one folder, which is made when the first is kept."""

    def __init__(self, folder: Path, *, mask: Callable[[str], str] = str) -> None:
        """*mask* takes out of what is written what must not be read later."""
        self._folder = folder
        self._mask = mask
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a person should know of reports that can't be read."""
        return tuple(dict.fromkeys(self._notes))

    def keep(self, report: Report) -> None:
        """Write the report of a run in place of an older one; remove those of which the journal keeps no steps."""
        path = self._path(report.run)
        half = path.with_name(f".{path.name}.half")
        try:
            self._folder.mkdir(mode=0o700, exist_ok=True)
            write_synced(half, self._written(report), 0o600)
            half.replace(path)
        except OSError as error:
            with suppress(OSError):
                half.unlink()
            raise Unavailable(
                f"the report of run {report.run} can't be kept: {error.strerror}", hint="make room on the disk"
            ) from error
        for old in self.runs():
            if old <= report.run - WHOLE:
                with suppress(OSError):
                    self._path(old).unlink()

    def read(self, run: int) -> Report | None:
        """Return the report of *run*; None, and a note, where what is there is none, or a newer Teal's."""
        path = self._path(run)
        try:
            report = msgspec.json.decode(path.read_bytes(), type=Report)
        except FileNotFoundError:
            return None
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            self._notes.append(f"the report {path} can't be read and is skipped ({str(error)[:80]})")
            return None
        if report.format > FORMAT:
            self._notes.append(f"the report {path} is a newer Teal's and is skipped")
            return None
        return report

    def runs(self) -> tuple[int, ...]:
        """Return the runs of which a report is kept, the oldest first."""
        with suppress(OSError):
            return tuple(sorted(int(each.stem) for each in self._folder.glob("*.json") if each.stem.isdecimal()))
        return ()

    def _written(self, report: Report) -> bytes:
        """Return the report as JSON, secrets masked in what others may have written."""
        free = {name: self._mask(getattr(report, name)) for name in ("message",)}
        revision = report.revision and msgspec.structs.replace(
            report.revision, subject=self._mask(report.revision.subject)
        )
        by = msgspec.structs.replace(report.by, name=self._mask(report.by.name))
        told = {**free, "by": by, "revision": revision, "diff": tuple(map(self._mask, report.diff))}
        return msgspec.json.encode(msgspec.structs.replace(report, **told)) + b"\n"

    def _path(self, run: int) -> Path:
        return self._folder / f"{run}.json"
