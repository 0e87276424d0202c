"""What the stack holds at one moment: on the engine, on the disk, in the processes that live long."""

import http.client
import json
import os
import socket
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from proof.managed import Managed
from proof.soak.library import Library, held_by
from teal.adapters.engine.context import socket_path

PROJECT = "com.docker.compose.project"
ESTABLISHED = "01"  # as the kernel's table has it
PID_FILE = Path("/var/run/docker.pid")


@dataclass(frozen=True, slots=True)
class Holdings:
    """Counts, and bytes; None for what this user may not see."""

    round: int
    containers: int
    networks: int
    volumes: int
    images: int
    tags: int
    releases: int
    state_files: int
    state_bytes: int
    told: int  # logs and reports of runs, which go with the journal's
    journal_runs: int
    journal_bytes: int
    proxy_fds: int | None  # without users' own connections
    proxy_memory: int | None
    library_fds: int
    library_memory: int
    library_threads: int
    engine_fds: int | None


class Looking:
    """Looks at the stack by the engine's own API; it remembers the volumes without a name that it has seen."""

    def __init__(self, stack: Managed, library: Library) -> None:
        self._stack, self._library = stack, library
        self._volumes: set[str] = set()
        self._proxy = 0
        self._engine = _engine()

    def look(self, number: int) -> Holdings:
        """Return what the stack holds after round *number*."""
        containers = [each for each in asked("/containers/json?all=1") if self._ours(each)]
        networks = [each for each in asked("/networks") if self._ours(each)]
        images = asked(f"/images/json?filters={quote(json.dumps({'label': [f'teal.soak={self._stack.project}']}))}")
        proxy, engine = held_by(self._proxy_of(containers)), held_by(self._engine)
        home = Path(self._stack.home) / self._stack.project
        every = [each for each in home.rglob("*") if each.is_file() and not each.name.startswith("journal")]
        told = [each for each in every if each.parent.name in {"runs", "reports"}]
        files = [each for each in every if each not in told]
        return Holdings(
            round=number,
            containers=len(containers),
            networks=len(networks),
            volumes=len(self._there(containers)),
            images=len(images),
            tags=sum(tag.startswith(self._names) for each in asked("/images/json") for tag in each["RepoTags"] or ()),
            releases=sum(each.name.isdecimal() for each in (home / "releases").iterdir()),
            state_files=len(files),
            state_bytes=sum(each.stat().st_size for each in files),
            told=len(told),
            journal_runs=_runs(home / "journal.db"),
            journal_bytes=sum(each.stat().st_size for each in home.glob("journal*")),
            proxy_fds=proxy.fds - _visitors(self._proxy) if proxy else None,
            proxy_memory=proxy.memory if proxy else None,
            library_fds=self._library.held.fds,
            library_memory=self._library.held.memory,
            library_threads=self._library.held.threads,
            engine_fds=engine.fds if engine else None,
        )

    @property
    def _names(self) -> tuple[str, ...]:
        return (f"{self._stack.project}-", f"teal/{self._stack.project}/")

    def _ours(self, thing: dict[str, Any]) -> bool:
        project = (thing["Labels"] or {}).get(PROJECT, "")
        return bool(project == self._stack.project or project.startswith(f"{self._stack.project}-"))

    def _there(self, containers: list[dict[str, Any]]) -> set[str]:
        """Return the volumes that any container of the stack has ever had and that still exist."""
        self._volumes |= {m["Name"] for each in containers for m in each["Mounts"] if m["Type"] == "volume"}
        return self._volumes & {each["Name"] for each in asked("/volumes")["Volumes"] or ()}

    def _proxy_of(self, containers: list[dict[str, Any]]) -> int:
        """Return the process id of the proxy, which must stay the same."""
        if not self._proxy:
            (id_,) = (c["Id"] for c in containers if c["Labels"]["com.docker.compose.service"] == "proxy")
            self._proxy = asked(f"/containers/{id_}/json")["State"]["Pid"]
        return self._proxy


def asked(path: str) -> Any:
    """Return what the engine answers to GET *path*."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(socket_path(os.environ))
        connection = http.client.HTTPConnection("docker")
        connection.sock = line
        connection.request("GET", path, headers={"Connection": "close"})
        return json.loads(connection.getresponse().read())


def _runs(journal: Path) -> int:
    with closing(sqlite3.connect(f"{journal.as_uri()}?mode=ro", uri=True, timeout=5)) as connection:
        return int(connection.execute("SELECT count(*) FROM run").fetchone()[0])


def _visitors(pid: int) -> int:
    """Return how many connections users hold to port 80 of the proxy: theirs to open and to close."""
    lines = [
        line.split() for name in ("tcp", "tcp6") for line in Path(f"/proc/{pid}/net/{name}").read_text().splitlines()
    ]
    return sum(local.endswith(":0050") and state == ESTABLISHED for _, local, _, state, *_ in lines)


def _engine() -> int:
    """Return the process id of the engine, 0 where it is not where engines put it."""
    try:
        return int(PID_FILE.read_text())
    except (OSError, ValueError):
        return 0
