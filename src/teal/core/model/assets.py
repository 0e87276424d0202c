"""Files of older releases that stay served: which of an image's are kept, where they lie, and for how long.

- A page of an older release asks for files that only that release has. The proxy serves them where the application
  answers 404, or with its one page; it never touches what the application has.
- Only names with a hash in them are kept unless the owner says otherwise: another name may mean another content.
- What the image holds besides plain files (links, devices) is left out, and so is what leads out of its folder.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from teal.core.model.units import Moment, ReleaseId

KEPT_RELEASES = 5
KEPT_SECONDS = 14 * 24 * 3600.0
KEPT_BYTES = 500_000_000
MOST_FILES = 20_000  # of one release
_TOKEN = re.compile(r"[A-Za-z0-9]{8,}")
_LAST = re.compile(r"[-.]([A-Za-z0-9_-]{8})\.\w+$")  # of a name that a bundler has made, in base64url


@dataclass(frozen=True, slots=True)
class Assets:
    """Files that users of *service* find below *url*, and its image at *path*."""

    service: str
    url: str  # begins and ends with a slash
    path: str  # absolute
    everything: bool = False  # names without a hash, too


@dataclass(frozen=True, slots=True)
class KeptAssets:
    """What came of one copy: files that are kept for the release, and those of them that no older one had alike."""

    files: int = 0
    new: int = 0
    bytes: int = 0  # of the new ones
    cut: bool = False  # the image has more than are kept


def is_hashed(path: str) -> bool:
    """Tell whether the name of a file, or of a folder above it, has a hash in it, so that it never changes."""
    return any(map(_has_hash, path.split("/")))


def _has_hash(name: str) -> bool:
    tokens = _TOKEN.findall(name)
    if last := _LAST.search(name):
        tokens.append(last[1])
    return any(map(_reads_as_hash, tokens))


def _reads_as_hash(token: str) -> bool:
    """Tell a hash from a word: a digit among letters, all hexadecimal, or capitals in its midst."""
    digits = sum(each.isdigit() for each in token)
    capitals = sum(each.isupper() for each in token[1:])
    return (digits > 0 and not token.isalpha()) or (capitals > 1 and not token.isupper())


def place_of(name: str) -> str:
    """Return where the entry *name* of an archive belongs, below the folder that was copied; "" for nowhere."""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    if ".." in parts or not parts or "\0" in name:
        return ""
    return "/".join(parts)


@dataclass(frozen=True, slots=True)
class KeptRelease:
    """A release whose files are kept: when they were, and how much disk only it and newer ones need."""

    number: ReleaseId
    kept: Moment
    bytes: int


def expired(releases: Iterable[KeptRelease], now: Moment) -> tuple[ReleaseId, ...]:
    """Return the releases whose files go: old in number and time, or too much. The newest one stays."""
    newest_first = sorted(releases, key=lambda each: (each.kept, each.number), reverse=True)
    gone, total = [], 0
    for place, each in enumerate(newest_first):
        total += each.bytes
        old = place >= KEPT_RELEASES and now - each.kept > KEPT_SECONDS
        if place and (old or total > KEPT_BYTES):
            gone.append(each.number)
    return tuple(sorted(gone))
