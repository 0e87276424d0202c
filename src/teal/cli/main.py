"""The entry point: as ``teal``, as the Docker CLI plugin ``docker-teal``, and with one way out for every error."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, NoReturn

if TYPE_CHECKING:
    from teal.cli.session import Session

_PLUGIN = "docker-teal"
_DOCKER_OPTIONS = {
    "--config": "DOCKER_CONFIG",
    "-c": "DOCKER_CONTEXT",
    "--context": "DOCKER_CONTEXT",
    "-H": "DOCKER_HOST",
    "--host": "DOCKER_HOST",
}


def main() -> NoReturn:
    """Run the command line of this process."""
    from teal.cli.output import make_safe
    from teal.cli.signals import ignore_signals

    gc.set_threshold(100_000)  # starting makes things that stay: looking for garbage among them takes longer than it
    make_safe()
    arguments = sys.argv[1:]
    if PurePath(sys.argv[0]).name == _PLUGIN:
        arguments = plugin_arguments(arguments)
    status = run(arguments)
    ignore_signals()
    sys.stdout.flush()
    sys.exit(status)


def run(arguments: Sequence[str], session: Session | None = None) -> int:
    """Run one command; return its exit status."""
    from teal.cli.group import cli
    from teal.cli.session import Session

    session = session or Session()
    try:
        result = cli.main(list(arguments), prog_name="teal", standalone_mode=False, obj=session)
    except BaseException as error:
        from teal.cli.errors import fail, is_usage

        json = session.json or (is_usage(error) and "--json" in arguments)
        return fail(error, json=json, redact=session.redact, said=session.shown)
    return result if isinstance(result, int) else 0


def plugin_arguments(arguments: list[str]) -> list[str]:
    """Return what is Teal's of what Docker's CLI passes: its own options, then ``teal``, then ours."""
    if arguments[:1] == ["docker-cli-plugin-metadata"]:
        return ["plugin", "metadata"]
    rest = list(arguments)
    while rest and rest[0] != "teal":
        name, given, value = rest.pop(0).partition("=")
        if name in _DOCKER_OPTIONS:
            os.environ[_DOCKER_OPTIONS[name]] = value if given else rest.pop(0) if rest else ""
    return rest[1:]
