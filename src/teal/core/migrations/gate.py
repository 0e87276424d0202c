"""The gate before a contract: each condition, the evidence for it, and what would open it.

The contract may run where all of these hold:

- ``serving``: the active release can live without what the contract removes.
- ``containers``: some stand, and none of an older release, on any side, running or stopped.
- ``kept``: no older release is kept for a rollback.
- ``sessions``: no session in the database may be of an older release. A session belongs to the container whose address
  it comes from; one that can't be told counts as old, unless the operator vouches for it.
- ``backfill``: every backfill is finished, and no assertion finds a row.
- ``delay``: ``contract_delay`` has passed since it came, or since its columns became tombstones.
- ``confirmed``: the operator has seen this and said yes.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from teal.core.model.migrations import OpenChange
from teal.core.model.observed import Container, Observed
from teal.core.model.side import COLORS, Side
from teal.core.model.units import Moment, ReleaseId, Seconds

SOCKET = "socket"  # what a session over the server's own socket is called


@dataclass(frozen=True, slots=True)
class DatabaseSession:
    """One client's session as the database server shows it."""

    address: str  # where it comes from, "" over the server's own socket
    application: str = ""  # what it calls itself: shown to people, never believed
    pid: int = 0


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a session comes from, and the release that is served from there; None where nobody can tell."""

    name: str
    release: ReleaseId | None = None


def origin(session: DatabaseSession, containers: Iterable[Container]) -> Origin:
    """Return the origin of *session*: a container of the stack by its address, else the bare address.

    A shared service (a pooler, a monitor) belongs to no release: nobody can tell whose queries it passes on.
    """
    if not session.address:
        return Origin(SOCKET)
    for container in containers:
        if session.address in container.addresses.values():
            return Origin(container.name, container.release)
    return Origin(session.address)


def sessions_of_old_releases(
    sessions: Iterable[DatabaseSession],
    containers: tuple[Container, ...],
    trusted: frozenset[str],
    *,
    minimum: ReleaseId,
) -> tuple[DatabaseSession, ...]:
    """Return the sessions that may be of a release older than *minimum*: what can't be told counts as old."""
    return tuple(each for each in sessions if _may_be_old(each, containers, trusted, minimum))


def _may_be_old(
    session: DatabaseSession, containers: tuple[Container, ...], trusted: frozenset[str], minimum: ReleaseId
) -> bool:
    found = origin(session, containers)
    if found.release is not None:
        return found.release < minimum  # what is known to be old can't be vouched for
    return not trusted & _names(session, found, containers)


def _names(session: DatabaseSession, found: Origin, containers: Iterable[Container]) -> frozenset[str]:
    """Return what an operator may call the origin of *session*."""
    services = {c.service for c in containers if found.name == c.name}
    return frozenset({found.name, session.address or SOCKET, *services})


def say_origins(sessions: Iterable[DatabaseSession], containers: tuple[Container, ...]) -> str:
    """Return *sessions* as words, counted by where they come from."""
    counts = Counter((origin(each, containers), each.application) for each in sessions)
    return ", ".join(_say(found, application, count) for (found, application), count in counts.items())


def _say(found: Origin, application: str, count: int) -> str:
    release = f"release {found.release}" if found.release is not None else "release unknown"
    called = f", calls itself {application!r}" if application else ""
    return f"{count} from {found.name} ({release}{called})"


Name = Literal["serving", "containers", "kept", "sessions", "backfill", "delay", "confirmed"]


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition of the gate: whether it holds, the evidence, and what would make it hold."""

    name: Name
    met: bool
    evidence: str
    opens: str = ""  # what opens it; empty where it is met


@dataclass(frozen=True, slots=True)
class GateEvidence:
    """What was looked at for the gate of one contract, at one moment."""

    change: OpenChange
    active: ReleaseId | None  # the release that users are sent to
    containers: tuple[Container, ...]  # of rotating services, on any side, running or stopped
    kept: tuple[ReleaseId, ...]  # releases whose rollback is kept on disk
    sessions: tuple[DatabaseSession, ...] | None  # of clients, Teal's own left out; None: can't be asked
    standing: tuple[Container, ...] = ()  # every container of the stack: whose address a session may come from
    trusted: frozenset[str] = frozenset()  # origins whose sessions the operator vouches for
    backfills: tuple[str, ...] = ()  # those that have not been finished
    differing: Mapping[str, int | None] = field(default_factory=dict)  # assertion -> rows that it finds wrong; None: ?
    delay: Seconds = Seconds(0.0)  # between the contract's arrival, or its soft form, and its gate
    softened: Moment | None = None  # when its soft form was run
    now: Moment = Moment(0.0)
    confirmed: bool = False  # the operator said yes, having seen all this

    @property
    def minimum(self) -> ReleaseId:
        """Return the first release that can live without what the contract removes."""
        return self.change.release

    def is_old(self, release: ReleaseId | None) -> bool:
        """Tell whether *release* may still need it; one that nobody knows may."""
        return release is None or release < self.minimum

    @property
    def old_containers(self) -> tuple[Container, ...]:
        """Return the containers of releases that may still need it."""
        return tuple(c for c in self.containers if self.is_old(c.release))


def evaluate_gate(seen: GateEvidence) -> tuple[Condition, ...]:
    """Return every condition of the gate; it is open where all of them are met."""
    return tuple(rule(seen) for rule in RULES)


def is_open(conditions: tuple[Condition, ...]) -> bool:
    """Tell whether the contract may run."""
    return bool(conditions) and all(condition.met for condition in conditions)


def rollbacks_lost(seen: GateEvidence) -> tuple[ReleaseId, ...]:
    """Return the releases whose way back must be given up for this contract; never the one that serves."""
    standing = {c.release for c in seen.old_containers if c.release is not None}
    kept = {number for number in seen.kept if seen.is_old(number)}
    return tuple(sorted((standing | kept) - {seen.active}))


def once_given_up(seen: GateEvidence) -> GateEvidence:
    """Return what would be seen once the way back to older releases were given up."""
    gone = set(rollbacks_lost(seen))
    return replace(
        seen,
        containers=tuple(c for c in seen.containers if c.release not in gone),
        kept=tuple(number for number in seen.kept if number not in gone),
        sessions=seen.sessions and tuple(s for s in seen.sessions if origin(s, seen.standing).release not in gone),
    )


def rotating_containers(observed: Observed, names: frozenset[str]) -> tuple[Container, ...]:
    """Return the containers that belong to some release, or run plainly: those of the rotating services *names*."""
    return tuple(c for c in observed.containers if c.side in COLORS or c.service in names)


def _serving(seen: GateEvidence) -> Condition:
    if seen.active is None:
        return Condition("serving", met=False, evidence="no release serves", opens="deploy: `teal deploy`")
    says = f"release {seen.active} serves; the contract needs release {seen.minimum} or newer"
    if seen.is_old(seen.active):
        return Condition("serving", met=False, evidence=says, opens="go forward first: `teal deploy`")
    return Condition("serving", met=True, evidence=says)


def _containers(seen: GateEvidence) -> Condition:
    old = seen.old_containers
    if not seen.containers:
        return Condition("containers", met=False, evidence="the stack has no containers", opens="deploy: `teal deploy`")
    if not old:
        says = f"{', '.join(sorted(c.name for c in seen.containers))}: of release {seen.minimum} or newer"
        return Condition("containers", met=True, evidence=says)
    listed = ", ".join(f"{c.name} ({_release(c)}, {c.state})" for c in old)
    return Condition("containers", met=False, evidence=f"older than release {seen.minimum}: {listed}", opens=_end(seen))


def _end(seen: GateEvidence) -> str:
    """Return how containers of older releases are got rid of."""
    plain = [c for c in seen.old_containers if c.side is Side.PLAIN or c.release is None]
    if plain:
        return f"end what runs outside of any release: docker rm -f {' '.join(c.name for c in plain)}"
    numbers = rollbacks_lost(seen)
    return _give_up(numbers) if numbers else "go forward first: `teal deploy`"


def _give_up(numbers: tuple[ReleaseId, ...]) -> str:
    which = f"release{'s' * (len(numbers) > 1)} {', '.join(map(str, numbers))}"
    return f"give up the rollback to {which}: --give-up"


def _kept(seen: GateEvidence) -> Condition:
    old = tuple(number for number in seen.kept if seen.is_old(number))
    if not old:
        says = f"no release older than {seen.minimum} is kept for a rollback"
        return Condition("kept", met=True, evidence=says)
    says = f"kept for a rollback: release {', '.join(map(str, old))}"
    return Condition("kept", met=False, evidence=says, opens=_give_up(old))


def _sessions(seen: GateEvidence) -> Condition:
    if seen.sessions is None:
        return Condition("sessions", met=False, evidence="the database can't be asked", opens="`teal check` says why")
    old = sessions_of_old_releases(seen.sessions, seen.standing, seen.trusted, minimum=seen.minimum)
    if old:
        says = f"may be of an older release: {say_origins(old, seen.standing)}"
        ways = "end them, or vouch for a pooler that was restarted since: --trust NAME-OR-ADDRESS"
        return Condition("sessions", met=False, evidence=says, opens=ways)
    count = len(seen.sessions)
    vouched = f"; trusted by you: {', '.join(sorted(seen.trusted))}" if seen.trusted else ""
    says = f"{count} session{'s' * (count != 1)} in the database, none from an older release{vouched}"
    return Condition("sessions", met=True, evidence=says)


def _backfill(seen: GateEvidence) -> Condition:
    if seen.backfills:
        says = f"not finished: {', '.join(seen.backfills)}"
        return Condition("backfill", met=False, evidence=says, opens="finish it: `teal migrate backfill`")
    wrong = {sql: count for sql, count in seen.differing.items() if count != 0}
    if wrong:
        listed = "; ".join(f"{_rows(count)}: {sql}" for sql, count in wrong.items())
        uncounted = all(count is None for count in wrong.values())
        opens = "correct the assertion" if uncounted else "fill these rows: `teal migrate backfill`"
        return Condition("backfill", met=False, evidence=listed, opens=opens)
    asked = len(seen.differing)
    says = f"no row left, by {asked} assertion{'s' * (asked != 1)}" if asked else "nothing is left to backfill"
    return Condition("backfill", met=True, evidence=says)


def _rows(count: int | None) -> str:
    return "could not be counted" if count is None else f"{count} row{'s' * (count != 1)} left"


def _delay(seen: GateEvidence) -> Condition:
    passed = Seconds(seen.now - (seen.change.opened if seen.softened is None else seen.softened))
    what = f"it came {_span(passed)} ago with release {seen.minimum}"
    if seen.softened is not None:
        what = f"its columns became tombstones {_span(passed)} ago"
    says = f"{what}; contract_delay is {_span(seen.delay)}"
    if passed < seen.delay:
        return Condition("delay", met=False, evidence=says, opens=f"wait {_span(Seconds(seen.delay - passed))} more")
    return Condition("delay", met=True, evidence=says)


def _confirmed(seen: GateEvidence) -> Condition:
    if not seen.confirmed:
        return Condition("confirmed", met=False, evidence="nobody has said yes yet", opens="answer yes, or --yes")
    return Condition("confirmed", met=True, evidence="you said yes")


def _release(container: Container) -> str:
    return "no release" if container.release is None else f"release {container.release}"


_SPANS = ((86400.0, "d"), (3600.0, "h"), (60.0, "min"))


def _span(seconds: Seconds) -> str:
    """Return a duration in its largest unit, with one decimal where that matters."""
    for size, unit in _SPANS:
        if seconds >= 2 * size:
            return f"{seconds / size:.3g} {unit}"
    return f"{max(0.0, seconds):.0f} s"


RULES: tuple[Callable[[GateEvidence], Condition], ...] = (
    _serving,
    _containers,
    _kept,
    _sessions,
    _backfill,
    _delay,
    _confirmed,
)
