"""A copy of the contracts in a file beside the journal, so that the rollback floor outlives a lost journal."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import msgspec
from msgspec import Meta

from teal.adapters.durable import sync_folder, write_synced
from teal.core.model.units import Moment, ReleaseId

Stamp = Annotated[Moment, Meta(ge=0, le=1e11)]  # what a calendar can show
Number = Annotated[ReleaseId, Meta(ge=0, le=2**53)]


class Contract(msgspec.Struct, array_like=True):
    """A row of the journal's table ``contract``."""

    name: str
    release: Number
    opened: Stamp
    closed: Stamp | None
    reason: str


def beside(journal: Path) -> Path:
    """Return where the file lies."""
    return journal.with_name("contracts.json")


def write(path: Path, rows: Sequence[Sequence[object]]) -> None:
    """Write *rows* whole or not at all, on disk before this returns; raise OSError where that can't be."""
    half = path.with_name(f".{path.name}.half")
    write_synced(half, msgspec.json.encode(rows) + b"\n", 0o600)
    half.rename(path)
    sync_folder(path.parent)


def read(path: Path) -> list[Contract]:
    """Return what it holds; nothing where it is absent, ValueError where it is nothing of Teal's."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=list[Contract])
    except FileNotFoundError:
        return []
    except OSError as error:
        raise ValueError(f"{path} can't be read") from error
