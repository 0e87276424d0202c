"""The page in a browser: ``teal dashboard``, and the unit that lets systemd run it."""

from __future__ import annotations

import asyncio
import os
import sys
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from teal.cli.group import ENTRIES, TealCommand
from teal.cli.session import Session
from teal.errors import Refused, Usage

if TYPE_CHECKING:
    from teal.web.server import Serving
    from teal.web.visitors import Front

_UNITS = "/etc/systemd/system"
_NEEDED = ("jinja2", "starlette", "uvicorn")
_ACTIONS = ("deploy", "rollback", "cleanup", "promote", "abort")


@click.command(
    cls=TealCommand,
    example="teal dashboard\nteal dashboard --read-only --port 8080\nsudo teal dashboard install --read-only",
)
@click.argument("install", type=click.Choice(["install"]), required=False)
@click.option("--address", default="127.0.0.1", show_default=True, help="Where to listen.")
@click.option("--port", type=click.IntRange(0, 65535), default=7420, show_default=True, help="At which port; 0: any.")
@click.option("--host", "hosts", multiple=True, metavar="NAME", help="A name by which browsers reach it, too.")
@click.option("--read-only", is_flag=True, help="Show, and let nobody act: no route that changes anything exists.")
@click.option("--no-logs", is_flag=True, help="Show no lines of the services' logs.")
@click.option("--alone", is_flag=True, help="Show the stack of this folder alone, and no other of this machine.")
@click.option("--root-path", "root", default="", metavar="PATH", help="The path below which a proxy shows it.")
@click.option("--trusted-header", "header", default="", metavar="NAME", help="Header in which a proxy names the user.")
@click.option("--trusted-peer", "peers", multiple=True, metavar="CIDR", help="From where that header is believed.")
@click.option("--groups-header", "groups", default="Remote-Groups", show_default=True, help="Header with their groups.")
@click.option("--act-group", "acting", default="teal-act", show_default=True, help="The group whose members may act.")
@click.option("--user", default="", metavar="NAME", help="install: as whom it runs (you).")
@click.option("--unit", default=f"{_UNITS}/teal-dashboard.service", metavar="FILE", help="install: where; - prints it.")
@click.pass_obj
def dashboard(session: Session, /, install: str | None, user: str, unit: str, **choices: Any) -> None:
    """Show the stacks of this machine in a browser: both colors, a deploy as it happens, what failed, what was.

    It prints an address that lets one browser in, once; SIGHUP prints another one. It decides nothing, and is needed
    by nobody: a deploy that it has started goes on without it.

    With `install` it writes a unit for systemd, which runs it with the other options that are given.
    """
    require_extra()
    if install:
        _install(session, choices, user=user, file=unit)
        return
    from teal.cli.wiring import desks
    from teal.web.server import serve

    serving = _serving(choices)
    found = desks(session.options, session.overrides, alone=choices["alone"])

    def say(address: str) -> None:
        said = f'{{"address": "{address}"}}' if session.json else f"the page is at {address}\n(it lets one browser in)"
        click.echo(said)

    asyncio.run(serve(found, serving, say))


def _install(session: Session, choices: dict[str, Any], *, user: str, file: str) -> None:
    """Write the unit, and say what is still to be typed."""
    from teal.adapters.state.directory import user_name
    from teal.cli.wiring import desks, state_root, write
    from teal.web.unit import unit

    _serving(choices)  # an option that is wrong is said now, not by systemd
    desks(session.options, session.overrides, alone=choices["alone"])
    argv = (sys.executable, "-P", "-m", "teal", *session.options.words(), "dashboard", *_words(choices))
    text = unit(
        argv,
        user=user or user_name(),
        folder=str(session.options.cwd),
        home=str(state_root(session.options)),
        read_only=choices["read_only"],
    )
    if file == "-":
        click.echo(text, nl=False)
        return
    path = Path(file)
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise Refused(f"{file} can't be written", hint="sudo $(command -v teal) dashboard install")
    write(path, text)
    begin = f"systemctl daemon-reload && systemctl enable --now {path.name}"
    click.echo(f"{file} is written\nstart it:           {begin}")
    click.echo(f"read the address:   journalctl -u {path.name} -n 5\nanother browser:    systemctl reload {path.name}")


def _words(choices: dict[str, Any]) -> list[str]:
    """Return *choices* as they are typed, those left out that are the defaults."""
    context = click.get_current_context()
    found: list[str] = []
    for option in context.command.params:
        value = choices.get(option.name or "")
        if not value or context.get_parameter_source(option.name or "") == ParameterSource.DEFAULT:
            continue
        flag = option.opts[0]
        values = value if isinstance(value, tuple) else (value,)
        found += [flag] if value is True else [word for each in values for word in (flag, str(each))]
    return found


def require_extra() -> None:
    """Raise ``Refused`` where what the page is made with is not installed."""
    if not all(find_spec(each) for each in _NEEDED):
        raise Refused(
            f"the page needs {', '.join(_NEEDED[:-1])} and {_NEEDED[-1]}, which are not installed",
            hint="pip install 'teal-deploy[dashboard]'",
        )


def _serving(choices: dict[str, Any]) -> Serving:
    from teal.web.server import Serving

    try:
        ip_address(choices["address"])
    except ValueError as error:
        raise Usage(f"{choices['address']!r} is no IP address", hint="0.0.0.0 listens at all of them") from error
    root = choices["root"].strip("/")
    return Serving(
        choices["address"],
        choices["port"],
        choices["hosts"],
        f"/{root}" if root else "",
        choices["read_only"],
        not choices["no_logs"],
        _front(choices),
        tuple(each for each in _ACTIONS if each in ENTRIES),
    )


def _front(choices: dict[str, Any]) -> Front | None:
    from teal.web.visitors import Front

    if bool(choices["header"]) != bool(choices["peers"]):
        raise Usage(
            "a trusted header and where it comes from belong together: anybody can send a header",
            hint="add both: --trusted-header Remote-User --trusted-peer 172.16.0.0/12",
        )
    if not choices["header"]:
        return None
    try:
        peers = tuple(ip_network(each) for each in choices["peers"])
    except ValueError as error:
        raise Usage(f"--trusted-peer: {error}", hint="write it like 172.18.0.2 or 172.18.0.0/16") from error
    return Front(choices["header"].lower(), peers, choices["groups"].lower(), choices["acting"])
