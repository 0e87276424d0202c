"""The commands that start, restart and stop by hand: up, restart, stop, down."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Literal

import click

from teal.cli.commands.compose import COLOR, environment, hand_on, places, told
from teal.cli.commands.compose_args import ComposeWords
from teal.cli.group import TealCommand
from teal.cli.options import Purpose
from teal.cli.results import answer, consent
from teal.cli.runner import look, perform
from teal.cli.session import Session
from teal.cli.timeouts import HEALTH, with_options
from teal.core.model.side import Side
from teal.errors import Failed

if TYPE_CHECKING:
    from teal.cli.commands.compose import Places
    from teal.core.model.stack import Stack
    from teal.run.api import Gap, ServiceResult, UpPlan, UpResult
    from teal.run.context import EventSink, Ports

_YES = click.option("-y", "--yes", is_flag=True, help="Don't ask, and accept that users may be cut off.")
_SERVICES = click.argument("services", nargs=-1)


@click.command(cls=TealCommand, example="teal up\nteal up proxy")
@_SERVICES
@click.option("-y", "--yes", is_flag=True, help="Don't ask before a running service is restarted.")
@with_options(*HEALTH)
@click.pass_obj
def up(session: Session, /, *, services: tuple[str, ...], yes: bool) -> None:
    """Start the shared SERVICES, all where none is named, and update those whose definition or image has changed.

    Those with a build are built first, as `docker compose up --build` does. Says beforehand which running ones will
    restart. Never touches a color.
    """
    from teal.cli.show.deploy import upped

    built = not yes and _prepare(session, services)

    async def run(ports: Ports, stack: Stack, watch: EventSink) -> UpResult:
        from teal.run.commands.services import up

        return await up(ports, stack, services, watch, built=built)

    answer(session, perform(session, run), upped)


def _prepare(session: Session, services: tuple[str, ...]) -> bool:
    """Build what has a build, and ask a person before running services restart; tell whether anything was built."""

    async def plan(ports: Ports, stack: Stack, _: EventSink) -> UpPlan:
        from teal.run.commands.services import plan_up

        return await plan_up(ports, stack, services)

    async def build(ports: Ports, stack: Stack, watch: EventSink) -> None:
        from teal.run.commands.services import build_shared

        await build_shared(ports, stack, services, watch)

    due = look(session, Purpose.JUDGE, plan)
    if due.build:
        perform(session, build)
        due = look(session, Purpose.JUDGE, plan)
    if due.restart:
        _ask_before_restart(session, due)
    return bool(due.build)


def _ask_before_restart(session: Session, due: UpPlan) -> None:
    """Ask a person before running services restart."""
    from teal.cli.show.deploy import gap

    if not session.json:
        click.echo(f"will restart, since they have changed: {', '.join(due.restart)}", err=True)
        if due.gap is not None:
            click.echo(gap(due.gap), err=True)
    consent(session, "Go on?", refusal=f"`up` would restart {', '.join(due.restart)}")


@click.command(cls=TealCommand, example="teal restart worker")
@_SERVICES
@COLOR
@_YES
@with_options(*HEALTH)
@click.pass_obj
def restart(session: Session, /, *, services: tuple[str, ...], color: str | None, yes: bool) -> int:
    """Restart services of a color, container by container, each waited for.

    Refuses where users would be cut off meanwhile; `teal deploy --force` replaces a serving color without a gap.
    """
    return _by_hand(session, "restart", services, color, cut=yes)


@click.command(cls=TealCommand, example="teal stop --color green")
@_SERVICES
@COLOR
@_YES
@click.pass_obj
def stop(session: Session, /, *, services: tuple[str, ...], color: str | None, yes: bool) -> int:
    """Stop services of a color; what serves users only with --yes."""
    return _by_hand(session, "stop", services, color, cut=yes)


def _by_hand(
    session: Session, word: Literal["restart", "stop"], services: tuple[str, ...], color: str | None, *, cut: bool
) -> int:
    """Do it to the color's own services through the library, to all others through Compose, as its owner would."""
    found = places(session, color)
    if word == "restart" and found.proxy in services:
        _restart_proxy(session, found, cut=cut)
        services = tuple(name for name in services if name != found.proxy)
        if not services:
            return 0
    if found.side is Side.PLAIN:
        return hand_on(session, told(ComposeWords((word,), services), found))
    given = told(ComposeWords((word,), services), found)
    mine = [words.services for place, words in given if place is found.every[0]]
    for place, words in given:
        if place is not found.every[0]:
            _compose(session, place.argv(words), environment(place))
    if mine:
        side, names = found.side, mine[0]

        async def run(ports: Ports, stack: Stack, watch: EventSink) -> ServiceResult:
            from teal.run.commands.services import restart, stop

            command = restart if word == "restart" else stop
            return await command(ports, stack, side, names, watch, cut=cut)

        answer(session, perform(session, run), _say)
    return 0


def _restart_proxy(session: Session, found: Places, *, cut: bool) -> None:
    """Restart the proxy through Compose, as its owner would, and let nobody wait for what never ends."""
    from teal.cli.show.deploy import gap

    async def plan(ports: Ports, stack: Stack, _: EventSink) -> Gap | None:
        from teal.run.commands.services import plan_restart

        return await plan_restart(ports, stack, cut=cut)

    known = look(session, Purpose.LOOK, plan)
    if known is not None and not session.json:
        click.echo(gap(known), err=True)
    short = ("--timeout", f"{known.stop:.0f}") if known is not None and not known.own else ()
    place = next(iter(found.own), found.plain)
    _compose(session, place.argv(ComposeWords(("restart", *short), (found.proxy,))), environment(place))

    async def tell(ports: Ports, stack: Stack, watch: EventSink) -> None:
        from teal.run.commands.services import proxy_restarted

        await proxy_restarted(ports, stack, watch)

    if found.own:
        look(session, Purpose.JUDGE, tell)


def _say(result: ServiceResult) -> str:
    word = {"restart": "restarted", "stop": "stopped", "down": "taken down"}[result.command]
    where = f" on {result.side}" if result.side else ""
    return f"{result.project}: {word}{where}: {', '.join(result.services) or 'nothing'}"


@click.command(cls=TealCommand, example="teal down\nteal down --volumes --yes")
@click.option("--volumes", is_flag=True, help="Remove the stack's named volumes too: its data is gone then.")
@_YES
@click.pass_obj
def down(session: Session, /, *, volumes: bool, yes: bool) -> None:
    """Take both colors and the shared services down. Volumes stay, unless --volumes says otherwise."""
    if not yes:
        _ask_before_down(session, volumes=volumes)
    plain = places(session, None).plain

    async def run(ports: Ports, stack: Stack, watch: EventSink) -> ServiceResult:
        from teal.run.commands.services import down

        return await down(ports, stack, watch)

    result = perform(session, run)
    words = ComposeWords(("down", *(["--volumes"] if volumes else [])))
    _compose(session, plain.argv(words), environment(plain))
    answer(session, result, _say)


def _ask_before_down(session: Session, *, volumes: bool) -> None:
    """Ask a person before the whole stack goes."""
    data = ", and REMOVE ITS DATA" if volumes else ""
    question = f"Take both colors and the shared services down{data}?"
    consent(session, question, refusal="`down` takes the whole stack down", default=False)


def _compose(session: Session, argv: list[str], environment: dict[str, str]) -> None:
    """Run Compose; what it says goes to standard error, which JSON leaves alone."""
    known = {**environment, "COMPOSE_PROGRESS": "quiet"} if session.quiet else environment  # its errors stay
    ended = subprocess.run(argv, env=known, stdout=sys.__stderr__, stderr=None, check=False)
    if ended.returncode:
        raise Failed(f"{' '.join(argv[:2])} ended with status {ended.returncode}", hint="what it printed is above")
