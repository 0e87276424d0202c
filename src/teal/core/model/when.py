"""Moments in the past, as people type them: ``yesterday 14:00``, ``14:00``, ``2h ago``, ``2026-11-29 14:00``."""

from __future__ import annotations

import re
from datetime import datetime, time, timedelta

from teal.core.model.duration import seconds

_AGO = re.compile(r"(\S+) ago")
_DAY_TIME = re.compile(r"(?:(today|yesterday)(?: at)?\s+)?(\d{1,2}):(\d{2})(?::(\d{2}))?")
_DATE_TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d.*")
EXAMPLES = "write it like 14:00, yesterday 14:00, 2h ago or 2026-11-29 14:00"


def past_moment(written: str, now: datetime) -> datetime:
    """Return the moment that *written* means: in local time, or with the offset that it names; *now* is local.

    A time alone is the latest one that has been. Raises ValueError, with what to write instead, where it means nothing,
    or what is still to come.
    """
    said = " ".join(written.split())
    if found := _AGO.fullmatch(said):
        return now - timedelta(seconds=seconds(found[1]))
    moment = _clock(said, now) or _calendar(said)
    if moment is None:
        raise ValueError(f"{said!r} is no moment: {EXAMPLES}")
    if moment.timestamp() > now.timestamp():
        raise ValueError(f"{said!r} is still to come")
    return moment


def _clock(said: str, now: datetime) -> datetime | None:
    found = _DAY_TIME.fullmatch(said)
    if not found:
        return None
    day, hour, minute, second = found.groups()
    try:
        at = datetime.combine(now.date(), time(int(hour), int(minute), int(second or 0)))
    except ValueError:
        return None
    late = day is None and at.timestamp() > now.timestamp()
    return at - timedelta(days=1) if day == "yesterday" or late else at


def _calendar(said: str) -> datetime | None:
    if not _DATE_TIME.fullmatch(said):
        return None
    try:
        return datetime.fromisoformat(said)
    except ValueError:
        return None
