"""What commands take and return: their options, and the results, which JSON carries as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct, structs

from teal.core.model.observed import Holder
from teal.core.model.proposal import Proposal
from teal.core.model.side import Side
from teal.core.model.stack import ImageSource, Strategy
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.planning.event_lines import LogLine
from teal.core.planning.rollback import ReleaseState
from teal.core.planning.rollback_floor import Floor
from teal.core.rendering.diff import Difference
from teal.core.status import ReturnWay
from teal.errors import Refused


class OpenRow(Struct, frozen=True):
    """A change that is open: the old and the new shape stand side by side."""

    name: str
    release: ReleaseId  # the first that doesn't need what the contract removes
    opened: Moment
    due: Moment  # the moment at which contract_delay is over
    removes: tuple[str, ...] = ()  # columns and tables in transition, as far as files name them
    waits: tuple[str, ...] = ()  # what its gate waits for


class ServiceStatus(Struct, frozen=True):
    """One service as the engine shows it now; of several replicas the one in the worst state."""

    container: str
    image: str
    state: str
    health: str
    since: Moment | None  # when it was started
    replicas: int = 1


class ColorStatus(Struct, frozen=True):
    """One of the two colors now."""

    role: Literal["active", "standby", "empty"]
    release: ReleaseId | None
    services: Mapping[str, ServiceStatus]


class RollbackStatus(Struct, frozen=True):
    """What ``teal rollback`` would return to, and how."""

    release: ReleaseId
    how: ReturnWay
    seconds: Seconds | None  # about how long until it answers; None where nothing is known
    reason: str = ""  # where it is gone, or has failed to come: why


class KeptRow(Struct, frozen=True):
    """A kept release and its state; one that never served, or failed to come back, comes back only by its number."""

    release: ReleaseId
    state: ReleaseState
    why: str = ""


class Status(Struct, frozen=True):
    """The stack as engine and proxy show it at this moment."""

    project: str
    active: Side | None  # a color; null for a plain, held or absent stack
    users: str  # what the proxy does with users' requests now: blue, green, plain, hold, maintenance, unknown
    release: ReleaseId | None
    previous: ReleaseId | None
    since: Moment | None  # when the active release was switched to
    colors: Mapping[str, ColorStatus]
    shared: Mapping[str, ServiceStatus]
    plain: Mapping[str, ServiceStatus]  # rotating services that run plainly, beside or instead of the colors
    lock: Holder | None
    rollback: RollbackStatus | None
    watched: str = ""  # a release that is tried out or watched just now
    interrupted: str = ""  # what an interrupted command left, and what the next one does about it
    problems: tuple[str, ...] = ()  # what a person should know: published color disagrees, proxy blind, …
    floor: Floor | None = None
    open: tuple[OpenRow, ...] = ()  # changes of the schema whose contract has not been run
    kept: tuple[KeptRow, ...] = ()  # the newest first


class Drained(Struct, frozen=True):
    """What the drain saw: how long, and what was still open when it ended."""

    seconds: Seconds
    cut_requests: int = 0
    cut_websockets: int = 0
    counted: bool = True  # False where the proxy could not count and the time was waited out


class Baked(Struct, frozen=True):
    """How the watch over a new release ended, and what its users met meanwhile."""

    outcome: Literal["passed", "passed-unseen", "promoted", "rolled-back", "held"]
    seconds: Seconds  # for which it was watched
    requests: int  # of users, by the proxy's count
    failed: int  # of these, answered with 5xx
    before_requests: int = 0  # the same of the release before, as long as the proxy has counted
    before_failed: int = 0
    counted: bool = True  # False where the proxy counts nothing: only the containers were watched
    why: str = ""


class Noticed(Struct, frozen=True):
    """What users noticed of a run, as far as it was measured; `teal report` says more."""

    said: str
    requests: int | None  # of users, counted by the proxy; None where it does not count
    failed: int | None  # of those: answered with 5xx
    asked: int  # by the prober
    unanswered: int  # of those: no good answer
    pause: Seconds | None  # the longest for which nobody who asked got a good answer
    whole: bool  # both witnesses were there all the time


class DeployResult(Struct, frozen=True):
    """How deploy, rollback or leave ended."""

    command: str
    project: str
    outcome: Literal["done", "unchanged", "planned", "needs-person"]
    release: ReleaseId | None
    previous: ReleaseId | None
    source: Side | None
    target: Side | None
    live: Seconds | None = None  # from the command's start to the switch
    done: Seconds | None = None  # from the command's start to its end
    phases: Mapping[str, Seconds] = {}  # by the name of the step
    drained: Drained | None = None
    baked: Baked | None = None  # None where no bake was asked for
    steps: tuple[str, ...] = ()  # in words; what a dry run prints
    differs: tuple[str, ...] = ()  # what users would get otherwise than now from a leave; a dry run's
    healed: str = ""  # what of an earlier, interrupted command was put right first
    notes: tuple[str, ...] = ()
    open: tuple[OpenRow, ...] = ()  # changes of the schema whose contract has not been run
    run: int = 0  # as `teal history` and `teal report` number it; 0 for a dry run
    noticed: Noticed | None = None
    changes: Difference | None = None  # what differs from the release that served before; None where that isn't known


class Doubtful(Refused):
    """Something differs that has taken users down elsewhere, and a person has not agreed to it yet."""

    def __init__(self, found: Difference, *, built: bool) -> None:
        doubts = "; ".join(each.said for each in found.warnings)
        super().__init__(f"nobody has agreed to this yet: {doubts}", hint="`teal deploy --yes` goes on anyway")
        self.found = found
        self.built = built  # the images are made already


class DiffResult(Struct, frozen=True):
    """What differs between two releases, or a release and today's files."""

    project: str
    diff: Difference


class DecideResult(Struct, frozen=True):
    """What became of a release that was watched, after somebody has decided."""

    project: str
    decided: str  # promote, abort
    release: ReleaseId | None  # that was watched
    serves: ReleaseId | None
    active: Side | None
    healed: str = ""  # where the command that watched was killed: what was put right


class Tried(Struct, frozen=True):
    """Somebody who was sent a test."""

    to: str  # kind and host; the address is a secret
    on: tuple[str, ...]  # at which ends it is told
    why: str = ""  # it did not arrive; "" where it did


class TriedResult(Struct, frozen=True):
    """Who could be told."""

    project: str
    text: str
    receivers: tuple[Tried, ...]

    @property
    def failed(self) -> bool:
        """Tell whether somebody could not be told."""
        return any(each.why for each in self.receivers)


class CleanupResult(Struct, frozen=True):
    """What ``cleanup`` removed, or would remove."""

    project: str
    outcome: Literal["done", "planned"]
    containers: tuple[str, ...]
    releases: tuple[ReleaseId, ...]
    networks: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    healed: str = ""
    notes: tuple[str, ...] = ()


class UpResult(Struct, frozen=True):
    """What ``up`` did to shared services."""

    project: str
    started: tuple[str, ...]
    updated: tuple[str, ...]
    untouched: tuple[str, ...]


class Gap(Struct, frozen=True):
    """What a restart of the proxy means to its users: nobody gets in until it has stopped and started again."""

    proxy: str
    stop: Seconds  # that what is open then has to end; the rest of it is cut
    open: int | None  # requests in flight now; None where that is unknown
    own: bool = False  # its definition says how long it may take to stop


class UpPlan(Struct, frozen=True):
    """What ``up`` would do to shared services."""

    build: tuple[str, ...]
    restart: tuple[str, ...]  # of what is running; by the images of now
    gap: Gap | None = None  # where the proxy is one of them


class ServiceResult(Struct, frozen=True):
    """What restart, stop or down did to a color."""

    project: str
    command: Literal["restart", "stop", "down"]
    side: Side | None  # None where no color was active
    services: tuple[str, ...]


class Finding(Struct, frozen=True):
    """One thing that ``check`` found."""

    level: Literal["error", "warning", "note"]
    where: str  # file, key or service
    message: str
    remedy: str = ""


class RoleRow(Struct, frozen=True):
    """A service, its role and why."""

    service: str
    role: str
    reason: str
    health: str  # how its readiness is known
    needed: bool


class CheckResult(Struct, frozen=True):
    """What ``check`` says of configuration and machine; nothing was changed."""

    project: str
    roles: tuple[RoleRow, ...]
    findings: tuple[Finding, ...]
    ready: bool
    engine: bool = True  # False: none answered, the files alone were judged
    front: str = ""  # who stands before the routes, in words
    takes: tuple[str, ...] = ()  # what Teal's own proxy takes over of the ways in, in words


class Understood(Struct, frozen=True):
    """What Teal makes of a stack by its files, before anything is done; for a person to agree to."""

    project: str
    first: bool  # no release of it has been made yet
    roles: tuple[RoleRow, ...]
    ports: Mapping[str, int]  # of the routes
    front: str  # who stands before the routes, in words
    takes: tuple[str, ...] = ()  # what the own proxy takes over, in words
    costs: tuple[str, ...] = ()  # what that costs users, once
    data: tuple[str, ...] = ()  # what is made of writable mounts
    questions: tuple[Proposal, ...] = ()  # that only a person can answer
    refused: bool = False  # something else stands in the way: `check` says what


class QuestionRow(Struct, frozen=True):
    """A question that only a person can answer, and what was written."""

    subject: str
    question: str
    why: str
    answers: tuple[str, ...]
    answer: str  # the one that was taken, or is proposed


class InitResult(Struct, frozen=True):
    """What ``init`` wrote."""

    project: str
    outcome: Literal["written", "unchanged"]
    file: str
    lines: str  # the whole of it
    questions: tuple[QuestionRow, ...] = ()
    diff: str = ""  # what the stack's own Caddy lacks to be switched
    applied: bool = False  # whether that was written
    notes: tuple[str, ...] = ()


class HistoryRow(Struct, frozen=True):
    """One past run."""

    id: int
    command: str
    release: ReleaseId | None
    source: Side | None
    target: Side | None
    started: Moment
    seconds: Seconds | None
    outcome: str
    message: str
    phases: Mapping[str, Seconds]


class History(Struct, frozen=True):
    """Past runs, the latest first."""

    runs: tuple[HistoryRow, ...]


class RunLog(Struct, frozen=True):
    """What a run has told, line by line."""

    run: int
    lines: tuple[LogLine, ...]


class DeployOptions(Struct, frozen=True):
    """The choices of one deploy."""

    dry_run: bool = False
    force: bool = False
    force_memory: bool = False
    keep: bool = False  # the old color stays up for an instant rollback
    strategy: Strategy = "blue-green"
    build: ImageSource = "build"
    window: bool = False  # the database changes while users are kept away: `teal migrate window`
    page: bool = False  # users see the maintenance page meanwhile, from the first moment on
    asks: bool = False  # a person can be asked: a warning that is not among *agreed* raises ``Doubtful``
    agreed: frozenset[str] = frozenset()  # warnings that a person has agreed to
    built: bool = False  # images were made by the try that asked: `pre-build` hooks have been run
    told: bool = False  # a person has just read what a first deploy takes over, and what that costs

    def with_agreed(self, to: Doubtful) -> DeployOptions:
        """Return the options of the next try, once a person has agreed; images that were made are not made again."""
        agreed = self.agreed | {each.said for each in to.found.warnings}
        return structs.replace(
            self, agreed=agreed, built=to.built or self.built, build="none" if to.built else self.build
        )


class ContractOptions(Struct, frozen=True):
    """The choices of one contract."""

    dry_run: bool = False
    soft: bool = False  # columns become tombstones first
    give_up: bool = False  # the way back to older releases is given up
    confirmed: bool = False  # the operator has said yes
    trusted: frozenset[str] = frozenset()  # origins of sessions that the operator vouches for
