"""The command support: everything that a bug report needs in one closed file, and no secret in it."""

from __future__ import annotations

import io
import json
import os
import platform
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import click

from teal.cli.commands.meta import teal_version
from teal.cli.errors import explain
from teal.cli.group import TealCommand
from teal.cli.options import Purpose
from teal.cli.redaction import escape_control
from teal.cli.runner import look
from teal.cli.session import Session
from teal.errors import Refused

if TYPE_CHECKING:
    from teal.cli.runner import Action
    from teal.core.model.stack import Stack
    from teal.run.context import EventSink, Ports

_TIMEOUT = 10.0  # seconds for a version
_MACHINE = "storage {{.Driver}}, cgroup v{{.CgroupVersion}}, live-restore {{.LiveRestoreEnabled}}, {{.OperatingSystem}}"
_VERSIONS = (("docker", "version"), ("docker", "compose", "version"), ("docker", "info", "--format", _MACHINE))
_RUNS = 20


@click.command(cls=TealCommand, example="teal support\nteal support --output /tmp/teal.tar.gz")
@click.option("-o", "--output", metavar="FILE", default="", help="Where to write it (teal-support-TIME.tar.gz).")
@click.pass_obj
def support(session: Session, /, *, output: str) -> None:
    """Write a bundle for a bug report: versions, status, history, check, plan.

    It holds no values of variables and no log of a service; known secrets are masked in the rest. Only you can read
    the file. Look through it before you send it.
    """
    path = Path(output or time.strftime("teal-support-%Y%m%d-%H%M%S.tar.gz"))
    parts = {"versions.txt": _versions(), **dict(_seen(session))}
    _write(path, {name: escape_control(session.redact(text)) for name, text in parts.items()})
    said = {"bundle": str(path.absolute()), "files": sorted(parts)}
    click.echo(json.dumps(said) if session.json else f"{path}: {', '.join(sorted(parts))}; look through it first")


def _versions() -> str:
    lines = [f"teal {teal_version()}", f"python {platform.python_version()}", platform.platform()]
    return "\n".join([*lines, *(_said(argv) for argv in _VERSIONS)])


def _said(argv: tuple[str, ...]) -> str:
    try:
        ended = subprocess.run(argv, capture_output=True, text=True, timeout=_TIMEOUT, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"{' '.join(argv)}: {type(error).__name__}"
    return ended.stdout or ended.stderr


def _seen(session: Session) -> Iterator[tuple[str, str]]:
    """Yield each part; one that can't be had says why, and does not stop the others."""
    import msgspec

    for name, purpose, ask in _parts():
        try:
            yield name, msgspec.json.format(msgspec.json.encode(look(session, purpose, ask))).decode()
        except Exception as error:  # a bug of Teal is what is being reported
            shown = explain(error)
            yield name, "\n".join((shown.message, shown.hint, shown.detail))


def _parts() -> tuple[tuple[str, Purpose, Action[object]], ...]:
    async def now(ports: Ports, stack: Stack, _: EventSink) -> object:
        from teal.run.commands.status import status

        return await status(ports, stack)

    async def past(ports: Ports, _: Stack, __: EventSink) -> object:
        from teal.run.commands.status import history

        return history(ports, _RUNS)

    async def verdict(ports: Ports, stack: Stack, _: EventSink) -> object:
        from teal.run.commands.check import check

        return await check(ports, stack)

    async def planned(ports: Ports, stack: Stack, watch: EventSink) -> object:
        from teal.run.api import DeployOptions
        from teal.run.commands.deploy import deploy

        return await deploy(ports, stack, DeployOptions(dry_run=True), watch)

    return (
        ("status.json", Purpose.LOOK, now),
        ("history.json", Purpose.LOOK, past),
        ("check.json", Purpose.JUDGE, verdict),
        ("plan.json", Purpose.JUDGE, planned),
    )


def _write(path: Path, parts: dict[str, str]) -> None:
    """Write a new file that only its owner can read."""
    try:
        fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Refused(f"{path} can't be written: {error.strerror}", hint="name another place: --output FILE") from error
    with os.fdopen(fd, "wb") as raw, tarfile.open(fileobj=raw, mode="w:gz") as bundle:
        for name, text in parts.items():
            content = text.encode(errors="replace")
            entry = tarfile.TarInfo(f"{path.name.removesuffix('.tar.gz')}/{name}")
            entry.size, entry.mode, entry.mtime = len(content), 0o600, int(time.time())
            bundle.addfile(entry, io.BytesIO(content))
