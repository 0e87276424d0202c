"""Decides: the phases of a schema change while two releases share the database."""

from __future__ import annotations

from enum import StrEnum


class Phase(StrEnum):
    """When a change of the schema may happen: each phase is safe for other releases."""

    EXPAND = "expand"  # before the new color starts; both releases can live with it
    BACKFILL = "backfill"  # data only, in batches, beside traffic
    CONTRACT = "contract"  # when no release that needs the old shape can come back
    WINDOW = "window"  # users held or turned away, the old release stopped
