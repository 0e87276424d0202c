"""Looks at containers: what the engine says of them, and what a process inside of them sees."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

Tree = dict[str, Any]
TIMEOUT = 30  # seconds for a container to say its report


@dataclass(frozen=True, slots=True)
class Seen:
    """A container: inspected, its own report (empty where it never ran), and what it was asked for as it ran."""

    inspected: Tree
    report: Tree
    names: dict[str, list[str]]  # name -> addresses
    later: Tree  # files, as the report has them

    @property
    def id(self) -> str:
        return str(self.inspected["Id"])

    @property
    def service(self) -> str:
        return str(self.inspected["Config"]["Labels"]["com.docker.compose.service"])


def said(*argv: str) -> str:
    """Run ``docker ARGV`` and return what it prints; AssertionError with its words where it fails."""
    done = subprocess.run(["docker", *argv], capture_output=True, text=True, errors="replace", check=False)
    assert done.returncode == 0, f"docker {' '.join(argv)}: {done.returncode}\n{done.stderr[-4000:]}"
    return done.stdout


def containers(project: str) -> list[str]:
    """Return the ids of a Compose project's containers."""
    return said(
        "ps", "--all", "--quiet", "--no-trunc", "--filter", f"label=com.docker.compose.project={project}"
    ).split()


def inspected(ids: Sequence[str]) -> list[Tree]:
    found: list[Tree] = json.loads(said("inspect", *ids)) if ids else []
    return found


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked of the containers of each service while they run."""

    names: Mapping[str, Sequence[str]] = field(default_factory=dict)
    files: Mapping[str, Sequence[str]] = field(default_factory=dict)


def look(project: str, asks: Asked, suffix: str = "") -> dict[str, list[Seen]]:
    """Return the containers of *project* by service, without the *suffix* of a color."""
    every = inspected(containers(project))
    with ThreadPoolExecutor(4) as pool:
        seen = list(pool.map(lambda each: see(each, asks, suffix), every))
    found: dict[str, list[Seen]] = {}
    for each in sorted(seen, key=lambda one: str(one.inspected["Name"])):
        found.setdefault(each.service.removesuffix(suffix), []).append(each)
    return found


def see(container: Tree, asks: Asked, suffix: str = "") -> Seen:
    """Return what one container says of itself."""
    running = container["State"]["Running"]
    service = str(container["Config"]["Labels"]["com.docker.compose.service"]).removesuffix(suffix)
    id_ = str(container["Id"])
    names = asks.names.get(service, ()) if running else ()
    files = asks.files.get(service, ()) if running else ()
    return Seen(
        container,
        report(container),
        json.loads(said("exec", id_, "python", "/probe.py", "names", *names)) if names else {},
        json.loads(said("exec", "-u", "0", id_, "python", "/probe.py", "files", *files)) if files else {},
    )


def defined(kind: str, names: Iterable[str]) -> dict[str, Tree]:
    """Return what the engine says of networks or volumes (*kind* is ``network`` or ``volume``), by name."""
    wanted = sorted(set(names))
    found: list[Tree] = json.loads(said(kind, "inspect", *wanted)) if wanted else []
    return {str(each["Name"]): each for each in found}


def definitions(looks: Iterable[Sequence[Seen]]) -> dict[str, Tree]:
    """Return the networks and named volumes that the containers of *looks* use, by name."""
    every = [seen.inspected for found in looks for seen in found]
    networks = {name for each in every for name in each["NetworkSettings"]["Networks"]}
    volumes = {mount["Name"] for each in every for mount in each["Mounts"] if mount["Type"] == "volume"}
    return {**defined("network", networks), **defined("volume", volumes)}


def report(container: Tree) -> Tree:
    """Return the report of a container: from its log, or asked for where there is no log; empty where it never ran."""
    id_, running = str(container["Id"]), container["State"]["Running"]
    silent = container["HostConfig"]["LogConfig"]["Type"] == "none"
    if "Caddyfile" in " ".join(container["Args"]) or not (running or container["State"]["Status"] == "exited"):
        return {}
    end = time.monotonic() + TIMEOUT
    while True:
        lines = (said("exec", id_, "python", "/probe.py", "look") if silent else said("logs", id_)).splitlines()
        told = next((line for line in lines if line.startswith('{"arguments"')), "")
        if told:
            return dict(json.loads(told))
        if not running or time.monotonic() > end:
            raise AssertionError(f"{container['Name']} has not said its report: {lines[-20:]}")
        time.sleep(0.1)
