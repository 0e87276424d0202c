"""``notify``: tries those who are told how runs end, and tells them; a child of each command calls it so."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from typing import TYPE_CHECKING, Literal

import click

from teal.cli.afterwards import TRACED
from teal.cli.group import TealCommand
from teal.cli.options import Purpose
from teal.cli.results import answer
from teal.cli.runner import look
from teal.cli.session import Session
from teal.core.model.units import Moment
from teal.errors import Refused

if TYPE_CHECKING:
    from teal.adapters.state.told import Told
    from teal.config.telling import Telling
    from teal.core.model.stack import Stack
    from teal.core.telling.endings import Notification
    from teal.run.api import TriedResult
    from teal.run.commands.telling import News, Teller
    from teal.run.context import EventSink, Ports

_LONGEST = 60  # seconds that telling may take in all, whatever a receiver does


@click.command(cls=TealCommand, example="teal notify test")
@click.argument("what", type=click.Choice(["test", "ended"]))
@click.option("--since", type=float, default=None, hidden=True)
@click.pass_obj
def notify(session: Session, /, *, what: Literal["test", "ended"], since: float | None) -> int:
    """Tell those whom `notify` in teal.yml names.

    `test` sends all of them a test, waits for each and says who could not be told. `ended` tells of runs that have
    ended and nobody was told of: each command does that by itself, in the background.
    """
    if what == "ended":
        signal.alarm(_LONGEST)
        os.nice(10)  # users' requests, and whatever comes next, go first
        _tell_ended(session, Moment(time.time() if since is None else since))
        return 0
    from teal.cli.show.notify import tried as show

    result = _tried(session)
    answer(session, result, show)
    return 1 if result.failed else 0


def _tried(session: Session) -> TriedResult:
    from teal.adapters.telling.send import tell
    from teal.run.api import Tried, TriedResult

    telling = _telling(session)
    if not telling.receivers:
        raise Refused("teal.yml names nobody to be told", hint="write `notify: [https://…]` there: docs/notify.md")

    async def run(ports: Ports, stack: Stack, _: EventSink) -> Notification:
        from teal.run.commands.telling import trial

        return await trial(ports, stack, _teller(Moment(time.time())))

    told = _masked(session, telling, look(session, Purpose.LOOK, run))
    failed = dict(tell(telling.receivers, [told]))
    rows = tuple(Tried(each.shown, each.on, failed.get(each, "")) for each in telling.receivers)
    return TriedResult(told.project, told.text, rows)


def _tell_ended(session: Session, began: Moment) -> None:
    from teal.adapters.state.told import ToldFile
    from teal.cli import wiring

    telling = _telling(session)

    async def run(ports: Ports, stack: Stack, _: EventSink) -> None:
        file = ToldFile(wiring.home_of(session.options, stack.project).told)
        with file.alone():
            before = file.read()
            teller = _teller(began, before)
            from teal.run.commands.telling import news

            if telling.metrics:
                file.write(before := await _measured(ports, stack, telling.metrics, before))
            found = await news(ports, stack, teller)
            file.write(before := _sent(session, telling, found, before))
            if any(os.environ.get(name) for name in TRACED):
                file.write(_traced(session, ports, stack, teller, before))

    look(session, Purpose.LOOK, run)


async def _measured(ports: Ports, stack: Stack, path: str, before: Told) -> Told:
    """Write the metrics; return what is counted by now."""
    from msgspec.structs import replace

    from teal.adapters.telling.prometheus import write
    from teal.core.telling.metrics import metrics
    from teal.run.commands.telling import facts

    found, counted = await facts(ports, stack, before.counted, before.totals)
    why = write(path, metrics(found))
    totals = {" ".join(which): count for which, count in found.totals.items()}
    return replace(before, counted=counted, totals=totals, unwritten=why)


def _traced(session: Session, ports: Ports, stack: Stack, teller: Teller, before: Told) -> Told:
    """Export what has ended as traces; what a collector did not take is tried again by the next command."""
    import msgspec

    from teal.adapters.telling.otlp import export
    from teal.core.telling.spans import Trace
    from teal.run.commands.telling import traces

    parent = os.environ.get("TRACEPARENT", "")
    revision = os.environ.get("GITHUB_SHA") or os.environ.get("CI_COMMIT_SHA") or ""
    found, last = traces(ports, stack, teller, before.traced, parent=parent, revision=revision)
    masked = session.redact(json.dumps(msgspec.to_builtins(found)))
    why = export(msgspec.convert(json.loads(masked), tuple[Trace, ...])) if found else ""
    return msgspec.structs.replace(before, traced=before.traced if why else last, untraced=why)


def _sent(session: Session, telling: Telling, found: News, before: Told) -> Told:
    """Tell all, and return how far they are told now."""
    from msgspec.structs import replace

    from teal.adapters.state.told import Lost
    from teal.adapters.telling.send import tell

    told = [_masked(session, telling, each) for each in found.told]
    failed = tell(telling.receivers, told) if told else ()
    lost = tuple(Lost(receiver.shown, why, Moment(time.time())) for receiver, why in failed) if told else before.lost
    return replace(before, run=found.last, open=found.open, lost=lost)


def _masked(session: Session, telling: Telling, told: Notification) -> Notification:
    """Return *told* without secrets: those of the stack, of the environment, and of whoever is told."""
    import msgspec

    session.redact.learn_values(telling.secrets)
    return msgspec.json.decode(session.redact(msgspec.json.encode(told).decode()), type=type(told))


def _telling(session: Session) -> Telling:
    from teal.cli import wiring

    return wiring.telling(session.options)


def _teller(began: Moment, before: Told | None = None) -> Teller:
    from teal.adapters.state.directory import user_name
    from teal.run.commands.telling import Teller

    by = os.environ.get("GITHUB_ACTOR") or os.environ.get("GITLAB_USER_LOGIN") or user_name()
    return Teller(socket.gethostname(), by, began, before.run if before else None, before.open if before else None)
