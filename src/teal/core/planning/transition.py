"""Who serves now, who serves next, and what passes from one to the other.

Who serves (``source_of``), the first that holds:

1. The color that the state file sends users to.
2. The color that served last by the journal, where the state file is lost or says plain while nothing plain runs. Where
   both are lost: the only color on which all services of one release run.
3. The plain side, where a rotating service runs there, unless users were held while a color served.
4. Nobody: this is the first deploy.

Who comes next (``target_of``): the other color; blue where none serves.

Beside that, in a transition:

- A plain container beside an active color is refused, unless it is the job whose container in the color failed when
  the stack was adopted: that goes on until the next transition.
- A third side that is not empty, and serves nobody, is emptied after the switch.
- Stopped plain containers are removed after the switch, since a restart of the machine could revive them.
- Where nobody serves, jobs start with the routes: there is nothing that they could disturb.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from teal.core.model.observed import Observed
from teal.core.model.problem import Problem, demand, error
from teal.core.model.release import Release
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Role, Service, Stack, Stage, Strategy
from teal.core.model.traffic import Mode
from teal.core.model.units import ReleaseId, Seconds
from teal.core.planning.step_names import Command
from teal.core.services.own_proxy import ways_of
from teal.errors import Refused


@dataclass(frozen=True, slots=True)
class Transition:
    """A change of hands: users go from *source* to *target*, where *release* stands or will stand."""

    command: Command
    source: Side | None  # None: nothing serves yet
    target: Side
    release: ReleaseId | None  # None on the plain side
    source_services: tuple[Service, ...]  # what stands on the source
    target_services: tuple[Service, ...]  # what will stand on the target
    source_release: ReleaseId | None = None
    keep: bool = False  # the source's routes stay up after the drain
    pages: Seconds = Seconds(0.0)  # for which the source's pages stay on it; 0: they don't
    strategy: Strategy = "blue-green"
    window: bool = False  # the database changes while nothing of the application runs (strategy recreate)
    page: bool = False  # users see the maintenance page meanwhile, from the first moment on
    checks: bool = False
    hooks: frozenset[str] = frozenset()  # moments that have a hook
    starts_held: bool = False  # users' requests are held or turned away, and are so again where it fails
    kept_plain_jobs: tuple[str, ...] = ()  # jobs that still run plainly beside the source, since its own failed
    third_side: Side | None = None  # stands there and serves nobody: its jobs must not run beside the new
    beside: tuple[str, ...] = ()  # jobs that start with the routes, since nothing serves that they could disturb
    stopped_plain: tuple[str, ...] = ()  # stopped plain containers, which nothing may revive
    taken: tuple[str, ...] = ()  # services whose ports and names Teal's own proxy takes over, or, leaving, gives back
    canary: tuple[Stage, ...] = ()  # how users come to it by and by; nothing: all at once
    bake: Seconds = Seconds(0.0)  # for how long the release is watched before the source steps back; 0: not at all
    guests: bool = False  # shared services are on networks of the source's own: an older Teal has put them there


def last_release(observed: Observed) -> Release | None:
    """Return the active release, or the newest kept one where no color is active."""
    return observed.kept(observed.active_release) or next(reversed(observed.releases), None)


def plainly_running(observed: Observed, stack: Stack) -> tuple[str, ...]:
    """Return the names of rotating services that run outside of any color."""
    return tuple(sorted(observed.running(Side.PLAIN, stack.rotating_names)))


def source_of(observed: Observed, stack: Stack) -> Side | None:
    """Return the side that serves: a color, its state file lost or not, else plain where that runs, else None."""
    if observed.active is not None:
        return observed.active
    lost = lost_traffic(observed, stack)  # in the instant after healing has looked
    if lost is not None:
        return lost
    held = observed.traffic is not None and observed.traffic.offline
    served = observed.past.last_switch[0] if observed.past.last_switch else Side.PLAIN  # before users were held
    return Side.PLAIN if plainly_running(observed, stack) and not (held and served in COLORS) else None


def target_of(observed: Observed, source: Side | None) -> Side:
    """Return the color that comes next: never one that the state file already sends users to."""
    if source is None and observed.traffic is not None and observed.traffic.side is not None:
        return observed.traffic.side.other
    return source.other if source is not None else Side.BLUE


def services_on(observed: Observed, stack: Stack, side: Side | None) -> tuple[Service, ...]:
    """Return the rotating services that stand on *side*, as the release there describes them."""
    if side is None:
        return ()
    if side is Side.PLAIN:
        return stack.rotating
    kept = observed.kept(observed.release_on(side))
    return kept.rotating if kept else stack.rotating


def plan_transition(
    observed: Observed,
    stack: Stack,
    *,
    command: Command,
    release: Release | None = None,
    keep: bool = False,
    strategy: Strategy = "blue-green",
) -> Transition:
    """Return the change of hands that a deploy (no *release*) or a rollback (to *release*) makes.

    *strategy* is what the owner asks of this one command; the stack's own holds beside it: where data have one writer,
    no command lets two releases run at once. Raises ``Refused`` while a plain copy of a rotating service runs beside
    an active color.
    """
    source = source_of(observed, stack)
    spared = kept_plain_jobs(observed, stack, source)
    demand(strays(observed, stack))
    number = release.number if release else observed.next_release
    target = target_of(observed, source)
    return Transition(
        command=command,
        source=source,
        target=target,
        release=number,
        source_services=services_on(observed, stack, source),
        target_services=release.rotating if release else stack.rotating,
        source_release=observed.release_on(source) if source in COLORS else None,
        keep=keep or stack.settings.retire == "keep",
        pages=stack.settings.pages,
        strategy="recreate" if "recreate" in {strategy, stack.strategy} else strategy,
        window=strategy == "recreate" and stack.migrations is not None,
        checks=bool(stack.proxy),
        canary=stack.settings.canary if command == Command.DEPLOY else (),
        bake=stack.settings.bake if command == Command.DEPLOY and source is not None else Seconds(0.0),
        hooks=frozenset(hook.when for hook in stack.hooks),
        kept_plain_jobs=spared,
        third_side=_idle(observed, stack, source, target),
        beside=_free_jobs(observed, stack, release) if source is None else (),
        stopped_plain=_left_plainly(observed, stack) if source is not Side.PLAIN else (),
        starts_held=observed.traffic is not None and observed.traffic.side is None,
        taken=taken_over(stack) if source is Side.PLAIN else (),
        guests=source is not None and bool(observed.guests_of(source, stack.project)),
    )


def taken_over(stack: Stack) -> tuple[str, ...]:
    """Return the services whose ports and names Teal's own proxy takes over; none where it has none."""
    return tuple(dict.fromkeys(name for name, _ in ways_of(stack))) if stack.own else ()


def _free_jobs(observed: Observed, stack: Stack, release: Release | None) -> tuple[str, ...]:
    """Return the jobs that may start before the switch where nothing serves: a route may wait for one of them.

    There is nothing to protect then, but of a singleton another one may still run somewhere.
    """
    alive = {container.service for container in observed.containers if container.alive}
    services = release.rotating if release else stack.rotating
    return tuple(s.name for s in services if not s.before_switch and (s.role is Role.WORKER or s.name not in alive))


def _idle(observed: Observed, stack: Stack, source: Side | None, target: Side) -> Side | None:
    """Return the third side, where anything is left of it: containers, or networks of a clearing that failed."""
    third = target.other
    left = observed.on(third) or observed.networks_of(third, stack.project)
    return third if source not in COLORS and left else None


def strays(observed: Observed, stack: Stack) -> Iterator[Problem]:
    """Say which plain containers run beside an active color; the jobs that go on there since its own failed may."""
    source = source_of(observed, stack)
    if source is Side.PLAIN:
        return
    spared = kept_plain_jobs(observed, stack, source)
    if stray := tuple(name for name in plainly_running(observed, stack) if name not in spared):
        message = f"plain containers of {', '.join(stray)} run beside the active {source or 'stack'}, a third copy"
        yield error("", message, f"end them: docker compose -p {stack.project} rm -sf {' '.join(stray)}")
    if spared:
        message = f"{', '.join(spared)} goes on as a plain container, since that of {source} does not run"
        yield Problem("note", "", message, "the next deploy takes it over")


def kept_plain_jobs(observed: Observed, stack: Stack, source: Side | None) -> tuple[str, ...]:
    """Return the jobs that still run as plain containers because the active color's own failed during adoption."""
    if source not in COLORS:
        return ()
    plain, up = plainly_running(observed, stack), observed.running(source)
    return tuple(s.name for s in stack.rotating if s.name in plain and s.name not in up and not s.before_switch)


def jobs_going_on(observed: Observed, stack: Stack, side: Side) -> tuple[str, ...]:
    """Return the jobs that run on the color *side*, which is not active, while the active color's own do not."""
    active = observed.active
    if active is None or side is active:
        return ()
    up = observed.running(active)
    alive = {container.service for container in observed.on(side) if container.alive} - up
    return tuple(s.name for s in services_on(observed, stack, side) if s.name in alive and not s.before_switch)


def _left_plainly(observed: Observed, stack: Stack) -> tuple[str, ...]:
    """Return the rotating services of which only stopped plain containers exist: ``always`` would revive them."""
    there, running = {c.service for c in observed.on(Side.PLAIN)}, plainly_running(observed, stack)
    return tuple(s.name for s in stack.rotating if s.name in there and s.name not in running)


def leave_transition(observed: Observed, stack: Stack) -> Transition:
    """Return the change of hands from the active color to the plain stack."""
    if observed.active is None:
        raise Refused("no color is active: there is nothing to leave", hint="`teal status` shows what runs")
    transition = plan_transition(observed, stack, command=Command.LEAVE)
    return replace(
        transition,
        target=Side.PLAIN,
        release=None,
        target_services=stack.rotating,
        keep=False,
        taken=taken_over(stack),
    )


def lost_traffic(observed: Observed, stack: Stack) -> Side | None:
    """Return the color that users belong to while the state file doesn't name it."""
    known = observed.past.last_switch[0] if observed.past.last_switch else _only_whole(observed, stack)
    if known not in COLORS or not observed.running(known):
        return None
    if observed.traffic is None:
        return known
    plain = observed.traffic.users is Mode.PLAIN and not plainly_running(observed, stack)
    return known if plain and not _is_leaving(observed) else None


def _only_whole(observed: Observed, stack: Stack) -> Side | None:
    """Return the only color that could serve, where neither state file nor journal knows anything any more."""
    if observed.traffic is not None or observed.unfinished is not None:
        return None
    whole = [color for color in COLORS if _could_serve(observed, stack, color)]
    return whole[0] if len(whole) == 1 else None


def _could_serve(observed: Observed, stack: Stack, color: Side) -> bool:
    """Tell whether all of one release runs on *color*, by what is kept of it, or else by today's files."""
    wanted = {service.name for service in services_on(observed, stack, color)}
    return observed.release_on(color) is not None and bool(wanted) and wanted <= observed.running(color)


def _is_leaving(observed: Observed) -> bool:
    """Tell whether an unfinished leave explains that users go to the plain side."""
    return observed.unfinished is not None and observed.unfinished.target is Side.PLAIN
