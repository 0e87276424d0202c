"""The commands about Teal itself: schema, plugin, help, version."""

from __future__ import annotations

import json
import os
import shutil
import sys
from importlib import resources
from pathlib import Path

import click

from teal.cli.group import HELP, TealCommand, cli
from teal.cli.session import Session
from teal.errors import Refused, Usage

_LINK = "docker-teal"


def teal_version() -> str:
    """Return the version of the installed distribution."""
    from importlib.metadata import version as installed

    return installed("teal-deploy")


@click.command(cls=TealCommand, example="teal version --json")
@click.pass_obj
def version(session: Session, /) -> None:
    """Print the version."""
    click.echo(json.dumps({"version": teal_version()}) if session.json else f"teal {teal_version()}")


@click.command("help", cls=TealCommand, example="teal help rollback")
@click.argument("command", required=False)
@click.pass_context
def help_(context: click.Context, /, command: str | None) -> None:
    """Explain Teal, or one of its commands."""
    root = context.find_root()
    if command is None:
        text = cli.get_help(root)
    else:
        _, found, _ = cli.resolve_command(root, [command])
        assert found is not None
        with click.Context(found, info_name=command, parent=root) as own:
            text = found.get_help(own)
    click.echo(json.dumps({"help": text}) if context.obj.json else text)


@click.command(cls=TealCommand, example="teal schema status\nteal schema teal.yml > teal.schema.json")
@click.argument("name", required=False)
@click.pass_obj
def schema(session: Session, /, *, name: str | None) -> None:
    """Print the JSON Schema of what a command prints with --json, or of teal.yml; without NAME list the names."""
    folder = resources.files("teal") / "schemas"
    names = sorted(each.name.removesuffix(".json") for each in folder.iterdir() if each.name.endswith(".json"))
    if name is None:
        click.echo(json.dumps(names) if session.json else "\n".join(names))
    elif name in names:
        click.echo((folder / f"{name}.json").read_text().rstrip())
    else:
        raise Usage(f"there is no schema {name!r}", hint=f"there are {', '.join(names)}")


@click.command(cls=TealCommand, example="teal snippet > teal.caddy")
@click.pass_obj
def snippet(session: Session, /) -> None:
    """Print the snippet that the stack's Caddyfile imports: a file of the stack's own, committed beside it."""
    text = (resources.files("teal.adapters.caddy") / "teal.caddy").read_text(encoding="utf-8")
    click.echo(json.dumps({"snippet": text}) if session.json else text.rstrip())


@click.group(context_settings=HELP, epilog="Then: docker teal status")
def plugin() -> None:
    """Make `docker teal` work, or stop it."""


@plugin.command("install", cls=TealCommand, example="teal plugin install\ndocker teal status")
@click.pass_obj
def install(session: Session, /) -> None:
    """Link docker-teal into the user's folder of Docker CLI plugins."""
    link, program = _link(), _program()
    if link.exists() and not link.is_symlink():
        raise Refused(f"{link} is not a link that Teal made", hint="look at it, remove it, and try again")
    try:
        link.parent.mkdir(parents=True, exist_ok=True)
        link.unlink(missing_ok=True)
        link.symlink_to(program)
    except OSError as error:
        raise Refused(
            f"{link} can't be made: {error.strerror}", hint="set DOCKER_CONFIG to a folder of yours"
        ) from error
    _say(session, {"installed": str(link), "program": str(program)}, f"{link} → {program}: try `docker teal status`")


@plugin.command("uninstall", cls=TealCommand, example="teal plugin uninstall")
@click.pass_obj
def uninstall(session: Session, /) -> None:
    """Remove the link."""
    link = _link()
    if link.is_symlink():
        link.unlink()
    _say(session, {"removed": str(link)}, f"{link} was removed")


@plugin.command("metadata", hidden=True)
def metadata() -> None:
    """Tell Docker's CLI what this plugin is."""
    click.echo(
        json.dumps(
            {
                "SchemaVersion": "0.1.0",
                "Vendor": "Teal",
                "Version": teal_version(),
                "ShortDescription": "Blue-green deploys for Compose stacks",
            }
        )
    )


def _say(session: Session, facts: dict[str, str], text: str) -> None:
    click.echo(json.dumps(facts) if session.json else text)


def _link() -> Path:
    configuration = os.environ.get("DOCKER_CONFIG") or Path.home() / ".docker"
    return Path(configuration) / "cli-plugins" / _LINK


def _program() -> Path:
    """Return the program that runs now, where it is one that can be linked."""
    started = Path(sys.argv[0])
    for candidate in (started if started.name in {"teal", _LINK} else None, shutil.which("teal")):
        if candidate and os.access(candidate, os.X_OK):
            return Path(candidate).resolve()
    raise Refused("this Teal was not started as an installed program", hint="install it with pip, pipx or uv first")
