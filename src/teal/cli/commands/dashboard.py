"""The page in a browser: ``teal dashboard``, and the unit that lets systemd run it."""

from __future__ import annotations

import asyncio
from importlib.util import find_spec
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING, Any

import click

from teal.cli.group import ENTRIES, TealCommand
from teal.cli.session import Session
from teal.errors import Refused, Usage

if TYPE_CHECKING:
    from teal.web.server import Serving
    from teal.web.visitors import Front

_NEEDED = ("jinja2", "starlette", "uvicorn")
_ACTIONS = ("deploy", "rollback", "cleanup", "promote", "abort")


@click.command(cls=TealCommand, example="teal dashboard\nteal dashboard --read-only --port 8080")
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
@click.pass_obj
def dashboard(session: Session, /, **choices: Any) -> None:
    """Show the stacks of this machine in a browser: both colors, a deploy as it happens, what failed, what was.

    It prints an address that lets one browser in, once; SIGHUP prints another one. It decides nothing, and is needed
    by nobody: a deploy that it has started goes on without it.
    """
    require_extra()
    from teal.cli.wiring import desks
    from teal.web.server import serve

    serving = _serving(choices)
    found = desks(session.options, session.overrides, alone=choices["alone"])

    def say(address: str) -> None:
        said = f'{{"address": "{address}"}}' if session.json else f"the page is at {address}\n(it lets one browser in)"
        click.echo(said)

    asyncio.run(serve(found, serving, say))


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
