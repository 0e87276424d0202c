"""``diff``: what differs between two releases, or a release and today's files."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from teal.cli.group import TealCommand
from teal.cli.options import Purpose
from teal.cli.results import answer
from teal.cli.runner import look
from teal.cli.session import Session
from teal.core.model.units import ReleaseId

if TYPE_CHECKING:
    from teal.core.model.stack import Stack
    from teal.run.api import DiffResult
    from teal.run.context import EventSink, Ports

WORDS = ("active", "standby", "today")


class _Release(click.ParamType):  # type: ignore[type-arg]
    """The number of a release, or a word for one."""

    name = "release"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> ReleaseId | str:
        """Return it as it is meant."""
        if value in WORDS:
            return value
        if not (value.isascii() and value.isdecimal() and int(value)):
            self.fail(f"{value!r} is neither the number of a release nor one of {', '.join(WORDS)}", param, ctx)
        return ReleaseId(int(value))


@click.command(cls=TealCommand, example="teal diff\nteal diff 41\nteal diff 41 42\nteal diff standby active")
@click.argument("before", metavar="[A]", type=_Release(), default="active")
@click.argument("after", metavar="[B]", type=_Release(), default="today")
@click.pass_obj
def diff(session: Session, /, *, before: ReleaseId | str, after: ReleaseId | str) -> None:
    """Say what differs between A and B: numbers of kept releases, or the words active, standby and today.

    Names keys, never values. Where nothing is said, A is the release that serves, and B what today's files would make.
    """
    from teal.cli.show.diff import diff as show

    async def run(ports: Ports, stack: Stack, _: EventSink) -> DiffResult:
        from teal.run.commands.diff import diff

        return await diff(ports, stack, before, after)

    answer(session, look(session, Purpose.JUDGE if "today" in {before, after} else Purpose.LOOK, run), show)
