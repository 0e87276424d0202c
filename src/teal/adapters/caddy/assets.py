"""Files of older releases, laid out below the proxy's directory as users ask for them, by URL.

- ``assets/ROUTE/…`` is what the proxy serves: of each path the newest file.
- ``assets/.kept/RELEASE/ROUTE/…`` are the files of each release. Both are names of the same files (hard links), so that
  a file which ten releases have alike lies on disk once; what no release has any more is removed from what is served.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import stat
import tarfile
from collections.abc import AsyncIterator, Iterator
from contextlib import suppress
from filecmp import cmp
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from teal.core.model.assets import (
    KEPT_BYTES,
    MOST_FILES,
    Assets,
    KeptAssets,
    KeptRelease,
    expired,
    is_hashed,
    place_of,
)
from teal.core.model.units import Moment, ReleaseId
from teal.errors import Unavailable

_KEPT = ".kept"
_LONGEST = 240  # bytes of a name in a folder


class AssetStore:
    """The folder ``assets`` below the directory that the proxy mounts."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / "assets"

    async def keep(self, release: ReleaseId, assets: Assets, archive: AsyncIterator[bytes]) -> KeptAssets:
        """Keep what *archive* (a tar of the image's folder) holds of *assets* for *release*; whole, or not at all."""
        with TemporaryFile() as spool:
            room = KEPT_BYTES * 2  # as much as is read of an image
            async for piece in archive:
                room -= len(piece)
                if room < 0:
                    break
                spool.write(piece)
            spool.seek(0)
            try:
                return await asyncio.to_thread(self._unpack, release, assets, spool)
            except (OSError, tarfile.TarError) as error:
                raise Unavailable(
                    f"the files of {assets.service} below {assets.path} can't be kept: {error}",
                    hint="pages that are open now may miss files of their release",
                ) from error

    def prune(self, now: Moment) -> tuple[ReleaseId, ...]:
        """Forget releases whose time is over, and remove the files that none of the others has; return them."""
        gone = expired(self._releases(), now)
        for number in gone:
            shutil.rmtree(self._folder / _KEPT / str(number), ignore_errors=True)
        if gone:
            self._sweep()
        return gone

    def _unpack(self, release: ReleaseId, assets: Assets, spool: IO[bytes]) -> KeptAssets:
        place = f"{assets.service}/{assets.url.strip('/')}".rstrip("/")
        kept, served = self._folder / _KEPT / str(release) / place, self._folder / place
        folders: set[Path] = set()  # that are there
        files = new = size = 0
        cut = False
        with suppress(tarfile.ReadError), tarfile.open(fileobj=spool, mode="r|") as archive:
            for member in archive:
                name = place_of(member.name)
                wanted = name and member.isreg() and (assets.everything or is_hashed(name))
                if not wanted or any(len(part.encode()) > _LONGEST for part in name.split("/")):
                    continue
                if files >= MOST_FILES or size + member.size > KEPT_BYTES:
                    cut = True
                    break
                content = archive.extractfile(member)
                if content is not None:
                    files += 1
                    for folder in ((kept / name).parent, (served / name).parent):
                        if folder not in folders:
                            folder.mkdir(mode=0o755, parents=True, exist_ok=True)
                            folders.add(folder)
                    added = _put(content, member.size, kept / name, served / name)
                    new += added
                    size += member.size * added
        return KeptAssets(files, new, size, cut)

    def _releases(self) -> Iterator[KeptRelease]:
        """Yield the kept releases; a file that several have counts for the newest."""
        seen: set[int] = set()
        folders = [each for each in _listed(self._folder / _KEPT) if each.name.isdecimal()]
        for folder in sorted(folders, key=lambda each: int(each.name), reverse=True):
            sizes = 0
            for file in _files(folder):
                found = file.stat()
                if found.st_ino not in seen:
                    seen.add(found.st_ino)
                    sizes += found.st_size
            yield KeptRelease(ReleaseId(int(folder.name)), Moment(folder.stat().st_mtime), sizes)

    def _sweep(self) -> None:
        """Remove served files that are no release's any more, and the folders that are empty then."""
        for folder in _listed(self._folder):
            if folder.name == _KEPT:
                continue
            for file in _files(folder):
                if file.stat().st_nlink == 1:
                    file.unlink()
            for below in sorted((each for each in folder.rglob("*") if each.is_dir()), reverse=True):
                with suppress(OSError):
                    below.rmdir()


def _put(content: IO[bytes], size: int, kept: Path, served: Path) -> bool:
    """Write a file of a release and serve it; tell whether it is a new one: the same that is served is not copied."""
    kept.unlink(missing_ok=True)  # of a copy that was killed; it may be what is served, which is never written to
    fd = os.open(kept, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
    with os.fdopen(fd, "wb", 0) as file:
        shutil.copyfileobj(content, file, 1024 * 1024)
        os.fchmod(fd, 0o644)  # the proxy may run as another user
    try:
        os.link(kept, served)
    except FileExistsError:
        return _put_over(size, kept, served)
    return True


def _put_over(size: int, kept: Path, served: Path) -> bool:
    """Do the same where something is served there already; in one rename, so that nobody finds less than a file."""
    found = served.lstat()
    if stat.S_ISREG(found.st_mode) and found.st_size == size and cmp(kept, served, shallow=False):
        kept.unlink()
        os.link(served, kept)
        return False
    if stat.S_ISDIR(found.st_mode):
        shutil.rmtree(served)
    beside = served.with_name(".new")
    beside.unlink(missing_ok=True)
    os.link(kept, beside)
    beside.replace(served)
    return True


def _is_file(path: Path) -> bool:
    try:
        return stat.S_ISREG(path.lstat().st_mode)
    except OSError:
        return False


def _listed(folder: Path) -> list[Path]:
    try:
        return [each for each in folder.iterdir() if each.is_dir()]
    except OSError:
        return []


def _files(folder: Path) -> Iterator[Path]:
    return (each for each in folder.rglob("*") if _is_file(each))
