"""The everyday words of Compose on the active color: ps, exec, run, logs, compose.

Finds where the everyday words of Compose go: the active color (or a named one), its one-shots, the plain stack.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import click

from teal.cli.commands.compose_args import ComposePlace, ComposeWords, split, take_apart, unknown
from teal.cli.group import PassingCommand, TealCommand
from teal.cli.options import OpenStack, Purpose
from teal.cli.runner import run
from teal.cli.session import Session
from teal.config.options import Options
from teal.core.model.observed import Container, active_of
from teal.core.model.own_proxy import OWN, own_project
from teal.core.model.side import COLORS, Side, key_of, once_project, project_of
from teal.core.model.units import ReleaseId
from teal.core.rendering.own_proxy import PROJECT_FILE
from teal.core.services.own_proxy import MAIN
from teal.errors import ConfigError, Refused


@dataclass(frozen=True, slots=True)
class Places:
    """The places of a stack, the one that is meant first."""

    side: Side  # plain where no color is active and none was named
    serves: bool  # users are sent there
    every: tuple[ComposePlace, ...]
    proxy: str = ""  # the service that is the proxy

    @property
    def own(self) -> tuple[ComposePlace, ...]:
        """Return the place of Teal's own proxy, where there is one."""
        return tuple(each for each in self.every if each.file and OWN in each.keys)

    @property
    def plain(self) -> ComposePlace:
        """Return the owner's own files."""
        return self.every[-1]


async def find(session: Session, opened: OpenStack, color: str | None) -> Places:
    """Return the places for *color*, or for the side that serves where it is None."""
    ports, stack = opened.ports, opened.stack
    containers = await ports.engine.containers(stack.project)
    active = active_of(ports.proxy.read(), containers) or Side.PLAIN
    side = Side(color) if color else active
    plain = _plain(session.options, opened)
    own = _own(opened)
    if side is Side.PLAIN:
        return Places(side, serves=True, every=(*own, plain), proxy=stack.proxy)
    return Places(side, side is active, (*_of_color(opened, side, containers), *own, plain), stack.proxy)


def _release(containers: tuple[Container, ...], side: Side) -> ReleaseId:
    numbers = {c.release for c in containers if c.side is side and c.release is not None}
    if not numbers:
        raise Refused(f"{side} has no containers", hint="`teal status` shows what runs")
    return max(numbers)


def _of_color(opened: OpenStack, side: Side, containers: tuple[Container, ...]) -> tuple[ComposePlace, ...]:
    ports, stack, release = opened.ports, opened.stack, _release(containers, side)
    file = Path(ports.releases.rendering(release, side))
    # A lost rendering is Compose's to complain of, where a service of the color is meant; the others need none.
    keys = _keys(file) if file.exists() else tuple(key_of(c.service, side) for c in containers if c.side is side)
    color = ComposePlace(
        project_of(stack.project, side), {each.removesuffix(f"-{side}"): each for each in keys}, file=str(file)
    )
    once = Path(ports.releases.once(release))
    if not once.is_file():
        return (color,)
    return color, ComposePlace(once_project(stack.project), {each: each for each in _keys(once)}, file=str(once))


def _keys(file: Path) -> tuple[str, ...]:
    try:
        return tuple(json.loads(file.read_bytes())["services"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Refused(
            f"the kept Compose file {file} can't be read: {type(error).__name__}", hint="deploy, then try again"
        ) from error


def _plain(given: Options, opened: OpenStack) -> ComposePlace:
    stack = opened.stack
    return ComposePlace(stack.project, {each.name: each.name for each in stack.services}, options=given.words())


def _own(opened: OpenStack) -> tuple[ComposePlace, ...]:
    """Return the place of Teal's own proxy, where the stack has it."""
    proxy = opened.ports.proxy
    if opened.stack.proxy != OWN or not proxy.own_files():
        return ()
    return (ComposePlace(own_project(opened.stack.project), {OWN: MAIN}, file=f"{proxy.own_folder}/{PROJECT_FILE}"),)


COLOR = click.option(
    "--color", type=click.Choice([str(color) for color in COLORS]), help="This color, not the active one."
)
_ARGS = click.argument("args", nargs=-1, type=click.UNPROCESSED)


def places(session: Session, color: str | None) -> Places:
    """Return where the words go."""

    async def found() -> Places:
        async with session.open(Purpose.LOOK) as opened:
            return await find(session, opened, color)

    return run(found())


def environment(place: ComposePlace) -> dict[str, str]:
    """Return the environment for Compose; nothing of the shell's may change what a rendering means."""
    if not place.file:
        return dict(os.environ)
    return {name: value for name, value in os.environ.items() if not name.startswith("COMPOSE_")}


def told(words: ComposeWords, found: Places) -> list[tuple[ComposePlace, ComposeWords]]:
    """Return which place is told what; ``ConfigError`` for a service that the stack hasn't."""
    strange = unknown(words, found.every)
    if strange:
        names = sorted({name for place in found.every for name in place.keys})
        raise ConfigError(f"the stack has no service {strange[0]}", hint=f"there are: {', '.join(names)}")
    return split(words, found.every)


def hand_on(session: Session, given: Sequence[tuple[ComposePlace, ComposeWords]]) -> int:
    """Become Compose; where several projects are meant, run one for each side by side and return the worst status."""
    if len(given) == 1:
        place, words = given[0]
        session.become(place.argv(words), environment(place))
        return 0
    running = [subprocess.Popen(place.argv(words), env=environment(place)) for place, words in given]
    return max(abs(each.wait()) for each in running)


@click.command("exec", cls=PassingCommand, example="teal exec web python manage.py shell")
@COLOR
@_ARGS
@click.pass_obj
def exec_(session: Session, /, *, color: str | None, args: tuple[str, ...]) -> int:
    """Run a command in a running container: teal exec [OPTIONS of docker compose exec] SERVICE COMMAND …

    SERVICE is the name in your own files; a shared service works, too.
    """
    return hand_on(session, told(take_apart(("exec", *args)), places(session, color)))


@click.command("run", cls=PassingCommand, example="teal run --rm web python manage.py migrate --plan")
@COLOR
@_ARGS
@click.pass_obj
def run_(session: Session, /, *, color: str | None, args: tuple[str, ...]) -> int:
    """Run a command in a new container of the active release: teal run [OPTIONS] SERVICE COMMAND …

    The image and the configuration are those of the release, one-shots included.
    """
    return hand_on(session, told(take_apart(("run", *args)), places(session, color)))


@click.command(cls=PassingCommand, example="teal compose --color green top web")
@COLOR
@_ARGS
@click.pass_obj
def compose(session: Session, /, *, color: str | None, args: tuple[str, ...]) -> int:
    """Run any docker compose command on a color, with its own rendering; services go by the names in your files."""
    return hand_on(session, split(take_apart(args), places(session, color).every))


@click.command(cls=PassingCommand, example="teal ps\nteal ps --color green web")
@COLOR
@_ARGS
@click.pass_obj
def ps(session: Session, /, *, color: str | None, args: tuple[str, ...]) -> int:
    """List the containers of the active color and the shared services, as docker compose ps does."""
    found = places(session, color)
    words = take_apart(("ps", *(["--format", "json"] if session.json else []), *args))
    if words.services or len(found.every) == 1:
        return hand_on(session, told(words, found))
    statuses = [subprocess.run(p.argv(words), env=environment(p), check=False).returncode for p in _shown(found)]
    return max(statuses)


def _shown(found: Places) -> tuple[ComposePlace, ...]:
    return (found.every[0], *(each for each in found.own if each is not found.every[0]), found.plain)


@click.command(cls=TealCommand, example="teal logs web --follow\nteal logs --color green --tail 50")
@click.argument("services", nargs=-1)
@COLOR
@click.option("-f", "--follow", is_flag=True, help="Keep printing new lines as they come.")
@click.option("-n", "--tail", metavar="LINES", default="", help="Only this many last lines of each.")
@click.option("--since", metavar="TIME", default="", help="Only lines since then: 10m, or a date.")
@click.option("-t", "--timestamps", is_flag=True, help="With the time of each line.")
@click.pass_obj
def logs(
    session: Session, /, *, services: tuple[str, ...], color: str | None, follow: bool, timestamps: bool, **named: str
) -> int:
    """Show the logs of the active color, or of the one that --color names; shared services by their name."""
    words = ["logs", *(["--follow"] if follow else []), *(["--timestamps"] if timestamps else [])]
    words += [part for name, value in named.items() if value for part in (f"--{name}", value)]
    given = told(ComposeWords(tuple(words), services), places(session, color))
    return _logs_as_json(given) if session.json else hand_on(session, given)


def _logs_as_json(given: Sequence[tuple[ComposePlace, ComposeWords]]) -> int:
    """Print each line as an object; Compose itself has no such format."""
    import json

    status = 0
    for place, words in given:
        argv = place.argv(ComposeWords((words.before[0], "--no-color", *words.before[1:]), words.services))
        with subprocess.Popen(argv, env=environment(place), stdout=subprocess.PIPE, text=True, errors="replace") as log:
            assert log.stdout is not None
            for line in log.stdout:
                container, bar, text = line.rstrip("\n").partition(" | ")
                found = {"container": container.strip(), "line": text} if bar else {"container": "", "line": container}
                click.echo(json.dumps(found, ensure_ascii=False))
        status = max(status, abs(log.returncode))
    return status
