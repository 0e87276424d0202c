"""Translates: the kept releases, one folder each, written beside, made durable and renamed into place."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
from pathlib import Path, PurePosixPath

import msgspec

from teal.adapters.values import from_json
from teal.core.release import Release
from teal.core.side import Side
from teal.core.stack import Tree
from teal.errors import Refused, Unavailable
from teal.ports import Kept

_HALF = ".half-"  # begins the name of a folder that is being written or removed
# Compose reads JSON as YAML, which knows neither these characters as they are nor surrogate pairs.
_NOT_IN_YAML = re.compile("[\u007f-\u009f\u2028\u2029\ufeff]")


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
        """Return the kept releases, oldest first; what can't be read is passed over with a note."""
        found = (self._load(folder) for folder in self._folders())
        return tuple(sorted((each for each in found if each), key=lambda each: each.number))

    def keep(self, release: Release, kept: Kept) -> None:
        """Keep *release* with its renderings and files, whole or not at all."""
        for path in (*kept.written, *kept.copied):
            if not _inside(path):
                raise Refused(f"{path!r} can't be kept in a release", hint="name it relative to the project directory")
        folder = self._folder(release.number)
        half = self._root / f"{_HALF}{release.number}-{secrets.token_hex(4)}"
        try:
            self._sweep()
            _fill(half, release, kept)
            if (folder / "logs").is_dir():
                shutil.copytree(folder / "logs", half / "logs", dirs_exist_ok=True)
            self._replace(folder, half)
        except OSError as error:
            shutil.rmtree(half, ignore_errors=True)
            raise Unavailable(
                f"release {release.number} can't be kept in {self._root}: {error}",
                hint="make room on the disk or repair the permissions, then run the command again",
            ) from error

    def rendering(self, number: int, side: Side) -> str:
        """Return the path of the rendered Compose file."""
        return str(self._folder(number) / f"{side}.json")

    def once(self, number: int) -> str:
        """Return the path of the Compose file that holds the release's one-shots."""
        return str(self._folder(number) / "once.json")

    def folder(self, number: int) -> str:
        """Return the release's own folder."""
        return str(self._folder(number))

    def drop(self, number: int) -> None:
        """Remove a release; one that is not there is gone already."""
        folder = self._folder(number)
        if folder.exists():
            half = self._root / f"{_HALF}{number}-{secrets.token_hex(4)}"
            folder.rename(half)
            _sync(self._root)
            shutil.rmtree(half, ignore_errors=True)

    def keep_log(self, number: int, service: str, text: str) -> str:
        """Keep the last log of a service that is removed; return the path."""
        logs = self._folder(number) / "logs"
        for folder in (logs.parent, logs):
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = logs / f"{PurePosixPath(service).name}.log"
        _write(path, text.encode("utf-8", "replace"), 0o600)
        return str(path)

    def _folder(self, number: int) -> Path:
        return self._root / str(number)

    def _folders(self) -> tuple[Path, ...]:
        try:
            return tuple(each for each in self._root.iterdir() if each.name.isdecimal())
        except FileNotFoundError:
            return ()
        except PermissionError:
            self._notes.append(f"the kept releases in {self._root} are closed to this user")
            return ()

    def _load(self, folder: Path) -> Release | None:
        """Return the release kept in *folder*; None where there is only a log, or nothing that can be read."""
        try:
            text = (folder / "release.json").read_bytes()
            release = from_json(json.loads(text), Release)
            if str(release.number) != folder.name:
                raise ValueError(f"it calls itself {release.number}")
            return release
        except FileNotFoundError:
            return None
        except (ValueError, OSError, RecursionError) as error:
            self._notes.append(f"release {folder.name} can't be read and is passed over ({_short(error)})")
            return None

    def _replace(self, folder: Path, half: Path) -> None:
        if folder.exists():
            folder.rename(self._root / f"{_HALF}{folder.name}-{secrets.token_hex(4)}")
        half.rename(folder)
        _sync(self._root)
        self._sweep()

    def _sweep(self) -> None:
        """Remove what a killed command left half written or half removed."""
        for half in self._root.glob(f"{_HALF}*"):
            shutil.rmtree(half, ignore_errors=True)


def _fill(half: Path, release: Release, kept: Kept) -> None:
    half.mkdir(mode=0o700, parents=True)
    (half / "logs").mkdir(mode=0o700)
    for path, content in kept.written.items():
        _write_mounted(half / "files", PurePosixPath(path), content, 0o444)
    for path, source in kept.copied.items():
        mode = 0o555 if Path(source).stat().st_mode & 0o111 else 0o444
        _write_mounted(half / "files", PurePosixPath(path), Path(source).read_bytes(), mode)
    for name, tree in (*kept.renderings.items(), *([("once", kept.once)] if kept.once else [])):
        _write(half / f"{name}.json", as_compose_json(tree).encode(), 0o600)
    _write(half / "release.json", msgspec.json.format(msgspec.json.encode(release), indent=1) + b"\n", 0o600)
    for folder in (*(each for each in half.rglob("*") if each.is_dir()), half):
        _sync(folder)


def _write_mounted(root: Path, path: PurePosixPath, content: bytes, mode: int) -> None:
    """Write what containers mount: any user inside them may read it; the release's folder closes it to the host's."""
    target = root / path
    for folder in (root, *(root / parent for parent in reversed(path.parents[:-1]))):
        folder.mkdir(exist_ok=True)
        folder.chmod(0o755)
    _write(target, content, mode)


def as_compose_json(tree: Tree) -> str:
    """Return *tree* as JSON that Compose, which reads it as YAML, understands too."""
    text = json.dumps(tree, ensure_ascii=False, indent=1)
    return _NOT_IN_YAML.sub(lambda match: f"\\u{ord(match[0]):04x}", text) + "\n"


def _inside(path: str) -> bool:
    pure = PurePosixPath(path)
    return bool(pure.parts) and not pure.is_absolute() and ".." not in pure.parts and "\0" not in path


def _write(path: Path, content: bytes, mode: int) -> None:
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(content)
        file.flush()
        os.fchmod(fd, mode)
        os.fsync(fd)


def _sync(folder: Path) -> None:
    fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(fd)
    finally:
        os.close(fd)


def _short(error: Exception) -> str:
    return str(error).splitlines()[0][:80] if str(error) else type(error).__name__
