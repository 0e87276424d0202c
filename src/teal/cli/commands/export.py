"""The group export: a stack as files for another place."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import click

from teal.cli.group import HELP, TealCommand
from teal.cli.options import Purpose
from teal.cli.results import answer
from teal.cli.runner import look
from teal.cli.session import Session
from teal.errors import Refused

if TYPE_CHECKING:
    from teal.core.model.stack import Stack
    from teal.core.rendering.kubernetes import Export
    from teal.run.context import EventSink, Ports


@click.group(context_settings=HELP)
def export() -> None:
    """Write the stack as files for another place; nothing is deployed."""


@export.command("kubernetes", cls=TealCommand, example="teal export kubernetes --to k8s --gateway infra/public")
@click.option("--to", "folder", default="kubernetes", show_default=True, help="A folder that is not there yet.")
@click.option("--gateway", default="", metavar="NAMESPACE/NAME", help="The Gateway through which users come.")
@click.pass_obj
def kubernetes(session: Session, /, *, folder: str, gateway: str) -> None:
    """Write a kustomize tree: a namespace for each color, one HTTPRoute that switches, and which promise is kept.

    The files hold the environment, with its passwords: they are closed to other users of this machine.
    """

    async def rendered(_: Ports, stack: Stack, __: EventSink) -> Export:
        from teal.config.swarm import project_files
        from teal.core.rendering.kubernetes import Inputs, export

        return export(stack, Inputs(_read(path for path, size in project_files(stack).items() if size >= 0), gateway))

    found = look(session, Purpose.READ, rendered)
    answer(session, _written(Path(folder), found), lambda paths: "\n".join(f"wrote {path}" for path in paths))


def _read(paths: Iterable[str]) -> dict[str, bytes]:
    return {path: Path(path).read_bytes() for path in paths}


def _written(folder: Path, found: Export) -> tuple[str, ...]:
    from io import StringIO

    from ruamel.yaml import YAML

    if folder.exists():
        raise Refused(f"{folder} is there already", hint="name another folder with --to, or remove this one")
    yaml = YAML()
    yaml.default_flow_style = False
    yaml.representer.ignore_aliases = lambda *_: True
    texts = dict(found.texts)
    for path, objects in found.objects.items():
        stream = StringIO()
        yaml.dump_all(objects, stream)
        texts[path] = stream.getvalue()
    for path, text in texts.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file.touch(mode=0o600)
        file.write_text(text, encoding="utf-8")
    return tuple(str(folder / path) for path in sorted(texts))
