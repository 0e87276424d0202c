"""The kept releases, one folder each, written beside, made durable and renamed into place."""

from __future__ import annotations

import os
import secrets
import shutil
import stat
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path, PurePosixPath

import msgspec

from teal.adapters.durable import sync_folder, write_synced
from teal.adapters.state.release_format import decode, encode
from teal.core.model.release import Release, ReleaseFile, Rendered
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Tree
from teal.core.model.units import ReleaseId
from teal.errors import Refused, Unavailable

_LOG = 64 * 1024  # bytes of a kept log that are read again
_HALF = ".half-"  # begins the name of a folder that is being written or removed


class ReleaseFolders:
    """``releases/N`` with ``release.json``, a rendering for each color, copied ``files`` and last ``logs``."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._notes: list[str] = []

    @property
    def notes(self) -> tuple[str, ...]:
        """Return what a person should know of folders that could not be read."""
        return tuple(dict.fromkeys(self._notes))

    def all(self) -> tuple[Release, ...]:
        """Return the kept releases, oldest first; what can't be read is skipped with a note."""
        found = (self._load(folder) for folder in self._folders())
        return tuple(sorted((each for each in found if each), key=lambda each: each.number))

    def numbers(self) -> tuple[ReleaseId, ...]:
        """Return the numbers of all folders, whether what is in them can be read or not."""
        return tuple(sorted(ReleaseId(int(folder.name)) for folder in self._folders()))

    def keep(self, release: Release, colors: Mapping[Side, Rendered], once: Rendered) -> None:
        """Keep *release* with its renderings and the files that they mount, whole or not at all."""
        files = {file.name: file for rendered in (*colors.values(), once) for file in rendered.files}
        texts = {**{str(side): rendered.text for side, rendered in colors.items()}, "once": once.text}
        self._keep(release.number, {**texts, "release": encode(release).decode()}, files)

    def keep_once(self, number: ReleaseId, once: Rendered) -> None:
        """Keep nothing but one-shots under *number*, whole or not at all; without a record it is no release."""
        self._keep(number, {"once": once.text}, {file.name: file for file in once.files})

    def _keep(self, number: ReleaseId, texts: Mapping[str, str], files: Mapping[str, ReleaseFile]) -> None:
        for path in files:
            if not _inside(path):
                raise Refused(f"{path!r} can't be kept in a release", hint="name it relative to the project directory")
        folder = self._folder(number)
        half = self._root / f"{_HALF}{number}-{secrets.token_hex(4)}"
        try:
            self._sweep()
            _fill(half, texts, files.values())
            if (folder / "logs").is_dir():
                shutil.copytree(folder / "logs", half / "logs", dirs_exist_ok=True)
            self._replace(folder, half)
        except OSError as error:
            shutil.rmtree(half, ignore_errors=True)
            raise Unavailable(
                f"release {number} can't be kept in {self._root}: {error.strerror}",
                hint="make room on the disk or repair its permissions, then run the command again",
            ) from error

    def rendering(self, number: ReleaseId, side: Side) -> str:
        """Return the path of the rendered Compose file."""
        return str(self._folder(number) / f"{side}.json")

    def once(self, number: ReleaseId) -> str:
        """Return the path of the Compose file that holds the release's one-shots."""
        return str(self._folder(number) / "once.json")

    def renderings(self, number: ReleaseId) -> Mapping[str, Tree]:
        """Return the kept renderings, by color and ``once``; raise ``Refused`` where one can't be read."""
        paths = {str(side): self.rendering(number, side) for side in COLORS} | {"once": self.once(number)}
        try:
            return {name: msgspec.json.decode(Path(path).read_bytes(), type=Tree) for name, path in paths.items()}
        except (OSError, ValueError) as error:
            raise Refused(
                f"release {number} can't be read ({_short(error)})", hint="`teal status` lists the kept releases"
            ) from error

    def folder(self, number: ReleaseId) -> str:
        """Return the release's own folder."""
        return str(self._folder(number))

    def drop(self, number: ReleaseId) -> None:
        """Remove a release; one that is not there is gone already."""
        folder = self._folder(number)
        if folder.exists():
            half = self._root / f"{_HALF}{number}-{secrets.token_hex(4)}"
            folder.rename(half)
            sync_folder(self._root)
            shutil.rmtree(half, ignore_errors=True)

    def keep_log(self, number: ReleaseId, service: str, text: str) -> str:
        """Keep the last log of a service that is removed; return the path."""
        logs = self._folder(number) / "logs"
        for folder in (logs.parent, logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = logs / f"{PurePosixPath(service).name}.log"
        write_synced(path, text.encode("utf-8", "replace"), 0o600)
        return str(path)

    def kept_logs(self, number: ReleaseId) -> Mapping[str, str]:
        """Return the end of each log that was kept of a release, by service; one that can't be read is left out."""
        found: dict[str, str] = {}
        for path in sorted((self._folder(number) / "logs").glob("*.log")):
            with suppress(OSError), path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _LOG))
                found[path.stem] = file.read(_LOG).decode("utf-8", "replace")
        return found

    def _folder(self, number: ReleaseId) -> Path:
        return self._root / str(number)

    def _folders(self) -> tuple[Path, ...]:
        try:
            return tuple(each for each in self._root.iterdir() if each.name.isdecimal())
        except FileNotFoundError:
            return ()
        except PermissionError:
            self._notes.append(f"the kept releases in {self._root} are closed to this user")
            return ()
        except OSError as error:
            self._notes.append(f"the kept releases in {self._root} can't be read: {error.strerror}")
            return ()

    def _load(self, folder: Path) -> Release | None:
        """Return the release kept in *folder*; None where there is only a log, or nothing that can be read.

        Raises ``NewerFormat`` where a newer Teal has kept it.
        """
        try:
            path = folder / "release.json"
            release = decode(path.read_bytes(), name=f"the release in {path}")
            if str(release.number) != folder.name:
                raise ValueError(f"it calls itself {release.number}")
            return release
        except FileNotFoundError:
            return None
        except (ValueError, OSError, RecursionError) as error:
            self._notes.append(f"release {folder.name} can't be read and is skipped ({_short(error)})")
            return None

    def _replace(self, folder: Path, half: Path) -> None:
        if folder.exists():
            folder.rename(self._root / f"{_HALF}{folder.name}-{secrets.token_hex(4)}")
        half.rename(folder)
        sync_folder(self._root)
        self._sweep()

    def _sweep(self) -> None:
        """Remove what a killed command left half written or half removed."""
        for half in self._root.glob(f"{_HALF}*"):
            shutil.rmtree(half, ignore_errors=True)


def _fill(half: Path, texts: Mapping[str, str], files: Iterable[ReleaseFile]) -> None:
    half.mkdir(mode=0o700, parents=True)
    (half / "logs").mkdir(mode=0o700)
    for file in files:
        _write_file(half / "files", file)
    for name, text in texts.items():
        write_synced(half / f"{name}.json", text.encode(), 0o600)
    for folder in (*(each for each in half.rglob("*") if each.is_dir()), half):
        sync_folder(folder)


def _write_file(root: Path, file: ReleaseFile) -> None:
    """Write what containers mount, with its own owner and mode; the release's folder closes it to the host's users."""
    target = root / file.name
    for folder in (root, *(root / parent for parent in reversed(PurePosixPath(file.name).parents[:-1]))):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    if file.source:
        source = Path(file.source)
        found = source.stat()
        write_synced(target, source.read_bytes(), 0o600)
        _own(target, found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode))
    else:
        write_synced(target, file.content.encode(), 0o600)
        _own(target, file.uid, file.gid, file.mode)


def _own(path: Path, uid: int, gid: int, mode: int) -> None:
    """Give *path* to a user and group with *mode*; where only root could, everybody may read it instead."""
    try:
        os.chown(path, uid, gid)
    except PermissionError:
        mode |= 0o555 if mode & 0o111 else 0o444
    path.chmod(mode)


def _inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return bool(pure.parts) and not pure.is_absolute() and ".." not in pure.parts and "\0" not in path


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:80] if str(error) else type(error).__name__
