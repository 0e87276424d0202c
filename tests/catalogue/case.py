"""A mistake that people make: what they wrote and typed, and what Teal must say; one file each."""

from __future__ import annotations

import os
import shlex
import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
from ruamel.yaml import YAML

from teal.adapters.state.directory import user_name
from teal.adapters.state.lock import FileLock
from tests.catalogue.relay import relayed

FOLDER = Path(__file__).parent
TEAL = Path(sys.executable).parent / "teal"
SOCKET = "/var/run/docker.sock"
_ORDINARY = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search")  # root, but no longer above modes
_SNIPPET = FOLDER.parents[1] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"
_CADDYFILE = "import teal.caddy\n\n:80 {\n\timport teal web 3000\n}\n"


@dataclass(frozen=True)
class Case:
    """*run* is typed in a folder that holds a sound stack, but for *files*; it ends with *status* and *says* that."""

    why: str
    run: str
    files: Mapping[str, str | None] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    encoding: str = "utf-8"
    user: str = ""  # ordinary: one whom modes bind
    socket: str = ""  # closed: nobody may use the engine's socket
    home: str = ""  # open: everybody may write to the state directory; closed: nobody may
    lock: str = ""  # held: another command is at work
    status: int = 0
    says: str = ""


def cases() -> list[str]:
    """Return the names of all cases."""
    return sorted(path.stem for path in FOLDER.glob("*.yml"))


def read(name: str) -> Case:
    """Return the case of that name."""
    return msgspec.convert(YAML(typ="safe").load((FOLDER / f"{name}.yml").read_text(encoding="utf-8")), Case)


@dataclass(frozen=True)
class Ended:
    """How the command ended, with what differs from machine to machine spelt out as a word."""

    status: int
    out: str
    err: str


def run(case: Case, root: Path, project: str) -> Ended:
    """Type the command of *case* in a new folder below *root*."""
    folder, home = root / "shop", root / "state"
    write(case, folder, home)
    environment = {
        **{name: os.environ[name] for name in ("PATH",) if name in os.environ},
        "HOME": str(root),
        "TEAL_HOME": str(home),
        "COMPOSE_PROJECT_NAME": project,
        **{name: value.replace("{folder}", str(folder)) for name, value in case.environment.items()},
    }
    with ExitStack() as around:
        environment |= around.enter_context(_circumstances(case, root, home / project))
        before = _seen(root)
        ended = subprocess.run(
            [*(_ORDINARY if case.user and os.geteuid() == 0 else ()), TEAL, *shlex.split(case.run)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        changed = _seen(root) - before
        bugs = [Path(path).read_text() for path, _ in changed if "teal-bug" in path]
        assert not changed, f"something was changed: {changed}\n{bugs}"
    words = {str(folder): "FOLDER", str(home): "HOME", str(root): "ROOT", project: "PROJECT", **_here()}
    return Ended(ended.returncode, _spelt(ended.stdout, words), _spelt(ended.stderr, words))


def _here() -> dict[str, str]:
    """Return what this machine and user are called in messages."""
    user, host = user_name(), socket.gethostname()
    return {
        f"for {user}": "for USER",
        f"-o {user} ": "-o USER ",
        f"by {user}@{host}": "by USER@HERE",
        f"pid {os.getpid()}": "pid N",
    }


def _spelt(said: str, words: Mapping[str, str]) -> str:
    for found, word in words.items():
        said = said.replace(found, word)
    return said


def write(case: Case, folder: Path, home: Path) -> None:
    folder.mkdir()
    home.mkdir(mode=0o755)
    sound = {"compose.yml": _SOUND, "Caddyfile": _CADDYFILE, "teal.caddy": _SNIPPET.read_text(encoding="utf-8")}
    for name, content in {**sound, **case.files}.items():
        if content is not None:
            (folder / name).write_bytes(content.encode(case.encoding))


@contextmanager
def _circumstances(case: Case, root: Path, home: Path) -> Iterator[Mapping[str, str]]:
    """Bring about what *case* asks for beside its files; yield what it adds to the environment."""
    with ExitStack() as around:
        added = {}
        if case.socket:
            added["DOCKER_HOST"] = f"unix://{around.enter_context(relayed(root / 'docker.sock', SOCKET, 0))}"
        if case.lock or case.home == "open":
            for path in (home, home / "proxy", home / "releases"):
                path.mkdir()
        if case.home:
            (home.parent if case.home == "closed" else home).chmod(0o555 if case.home == "closed" else 0o777)
        if case.lock:
            around.enter_context(FileLock(home / "lock", now=lambda: 0.0).hold("deploy"))
        yield added


def _seen(root: Path) -> set[tuple[str, int]]:
    """Return every file with its size, but for what docker itself and a lock leave."""
    files = (path for path in root.rglob("*") if path.is_file() and not {".docker", "lock"} & {*path.parts})
    return {(str(path), path.lstat().st_size) for path in files}


_SOUND = """\
services:
  web:
    image: python:3.13-slim
    expose: ["3000"]
    restart: unless-stopped
    healthcheck: {test: [CMD, "true"]}
  db:
    image: redis:8
  proxy:
    image: caddy:2.11
    volumes:
      - ./Caddyfile:/etc/caddy/Caddyfile:ro
      - ./teal.caddy:/etc/caddy/teal.caddy:ro
      - ${TEAL_HOME}/${COMPOSE_PROJECT_NAME}/proxy:/etc/teal:ro
"""
