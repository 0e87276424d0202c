"""Translates: where a stack's state lies on this host, outside of every checkout."""

from __future__ import annotations

import os
import pwd
import shlex
from dataclasses import dataclass
from pathlib import Path

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
    def proxy(self) -> Path:
        """Return the directory that the proxy mounts; one that exists is never replaced, the mount would go blind."""
        return self.folder / "proxy"

    def prepare(self) -> None:
        """Make what is missing, touch nothing that is there; raise ``Refused`` with the one command that helps."""
        try:
            for folder, mode in ((self.folder, 0o755), (self.proxy, 0o755), (self.releases, 0o700)):
                if not folder.is_dir():
                    folder.mkdir(parents=True, exist_ok=True)
                    folder.chmod(mode)  # whatever the umask says: the proxy may run as another user
        except (PermissionError, FileExistsError, NotADirectoryError) as error:
            raise self._refusal(str(error.filename or self.folder)) from error
        except OSError as error:
            raise Refused(
                f"the state directory {self.folder} can't be prepared: {error.strerror}",
                hint="choose another place with TEAL_HOME",
            ) from error
        for each in (self.folder, self.proxy, self.releases, self.lock, self.journal):
            if each.exists() and not os.access(each, os.W_OK):
                raise self._refusal(str(each))

    def missing(self) -> str:
        """Return the command that prepares this home for the present user, or "" where nothing is needed."""
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
        return Refused(f"{where} is not writable for {user_name()}", hint=f"prepare it once: {self.command()}")
