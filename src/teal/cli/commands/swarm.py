"""The group swarm: a stack on several machines."""

from __future__ import annotations

import os
import secrets
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from teal.cli.group import HELP, TealCommand
from teal.cli.options import Purpose
from teal.cli.results import answer
from teal.cli.runner import look, run
from teal.cli.session import Session
from teal.cli.timeouts import with_options

if TYPE_CHECKING:
    from teal.core.model.stack import Stack
    from teal.core.planning.events import Event
    from teal.core.swarm.order import Wish
    from teal.ports import Compose
    from teal.ports.swarm import Swarm
    from teal.run.api import CheckResult
    from teal.run.context import EventSink, Ports

T = TypeVar("T")
_ABSENT = (
    click.option("--without", multiple=True, metavar="NODE", help="Go on without this edge: it is away."),
    click.option("--off", multiple=True, metavar="NODE", help="Say that this node does not run: nothing lives on it."),
)


@click.group(context_settings=HELP, epilog="Then: docs/swarm.md")
def swarm() -> None:
    """Run the stack on a Docker Swarm of several machines."""


@swarm.command("check", cls=TealCommand, example="teal swarm check --json")
@click.pass_obj
def check(session: Session, /) -> int:
    """Judge whether the stack could run on a Swarm: from its files alone, nothing is asked and nothing changed.

    Refuses with the reason what a stack file would drop in silence, or open to the world. Exit status 1 where anything
    keeps the stack from a Swarm.
    """
    from teal.cli.show.status import check as show

    async def judged(_: Ports, stack: Stack, __: EventSink) -> CheckResult:
        from teal.config.swarm import project_files
        from teal.run.commands.swarm_check import judge

        return judge(stack, project_files(stack))

    result = look(session, Purpose.READ, judged)
    answer(session, result, show)
    return 0 if result.ready else 1


@swarm.command("up", cls=TealCommand, example="teal swarm up")
@click.pass_obj
def up(session: Session, /) -> None:
    """Bring up what both colors share, on a manager: the proxy and its agent on each edge, databases, networks."""
    from teal.cli.show.swarm import up as show

    async def work(there: Swarm, stack: Stack, compose: Compose) -> Any:
        from teal.config.swarm import project_files
        from teal.run.commands.swarm import up

        return await up(there, stack, compose, files=project_files(stack), read=_read)

    answer(session, _there(session, Purpose.JUDGE, work), show)


@swarm.command("deploy", cls=TealCommand, example="teal swarm deploy\nteal swarm deploy --without node3")
@with_options(*_ABSENT)
@click.pass_obj
def deploy(session: Session, /, *, without: tuple[str, ...], off: tuple[str, ...]) -> None:
    """Roll the stack to a new release on all nodes, and switch all edges at once."""
    from teal.cli.show.swarm import result as show

    async def work(there: Swarm, stack: Stack, compose: Compose) -> Any:
        from teal.adapters.host import SystemClock
        from teal.config.swarm import project_files
        from teal.run.commands.swarm import deploy

        wish, files = _wish("deploy", without, off), project_files(stack)
        return await deploy(there, stack, compose, wish, SystemClock(), _told(session), files=files, read=_read)

    answer(session, _there(session, Purpose.JUDGE, work), show)


@swarm.command("rollback", cls=TealCommand, example="teal swarm rollback")
@with_options(*_ABSENT)
@click.pass_obj
def rollback(session: Session, /, *, without: tuple[str, ...], off: tuple[str, ...]) -> None:
    """Bring back the release that stands in the other color, on all edges at once."""
    from teal.cli.show.swarm import result as show

    async def work(there: Swarm, stack: Stack, _: Compose) -> Any:
        from teal.adapters.host import SystemClock
        from teal.run.commands.swarm import back

        return await back(there, stack, _wish("rollback", without, off), SystemClock(), _told(session))

    answer(session, _there(session, Purpose.JUDGE, work), show)


@swarm.command("cleanup", cls=TealCommand, example="teal swarm cleanup")
@click.pass_obj
def cleanup(session: Session, /) -> None:
    """Put right what an interrupted command left, and remove what no kept release needs."""

    async def work(there: Swarm, stack: Stack, _: Compose) -> tuple[str, ...]:
        from teal.adapters.host import SystemClock
        from teal.run.commands.swarm import tidy

        return await tidy(there, stack, _wish("cleanup", (), ()), SystemClock(), _told(session))

    gone = _there(session, Purpose.JUDGE, work)
    answer(session, gone, lambda found: "\n".join(f"removed {name}" for name in found) or "nothing to remove")


@swarm.command("status", cls=TealCommand, example="teal swarm status --json")
@click.pass_obj
def status(session: Session, /) -> None:
    """Say what the Swarm and its edges show now: which release serves, which edge is away, where each task runs."""
    from teal.cli.show.swarm import status as show

    async def work(there: Swarm, stack: Stack, _: Compose) -> Any:
        from teal.run.commands.swarm import status

        return await status(there, stack)

    answer(session, _there(session, Purpose.JUDGE, work), show)


@swarm.command("logs", cls=TealCommand, example="teal swarm logs web --tail 50")
@click.argument("service")
@click.option("--tail", default=100, show_default=True, help="How many lines at most.")
@click.pass_obj
def logs(session: Session, /, *, service: str, tail: int) -> None:
    """Show the last lines of a service, of all nodes; of a rotating one those of the active color."""

    async def work(there: Swarm, stack: Stack, _: Compose) -> str:
        from teal.core.model.side import Side

        active = (await there.read()).truth.active
        side = active if active and service in stack.rotating_names else Side.PLAIN
        return await there.logs(side, service, tail)

    answer(session, _there(session, Purpose.JUDGE, work), str)


def _there(session: Session, purpose: Purpose, work: Callable[[Swarm, Stack, Compose], Awaitable[T]]) -> T:
    """Open the stack and the Swarm that the user's `docker` talks to, and do *work* there."""

    async def whole() -> T:
        async with session.open(purpose) as opened, _opened(opened.stack) as there:
            return await work(there, opened.stack, opened.ports.compose)

    return run(whole())


@asynccontextmanager
async def _opened(stack: Stack) -> AsyncIterator[Swarm]:
    from teal.adapters.engine import DockerEngine
    from teal.adapters.engine.api import Api
    from teal.adapters.engine.context import socket_path
    from teal.adapters.swarm.swarm import DockerSwarm

    engine, api = DockerEngine.here(os.environ), Api(socket_path(os.environ))
    port = next((port for port in sorted(stack.evidence.listens) if port != 443), 80)
    try:
        yield DockerSwarm(api, engine, stack.project, proxy=stack.proxy, port=port, environ=os.environ)
    finally:
        await api.close()
        await engine.close()


def _wish(command: str, without: tuple[str, ...], off: tuple[str, ...]) -> Wish:
    from teal.core.swarm.order import Wish

    me = f"{command} by {os.environ.get('USER', 'root')}@{socket.gethostname()} (pid {os.getpid()})"
    key = secrets.token_hex(8)
    return Wish(f"{me} {key[:4]}", command, key, frozenset(without), frozenset(off))


def _told(session: Session) -> Callable[[Event], None]:
    """Return what tells people how it goes on."""

    def tell(event: Event) -> None:
        text = getattr(event, "text", "")
        if text and not session.quiet and not session.json:
            click.echo(session.redact(text), err=True)

    return tell


def _read(path: str) -> bytes:
    return Path(path).read_bytes()
