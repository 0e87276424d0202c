"""The commands that change which release serves: deploy, plan, rollback, leave, cleanup."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, get_args

import click

from teal.cli.asking import Unanswered, agree, agree_to
from teal.cli.group import TealCommand
from teal.cli.options import Purpose
from teal.cli.output import interactive
from teal.cli.results import answer, confirm, consent
from teal.cli.runner import look, perform
from teal.cli.session import Session
from teal.cli.timeouts import BAKE, CANARY, TIMES, with_options
from teal.core.model.stack import Strategy
from teal.core.model.units import Moment, ReleaseId
from teal.errors import Refused
from teal.run.api import DeployOptions, Doubtful

if TYPE_CHECKING:
    from teal.core.model.proposal import Proposal
    from teal.core.model.stack import Stack
    from teal.run.api import CleanupResult, DecideResult, DeployResult
    from teal.run.context import EventSink, Ports

_BUILDS = (
    click.option("--pull", "build", flag_value="pull", help="Pull images that are not built; build the others."),
    click.option(
        "--no-build", "build", flag_value="none", help="Use the images that are there; build and pull nothing."
    ),
    click.option("--force", is_flag=True, help="Deploy although nothing changed."),
    click.option("--force-memory", is_flag=True, help="Deploy although memory looks too small for two colors."),
    click.option(
        "--strategy",
        type=click.Choice(get_args(Strategy)),
        default="blue-green",
        show_default=True,
        help="recreate: one color at a time, for small machines; requests wait meanwhile.",
    ),
)
_YES = click.option("-y", "--yes", is_flag=True, help="Don't ask: take what is proposed, and go on.")
_KEEP = click.option("--keep", is_flag=True, help="Leave the old color running, for an instant rollback.")
_DRY = click.option("--dry-run", is_flag=True, help="Print the steps and change nothing.")


class _ReleaseNumber(click.IntRange):
    """The number of a release, called so in errors."""

    name = "release number"


class _PastMoment(click.ParamType):  # type: ignore[type-arg]
    """A moment in the past, as people type it."""

    name = "moment"

    def convert(self, value: str | Moment, param: click.Parameter | None, ctx: click.Context | None) -> Moment:
        """Return it in seconds since the epoch."""
        if not isinstance(value, str):
            return value
        from datetime import datetime

        from teal.core.model.when import past_moment

        try:
            return Moment(past_moment(value, datetime.now()).timestamp())  # noqa: DTZ005 (people type local time)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class _Share(click.ParamType[float]):
    """A share of users, as 50%."""

    name = "share"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Return it in per cent."""
        try:
            percent = float(str(value).removesuffix("%"))
        except ValueError:
            percent = 0.0
        if not 0 < percent < 100:
            self.fail(f"{value!r} is no share of users: write 50%, or `teal promote` for all of them", param, ctx)
        return percent


@click.command(cls=TealCommand, example="teal deploy --health-timeout 5m")
@with_options(*_BUILDS, _KEEP, _DRY, _YES, *CANARY, *BAKE, *TIMES)
@click.pass_obj
def deploy(
    session: Session,
    /,
    *,
    build: str | None,
    yes: bool,
    **choices: Any,
) -> None:
    """Roll the stack to a new release.

    Builds, starts the new color beside the old one, waits until it has proved itself, switches all routes at once,
    drains and retires the old color. Before the switch any failure, or Ctrl-C, leaves the active color as it was.

    The first one shows what Teal has understood of the stack, and asks; what only a person knows is asked once, and
    written to teal.yml.
    """
    _deploy(session, DeployOptions(build=build or "build", **choices), yes=yes)  # type: ignore[arg-type]


@click.command(cls=TealCommand, example="teal plan")
@with_options(*_BUILDS, _KEEP, *CANARY, *BAKE, *TIMES)
@click.pass_obj
def plan(session: Session, /, *, build: str | None, **choices: Any) -> None:
    """Print the steps that `teal deploy` would take, and change nothing."""
    _deploy(session, DeployOptions(build=build or "build", dry_run=True, **choices))  # type: ignore[arg-type]


def _deploy(session: Session, options: DeployOptions, *, yes: bool = False) -> None:
    from msgspec.structs import replace

    from teal.cli.show.deploy import outcome

    agreed = False
    asked: set[Proposal] = set()
    options = replace(options, asks=interactive() and not (yes or session.json or options.dry_run))

    async def run(ports: Ports, stack: Stack, watch: EventSink) -> DeployResult:
        from teal.run.commands.deploy import deploy
        from teal.run.commands.understand import understand

        if not (agreed or options.dry_run):
            understood = await understand(ports, stack, alone=True)
            if not understood.refused and (understood.questions or understood.first):
                raise Unanswered(understood)
        told = agreed and not (session.json or session.quiet)
        return await deploy(ports, stack, replace(options, told=told), watch)

    while True:
        try:
            result = look(session, Purpose.JUDGE, run) if options.dry_run else perform(session, run)
        except Unanswered as waiting:
            agreed = agree(session, waiting.understood, yes=yes, asked=asked)
        except Doubtful as doubtful:
            agree_to(session, doubtful)
            options = options.with_agreed(doubtful)
        else:
            answer(session, result, outcome)
            return


@click.command(cls=TealCommand, example='teal rollback\nteal rollback 12\nteal rollback --to "yesterday 14:00"')
@click.argument("release", type=_ReleaseNumber(min=1), required=False)
@click.option("--to", "at", type=_PastMoment(), help="The release that served then: 14:00, yesterday 14:00, 2h ago.")
@with_options(_KEEP, _DRY, *TIMES)
@click.pass_obj
def rollback(session: Session, /, *, release: ReleaseId | None, at: Moment | None, dry_run: bool, keep: bool) -> None:
    """Bring the previous release, or an older kept RELEASE, back with its own images and configuration."""
    from teal.cli.show.deploy import outcome

    if release is not None and at is not None:
        raise click.UsageError("name a release, or with --to a moment at which it served, not both")

    async def run(ports: Ports, stack: Stack, watch: EventSink) -> DeployResult:
        from teal.run.commands.deploy import rollback

        return await rollback(ports, stack, release, watch, at=at, dry_run=dry_run, keep=keep)

    result = look(session, Purpose.LOOK, run) if dry_run else perform(session, run, Purpose.RETURN)
    answer(session, result, outcome)


@click.command(cls=TealCommand, example="teal promote")
@click.pass_obj
def promote(session: Session, /) -> None:
    """Keep the release that is being watched: the old one steps back now."""
    _decide(session, "promote")


@click.command(cls=TealCommand, example="teal abort")
@click.pass_obj
def abort(session: Session, /) -> None:
    """Take the release that is being watched back: users return to the one before, which is still warm."""
    _decide(session, "abort")


@click.command(cls=TealCommand, example="teal canary 50%")
@click.argument("share", type=_Share())
@click.pass_obj
def canary(session: Session, /, *, share: float) -> None:
    """Lead SHARE of users to the release that a deploy with `--canary` is trying out."""
    _decide(session, "canary", share)


def _decide(session: Session, word: Literal["promote", "abort", "canary"], percent: float = 0.0) -> None:
    from teal.cli.show.deploy import decided

    async def run(ports: Ports, stack: Stack, watch: EventSink) -> DecideResult:
        from teal.run.commands.decide import decide

        return await decide(ports, stack, word, watch, percent=percent)

    answer(session, perform(session, run, Purpose.RETURN), decided)


@click.command(cls=TealCommand, example="teal leave --dry-run\nteal leave")
@with_options(_DRY, *TIMES)
@click.option("-y", "--yes", is_flag=True, help="Don't ask, even where today's files change what users get.")
@click.pass_obj
def leave(session: Session, /, *, dry_run: bool, yes: bool) -> None:
    """Go back to the plain stack, as `docker compose up` runs it, by the same switch and drain.

    Takes the images of the active release. Where today's files would change what users get, it says what, and asks.
    """
    from teal.cli.show.deploy import differing, outcome

    agreed = yes
    if dry_run or not yes:
        would = _would_leave(session, dry_run=dry_run)
        if dry_run and would:
            answer(session, would, outcome)
            return
        if would and would.differs:
            click.echo(differing(would.differs), err=True)
            consent(session, "Leave anyway?", refusal=f"`leave` would change {'; '.join(would.differs)}")
            agreed = True

    async def run(ports: Ports, stack: Stack, watch: EventSink) -> DeployResult:
        from teal.run.commands.deploy import leave

        return await leave(ports, stack, watch, agreed=agreed)

    answer(session, perform(session, run), outcome)


def _would_leave(session: Session, *, dry_run: bool) -> DeployResult | None:
    """Return what a leave would do; None where that shows only after an interrupted command has been put right."""

    async def run(ports: Ports, stack: Stack, watch: EventSink) -> DeployResult:
        from teal.run.commands.deploy import leave

        return await leave(ports, stack, watch, dry_run=True)

    try:
        return look(session, Purpose.JUDGE, run)
    except Refused:
        if dry_run:
            raise
        return None


@click.command(cls=TealCommand, example="teal cleanup --dry-run")
@_DRY
@click.option("-y", "--yes", is_flag=True, help="Don't ask.")
@click.pass_obj
def cleanup(session: Session, /, *, dry_run: bool, yes: bool) -> None:
    """Remove inactive containers, failed colors and releases that the policy no longer keeps.

    What serves, what is shared and what isn't this stack's is never touched.
    """
    from teal.cli.show.deploy import cleaned

    async def would_go(ports: Ports, stack: Stack, watch: EventSink) -> CleanupResult:
        from teal.run.commands.cleanup import cleanup

        return await cleanup(ports, stack, watch, dry_run=True)

    async def run(ports: Ports, stack: Stack, watch: EventSink) -> CleanupResult:
        from teal.run.commands.cleanup import cleanup

        return await cleanup(ports, stack, watch, dry_run=False)

    if dry_run or not (yes or session.json):
        would = look(session, Purpose.LOOK, would_go)
        if dry_run:
            answer(session, would, cleaned)
            return
        if would.containers or would.releases or would.networks:
            click.echo(cleaned(would), err=session.quiet)
            confirm("Remove them?")
    answer(session, perform(session, run, Purpose.RETURN), cleaned)
