"""The global options, as Compose has them: which files, project, environment and profiles are meant.

Finds the services that a file names, and the line on which each begins, without reading it as YAML: that is slow.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from teal.config.dotenv import PROJECT_NAME, read
from teal.config.options import Options
from teal.core.model.compose import mapping, text
from teal.errors import ConfigError
from teal.ports import ModelReader

TEAL_YML = ("teal.yml", "teal.yaml")
_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
PROJECT = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")  # what Compose takes as a project's name, and folders may be called
_NAME = re.compile(r"^name:[ \t]*[\"']?([^\"'#\s]+)", re.MULTILINE)
_ODD = re.compile(r"^(?:[{\"']|<<|\? |name[ \t]+:|name:[ \t]*$)", re.MULTILINE)  # a name may be written otherwise
_VARIABLE = re.compile(r"(?<!\$)\$\{?([A-Za-z_]\w*)")
_TRUE = {"1", "t", "T", "TRUE", "true", "True"}
_OVERRIDES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)


@dataclass(frozen=True, slots=True)
class FoundStack:
    """Where the stack lies, as Compose finds it, and what it then knows of the variables that Teal heeds."""

    files: tuple[Path, ...]  # the owner's Compose files, absolute
    directory: Path  # the project directory, absolute
    variables: Mapping[str, str]


HEEDED = ("COMPOSE_FILE", "COMPOSE_PATH_SEPARATOR", PROJECT_NAME, "TEAL_HOME")


def find(options: Options, environment: Mapping[str, str], reader: ModelReader) -> FoundStack:
    """Return what *options* and *environment* mean, by Compose's own order; ``ConfigError`` for no Compose file.

    The environment beats ``.env``. That is read beside the first file of ``-f`` or else where the command was given,
    and again beside the first Compose file, once that is known: the first to set a variable wins. *reader* is asked for
    what isn't written plainly there.
    """
    explicit = _env_files(options, environment)
    begin = _directory(options, options.files) or options.cwd
    known = _with_dotenv(options, environment, reader, explicit, begin)
    files = _files(options, known, begin)
    directory = _directory(options, tuple(map(str, files))) or options.cwd
    if not explicit and directory != begin:
        known = _with_dotenv(options, known, reader, (), directory, before=begin)
    return FoundStack(files, directory, {name: known[name] for name in HEEDED if name in known})


def _directory(options: Options, files: Sequence[str]) -> Path | None:
    """Return the project directory as far as option and *files* tell it: what lies elsewhere has none."""
    if options.directory:
        return _clean(options.cwd / options.directory)
    first = next((file for file in files if file != "-"), "")
    return _clean(options.cwd / first).parent if first and "://" not in first else None


def _clean(path: Path) -> Path:
    """Return *path* without ``..``, as Compose writes it: links are not followed."""
    return Path(os.path.normpath(path))


def _env_files(options: Options, environment: Mapping[str, str]) -> tuple[Path, ...]:
    named = options.env_files or tuple(filter(None, environment.get("COMPOSE_ENV_FILES", "").split(",")))
    return tuple(_clean(options.cwd / name) for name in named)


def _with_dotenv(
    options: Options,
    known: Mapping[str, str],
    reader: ModelReader,
    explicit: tuple[Path, ...],
    directory: Path,
    *,
    before: Path | None = None,
) -> dict[str, str]:
    """Return *known* and what the *explicit* files, or else the ``.env`` in *directory*, add to it.

    That one may refer to the ``.env`` in the directory *before*, which was read already.
    """
    if not explicit and known.get("COMPOSE_DISABLE_ENV_FILE", "") in _TRUE:
        return dict(known)
    files = explicit or _dotenv(directory)
    earlier = _dotenv(before) if before else ()
    found = read(files, HEEDED, known, reader, where=(options.cwd, directory), before=earlier) if files else {}
    return {**found, **known}


def _dotenv(directory: Path) -> tuple[Path, ...]:
    return (file,) if (file := directory / ".env").is_file() else ()


def _files(options: Options, known: Mapping[str, str], begin: Path) -> tuple[Path, ...]:
    """Return the Compose files that are named, else the usual ones in *begin* or above it."""
    if options.files:
        return tuple(_absolute(options, name) for name in options.files)
    if "COMPOSE_FILE" in known:
        separator = known.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
        return tuple(_absolute(options, name) for name in known["COMPOSE_FILE"].split(separator))
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
        raise ConfigError(
            "the Compose file can't come from standard input", hint="Teal reads it more than once: name a file"
        )
    if not name:
        raise ConfigError(f"a Compose file without a name: {source}", hint="name all files, or set nothing")
    path = options.cwd / name if "://" in name else _clean(options.cwd / name)
    try:
        there = "://" in name or path.stat()  # Compose fetches from elsewhere, too
    except (OSError, ValueError) as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError)
        reason = "is not there" if missing else f"can't be read: {getattr(error, 'strerror', '') or 'no file name'}"
        raise ConfigError(f"the Compose file {name!r} {reason}", hint=f"check the name: {source}") from error
    assert there
    return path


def owner_files(options: Options, environment: Mapping[str, str], reader: ModelReader) -> tuple[Path, ...]:
    """Return the Compose files of the stack, as Compose itself finds them, absolute; ``ConfigError`` for none."""
    return find(options, environment, reader).files


def _first(folder: Path, names: tuple[str, ...]) -> Path | None:
    return next((folder / name for name in names if (folder / name).is_file()), None)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(f"{path} can't be read: {error.strerror}", hint="make it readable for you") from error


def project_name(options: Options, environment: Mapping[str, str], reader: ModelReader) -> str:
    """Return the project's name by Compose's own order, "" where only Compose itself can tell it."""
    found = find(options, environment, reader)
    said = options.project or found.variables.get(PROJECT_NAME, "")
    if said:
        return said if PROJECT.fullmatch(said) else ""  # a folder is called so: no way out of it
    texts = [_text(file) for file in found.files]
    if any(_ODD.search(text) for text in texts):
        return ""
    names = [name for text in texts for name in _NAME.findall(text)]
    if names:
        return names[-1] if PROJECT.fullmatch(names[-1]) else ""
    return re.sub(r"[^a-z0-9_-]", "", found.directory.name.lower()).lstrip("_-")


def overlay(files: tuple[Path, ...], color: str) -> Path | None:
    """Return ``compose.blue.yml`` (for blue) beside the stack's first file, None where there is none."""
    first = files[0]
    stems = dict.fromkeys((first.stem, "compose", "docker-compose"))
    return _first(first.parent, tuple(f"{stem}.{color}{end}" for stem in stems for end in (".yml", ".yaml")))


_KEY = re.compile(r"(\s+)[\"']?([\w.-]+)[\"']?\s*:")


def places(files: Iterable[Path]) -> dict[str, str]:
    """Return service -> ``compose.yml:12``; the first file that has it counts, included ones aren't looked into."""
    found: dict[str, str] = {}
    for file in files:
        for line, name in _services(_lines(file)):
            found.setdefault(name, f"{file.name}:{line}")
    return found


def mentioned(files: Iterable[Path]) -> dict[str, str]:
    """Return variable -> ``compose.yml:12``, where *files* name it first; included ones are not looked into."""
    found: dict[str, str] = {}
    for file in files:
        for number, line in enumerate(file.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            for name in _VARIABLE.findall(line):
                found.setdefault(name, f"{file.name}:{number}")
    return found


def named_in(file: Path) -> frozenset[str]:
    """Return the services that *file* names; a YAML reader is asked only for what isn't written line by line."""
    found = frozenset(name for _, name in _services(_lines(file)))
    if found:
        return found
    from teal.config.strict_yaml import read_yaml

    return frozenset(map(text, mapping(mapping(read_yaml(file)).get("services"))))


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _services(lines: Iterable[str]) -> Iterator[tuple[int, str]]:
    """Yield (line from 1, name) of each key directly below ``services:``."""
    inside, indent = False, ""
    for number, line in enumerate(lines, 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if not line[0].isspace():
            inside, indent = line.startswith("services:"), ""
        elif inside:
            indent = indent or line[: len(line) - len(line.lstrip())]
            found = _KEY.match(line)
            if found and found[1] == indent:
                yield number, found[2]
