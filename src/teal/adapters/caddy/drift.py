"""Drift between what the running proxy has loaded and mounted, and the files on this host now."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from pathlib import Path

from teal.adapters.caddy.loaded import ADAPT, WITHIN, configs_in, reason
from teal.core.model.compose import Node
from teal.core.model.observed import Container
from teal.core.model.traffic import MOUNT
from teal.core.model.units import Moment
from teal.ports import Engine, ProxyDrift

_HOME = "/etc/caddy"
_MOST = 500  # files of a mounted directory that are looked at
_NO_COMMAND = {126, 127}  # there is no ``caddy`` to be found in the container
Identity = tuple[int, int]  # device and inode


async def proxy_drift(
    engine: Engine,
    container: Container,
    folder: Path,
    running: Callable[[], Awaitable[Node]],
    adapt: Sequence[str] = ADAPT,
) -> ProxyDrift:
    """Return how the proxy in *container* differs from its files of today, and from Teal's *folder*.

    *running* gives the configuration that it runs with, *adapt* prints that of its files; both are asked only where a
    file is younger than the container.
    Files that this user may not read are left out.
    """
    try:
        return await _proxy_drift(engine, container, folder, running, adapt)
    except PermissionError:
        return ProxyDrift()


async def _proxy_drift(
    engine: Engine, container: Container, folder: Path, running: Callable[[], Awaitable[Node]], adapt: Sequence[str]
) -> ProxyDrift:
    files = {inside: Path(host) for inside, host in container.binds.items() if f"{inside}/".startswith(f"{_HOME}/")}
    places = {**files, **({MOUNT: folder} if MOUNT in container.binds else {})}
    seen = await _seen(engine, container, places)
    other = {inside for inside, host in places.items() if inside in seen and seen[inside] != _identity(host)}
    gone = tuple(sorted(host.name for host in files.values() if not host.exists()))
    older = tuple(sorted(host.name for inside, host in files.items() if inside in other and host.exists()))
    blind, broken, stale = MOUNT in other, "", False
    if not gone and not older and _touched(files.values(), container.started):
        broken, stale = await _differs(engine, container, running, adapt)
    return ProxyDrift(blind, gone, older, broken, stale)


async def _differs(
    engine: Engine, container: Container, running: Callable[[], Awaitable[Node]], adapt: Sequence[str]
) -> tuple[str, bool]:
    """Return what Caddy says against its Caddyfile, and whether it runs with another configuration."""
    ran = await engine.execute(container.id, adapt, within=WITHIN)
    if ran.status in _NO_COMMAND:
        return "", False
    if ran.status != 0:
        return reason(ran.output) or "no reason given", False
    meant = next(configs_in(ran.output), None)
    return "", meant is not None and meant != await running()


async def _seen(engine: Engine, container: Container, places: Mapping[str, Path]) -> dict[str, Identity]:
    """Return which file or directory the container sees at each place, as far as that can be told."""
    if not places:
        return {}
    try:
        found = {inside: _identity(Path(f"/proc/{container.pid}/root{inside}")) for inside in places}
        return {inside: identity for inside, identity in found.items() if identity}
    except PermissionError:  # only root may look there
        ran = await engine.execute(container.id, ("stat", "-c", "%d %i %n", *places), within=WITHIN)
        return dict(_identities(ran.output))


def _identities(output: str) -> Iterator[tuple[str, Identity]]:
    for line in output.splitlines():
        device, _, rest = line.partition(" ")
        inode, _, name = rest.partition(" ")
        if device.isdecimal() and inode.isdecimal():
            yield name, (int(device), int(inode))


def _identity(path: Path) -> Identity | None:
    """Return what tells one file from every other; None where there is none."""
    try:
        found = os.stat(path)  # noqa: PTH116 (a path through /proc is no path to be tidied)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def _touched(paths: Iterable[Path], since: Moment) -> bool:
    """Tell whether any of the files was written, or put there, after *since*."""
    every = (each for path in paths for each in ([path, *islice(path.rglob("*"), _MOST)] if path.is_dir() else [path]))
    with suppress(FileNotFoundError):  # what goes in this instant was touched
        return any(each.lstat().st_ctime > since for each in every)
    return True
