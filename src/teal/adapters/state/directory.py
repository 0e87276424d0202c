"""Where a stack's state lies on this host, outside of every checkout."""

from __future__ import annotations

import os
import pwd
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from teal.errors import Refused

DEFAULT = "/var/lib/teal"


def user_name() -> str:
    """Return who runs this, by sudo too."""
    if sudo := os.environ.get("SUDO_USER"):
        return sudo
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return str(os.getuid())


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _sudo_uid() -> int:
    """Return who has become root by sudo; 0 for nobody."""
    said = os.environ.get("SUDO_UID", "")
    return int(said) if said.isascii() and said.isdecimal() and len(said) < 12 else 0


class _Doubt(NamedTuple):
    """Why the state directory is not to be trusted, and what to do."""

    message: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Home:
    """The state directory of one project: lock, journal, releases, and the directory that the proxy mounts."""

    root: Path
    project: str

    @property
    def folder(self) -> Path:
        """Return the project's own directory."""
        return self.root / self.project

    @property
    def lock(self) -> Path:
        """Return the file that the lock is on."""
        return self.folder / "lock"

    @property
    def journal(self) -> Path:
        """Return the journal's database."""
        return self.folder / "journal.db"

    @property
    def releases(self) -> Path:
        """Return the directory of the kept releases."""
        return self.folder / "releases"

    @property
    def told(self) -> Path:
        """Return the file that says how far others were told of runs."""
        return self.folder / "told.json"

    @property
    def runs(self) -> Path:
        """Return the directory of the logs of runs."""
        return self.folder / "runs"

    @property
    def reports(self) -> Path:
        """Return the directory of the reports of runs."""
        return self.folder / "reports"

    @property
    def proxy(self) -> Path:
        """Return the directory that the proxy mounts; one that exists is never replaced, the mount would go blind."""
        return self.folder / "proxy"

    @property
    def own_proxy(self) -> Path:
        """Return the directory of the files of Teal's own proxy, which it mounts, too."""
        return self.folder / "own-proxy"

    def prepare(self) -> None:
        """Make what is missing, touch nothing that is there; raise ``Refused`` with the one command that helps."""
        try:
            for folder, mode in ((self.folder, 0o755), (self.proxy, 0o755), (self.releases, 0o700)):
                if not folder.is_dir():
                    folder.mkdir(parents=True, exist_ok=True)
                    folder.chmod(mode)  # whatever the umask says: the proxy may run as another user
        except PermissionError as error:
            raise self._refusal(str(error.filename or self.folder)) from error
        except (FileExistsError, NotADirectoryError) as error:
            hint = "move that file away, or choose another place with TEAL_HOME"
            raise Refused(f"{error.filename or self.folder} is in the way: it is not a directory", hint=hint) from error
        except OSError as error:
            raise Refused(
                f"the state directory {self.folder} can't be prepared: {error.strerror}",
                hint="choose another place with TEAL_HOME",
            ) from error
        self._judge()

    def _judge(self) -> None:
        """Raise ``Refused`` where this user can't write what is there, or somebody else can."""
        for each in (self.folder, self.proxy, self.releases, self.lock, self.journal):
            if each.exists() and not os.access(each, os.W_OK):
                raise self._refusal(str(each))
        for doubt in self._doubts():
            raise Refused(doubt.message, hint=doubt.remedy)

    def _doubts(self) -> Iterator[_Doubt]:
        """Yield why somebody else could decide what is written here, or where: each a reason to refuse."""
        for each in (self.folder, self.proxy, self.releases, self.lock, self.journal):
            quoted = shlex.quote(str(each))
            if each.is_symlink():
                remedy = f"see where it leads: ls -l {quoted}; then replace it with what it leads to"
                yield _Doubt(f"{each} is a symbolic link: Teal does not write through links", remedy)
            elif each.exists() and (found := each.stat()):
                if found.st_mode & 0o002:
                    yield _Doubt(f"everybody may write to {each}", f"run: sudo chmod o-w {quoted}")
                if os.geteuid() == 0 and found.st_uid not in {0, _sudo_uid()}:
                    remedy = f"run teal as that user, or: sudo chown -R root {shlex.quote(str(self.folder))}"
                    yield _Doubt(f"{each} belongs to {_name(found.st_uid)}, who is neither root nor you", remedy)

    def missing(self) -> str:
        """Return the command that prepares this home for the present user, or "" where nothing is needed."""
        for doubt in self._doubts():
            return doubt.remedy
        for each in (self.releases, self.proxy, self.folder, self.lock, self.journal):
            if each.exists() and not os.access(each, os.W_OK):
                return self.command()
        nearest = next(p for p in (self.folder, *self.folder.parents) if p.exists())
        return "" if nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK) else self.command()

    def command(self) -> str:
        """Return the one command that prepares this home; it keeps the inode of what is there."""
        used = (self.releases, self.lock, self.journal)
        if any(each.exists() and not os.access(each, os.W_OK) for each in used):  # another user has deployed before
            return f"sudo chown -R {shlex.quote(user_name())} {shlex.quote(str(self.folder))}"
        folders = " ".join(shlex.quote(str(each)) for each in (self.folder, self.proxy))
        return f"sudo install -d -o {shlex.quote(user_name())} -m 0755 {folders}"

    def _refusal(self, where: str) -> Refused:
        if os.geteuid() == 0:  # no owner or mode keeps root out
            why = f"see why: lsattr -d {shlex.quote(where)}; findmnt -T {shlex.quote(where)}"
            return Refused(f"{where} is not writable, not even for root", hint=why)
        return Refused(f"{where} is not writable for {user_name()}", hint=f"prepare it once: {self.command()}")
