"""What the command line says of the stack, as values: which files are meant, and how long things may take.

Nothing heavy is imported here: `teal help` needs these types and no configuration.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from teal.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Options:
    """The options that stand before the command, as Compose has them; all empty for the stack in *where*."""

    files: tuple[str, ...] = ()
    project: str = ""
    directory: str = ""
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    where: str = ""  # the working directory, empty for the process's own

    @property
    def cwd(self) -> Path:
        """Return the directory in which the command was given."""
        try:
            return Path(self.where or os.curdir).absolute()
        except FileNotFoundError as error:
            raise ConfigError("the folder in which this was typed is gone", hint="go to the stack's folder") from error

    def words(self) -> tuple[str, ...]:
        """Return them as Compose's own command line has them."""
        named = (("--project-name", self.project), ("--project-directory", self.directory))
        listed = (("--file", self.files), ("--env-file", self.env_files), ("--profile", self.profiles))
        return (
            *(word for name, value in named if value for word in (name, value)),
            *(word for name, values in listed for value in values for word in (name, value)),
        )


@dataclass(frozen=True, slots=True)
class Overrides:
    """The durations given as options, as written; empty leaves them to environment and ``teal.yml``."""

    health_timeout: str = ""
    health_interval: str = ""
    drain_timeout: str = ""
    bake: str = ""
    canary: str = ""
