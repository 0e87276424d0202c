"""The global options, as Compose has them: which files, project, environment and profiles are meant."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from teal.errors import ConfigError

_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")  # what Compose takes as a project's name, and folders may be called
_NAME = re.compile(r"^name:[ \t]*[\"']?([^\"'#\s]+)", re.MULTILINE)
_OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)


@dataclass(frozen=True, slots=True)
class Options:
    """Which stack is meant; all empty for the one in *where*."""

    files: tuple[str, ...] = ()
    project: str = ""
    directory: str = ""
    env_files: tuple[str, ...] = ()
    profiles: tuple[str, ...] = ()
    where: str = ""  # the working directory, empty for the process's own

    @property
    def cwd(self) -> Path:
        """Return the directory in which the command was given."""
        return Path(self.where or os.curdir).absolute()


def owner_files(options: Options, environment: dict[str, str]) -> tuple[Path, ...]:
    """Return the Compose files of the stack, as Compose itself finds them, absolute; ConfigError for none."""
    named = options.files or _from_environment(options, environment)
    if named:
        return tuple(_absolute(options, name) for name in named)
    begin = options.cwd / options.directory
    for folder in (begin, *begin.parents):
        main = _first(folder, _NAMES)
        if main:
            override = _first(folder, _OVERRIDES)
            return (main, override) if override else (main,)
    raise ConfigError(
        f"there is no Compose file in {begin} or above it",
        hint="go to the folder with compose.yml, or name the file with -f",
    )


def _absolute(options: Options, name: str) -> Path:
    source = "-f" if options.files else "COMPOSE_FILE, in the environment or in .env"
    if name == "-":
        raise ConfigError("the Compose file can't come from standard input", hint="Teal reads it often: name a file")
    path = (options.cwd / name).absolute()
    try:
        there = "://" in name or path.stat()  # Compose fetches from elsewhere, too
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        reason = "is not there" if missing else f"can't be read: {getattr(error, 'strerror', '') or 'no file name'}"
        raise ConfigError(f"the Compose file {name!r} {reason}", hint=f"check the name: {source}") from error
    assert there
    return path


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _from_environment(options: Options, environment: dict[str, str]) -> tuple[str, ...]:
    """Return the files that COMPOSE_FILE names, in the environment or in a ``.env`` beside the stack."""
    said = environment.get("COMPOSE_FILE") or _dotenv(options, options.cwd / options.directory).get("COMPOSE_FILE", "")
    separator = environment.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
    return tuple(name for name in said.split(separator) if name)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}", hint="make it readable for you") from error


def _dotenv(options: Options, folder: Path) -> dict[str, str]:
    """Return the plain assignments of the ``.env`` files; only names that Teal itself asks are looked up here."""
    paths = [options.cwd / name for name in options.env_files] or [folder / ".env"]
    lines = [line.strip() for path in paths if path.is_file() for line in _text(path).splitlines()]
    pairs = (line.removeprefix("export ").partition("=") for line in lines if "=" in line and not line.startswith("#"))
    return {name.strip(): value.strip().strip("\"'") for name, _, value in pairs}


def variable(options: Options, environment: Mapping[str, str], name: str) -> str:
    """Return the variable *name* as Compose would find it: in the environment, else in the stack's ``.env``."""
    return environment.get(name) or _dotenv(options, owner_files(options, dict(environment))[0].parent).get(name, "")


def directory(options: Options, environment: Mapping[str, str]) -> Path:
    """Return the project directory, absolute."""
    if options.directory:
        return options.cwd / options.directory
    return owner_files(options, dict(environment))[0].parent


def project_name(options: Options, environment: Mapping[str, str]) -> str:
    """Return the project's name by Compose's own order, "" where only Compose itself can tell it."""
    said = options.project or variable(options, environment, "COMPOSE_PROJECT_NAME")
    if said:
        return said if PROJECT.fullmatch(said) else ""  # a folder is called so: no way out of it
    files = owner_files(options, dict(environment))
    found = [name for file in files for name in _NAME.findall(_text(file))]
    if found:
        return found[-1] if PROJECT.fullmatch(found[-1]) else ""
    return re.sub(r"[^a-z0-9_-]", "", files[0].parent.name.lower()).lstrip("_-")


def overlay(files: tuple[Path, ...], color: str) -> Path | None:
    """Return ``compose.blue.yml`` (for blue) beside the stack's first file, None where there is none."""
    first = files[0]
    stems = dict.fromkeys((first.stem, "compose", "docker-compose"))
    return _first(first.parent, tuple(f"{stem}.{color}{end}" for stem in stems for end in (".yml", ".yaml")))
