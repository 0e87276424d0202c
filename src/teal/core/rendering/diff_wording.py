"""What differs between two releases, in words."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from teal.core.rendering.diff import Change, Difference, How, What

_MARKS: Mapping[How, str] = {"added": "+", "removed": "-", "changed": "~"}
_MANY: Mapping[What, str] = {
    "image": "image",
    "variable": "variables",
    "secret": "secrets",
    "config": "configs",
    "file": "files",
    "port": "ports",
    "mount": "mounts",
    "command": "command",
    "limit": "limits",
    "healthcheck": "healthcheck",
    "label": "labels",
    "extra-host": "extra_hosts",
    "user": "user",
    "network": "networks",
    "option": "other keys",
    "migrations": "migrations",
    "role": "role",
}
_FEW = 4  # keys of one kind that a short line names


def in_short(found: Difference) -> str:
    """Return what differs on one line."""
    said = [f"{name or 'stack'}: {', '.join(_shortly(changes))}" for name, changes in _by_service(found).items()]
    return "; ".join(said) or "nothing differs"


def services(found: Difference) -> dict[str, tuple[str, ...]]:
    """Return the lines of each service, "" for the stack as a whole."""
    return {name: tuple(_lines(changes)) for name, changes in _by_service(found).items()}


def _by_service(found: Difference) -> dict[str, list[Change]]:
    grouped: dict[str, list[Change]] = {}
    for each in found.changes:
        grouped.setdefault(each.service, []).append(each)
    return grouped


def _by_what(changes: Iterable[Change]) -> dict[What, list[Change]]:
    grouped: dict[What, list[Change]] = {}
    for each in changes:
        grouped.setdefault(each.what, []).append(each)
    return grouped


def _shortly(changes: Iterable[Change]) -> Iterator[str]:
    for what, found in _by_what(changes).items():
        if what == "service":
            yield _came(found[0])
            continue
        keys = [_key(each) for each in found if each.key]
        more = f" and {len(keys) - _FEW} more" if len(keys) > _FEW + 1 else ""
        named = " ".join(keys[:_FEW] if more else keys)
        gone = " gone" if not keys and found[0].how == "removed" else ""
        yield f"{_MANY[what]}{' ' if named else ''}{named}{more}{gone}"


def _lines(changes: Iterable[Change]) -> Iterator[str]:
    for what, found in _by_what(changes).items():
        if what == "service":
            yield _came(found[0])
            continue
        plain = [each for each in found if not (each.before or each.after)]
        if plain:
            yield f"{_MANY[what]} {', '.join(_key(each) if each.key else each.how for each in plain)}"
        for each in found:
            if each.before or each.after:
                key = f" {each.key}" if each.key else ""
                yield f"{_MANY[what]}{key}: {each.before or 'none'} → {each.after or 'none'}"


def _key(change: Change) -> str:
    return f"{_MARKS[change.how]}{change.key}"


def _came(change: Change) -> str:
    return f"new ({change.after})" if change.how == "added" else f"gone (was {change.before})"
