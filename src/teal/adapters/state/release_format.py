"""The format of ``release.json``, apart from the names that the code has today.

A key that is written here is never renamed. Where the code uses another name, ``_KEYS`` translates. A new key that an
older Teal would misread, or could not do without, gets a higher ``FORMAT``. Format 0 has no number: 0.1.0 wrote it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from teal.core.model.release import Release
from teal.errors import NewerFormat

FORMAT = 1
_KEYS: Mapping[str, Mapping[str, str]] = {  # part of the file -> {name in the code: key in the file}
    "release": {
        "shared_networks": "meets",
        "network_keys": "own",
        "stack": "remembered",
        "mounted_images": "mounted",
    },
    "service": {"required_by_routes": "needed", "depends_on": "after", "healthy_deadline": "patience"},
    "health": {"min_healthy_time": "steady"},
}


def encode(release: Release) -> bytes:
    """Return the text of *release*'s file."""
    raw = {"format": FORMAT, **msgspec.to_builtins(release)}
    _rename(raw, {part: dict(keys) for part, keys in _KEYS.items()})
    return msgspec.json.format(msgspec.json.encode(raw), indent=1) + b"\n"


def decode(text: bytes, *, name: str) -> Release:
    """Return the release that *text*, the file *name*, holds; unknown keys are skipped.

    Raises ``NewerFormat`` where a newer Teal has written it, ``ValueError`` where it is no release.
    """
    raw = msgspec.json.decode(text, type=dict[str, Any])
    written = raw.get("format", 0)
    if not isinstance(written, int):
        raise ValueError(f"its format is {written!r}")
    if written > FORMAT:
        raise NewerFormat(name, written, FORMAT)
    try:
        if written < 1:
            _name_kinds(raw)
        _rename(raw, {part: {key: own for own, key in keys.items()} for part, keys in _KEYS.items()})
    except (AttributeError, KeyError, TypeError) as error:
        raise ValueError(f"not a release: {error}") from error
    return msgspec.convert(raw, Release)


def _parts(raw: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each object of *raw*, a release as JSON has it, with the name of its kind."""
    yield "release", raw
    stack = raw.get("stack") or raw.get("remembered") or {}  # as the code calls it, or the file
    for service in (*raw["services"], *stack.get("services", ())):
        yield "service", service
        yield "health", service.get("health", {})


def _rename(raw: dict[str, Any], keys: Mapping[str, Mapping[str, str]]) -> None:
    """Rename in place, in each part of *raw*, the keys that have another name on the other side."""
    for part, each in list(_parts(raw)):
        for old, new in keys.get(part, {}).items():
            if old in each:
                each[new] = each.pop(old)


def _name_kinds(raw: dict[str, Any]) -> None:
    """Name in place the kinds of probes and checks, which format 0 told apart by their keys."""
    for part, each in _parts(raw):
        if part == "health" and each.get("probe"):
            each["probe"]["kind"] = "http" if "path" in each["probe"] else "tcp"
    for check in (raw.get("remembered") or {}).get("checks", ()):
        check["kind"] = "request" if "route" in check else "command"
