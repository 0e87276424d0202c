"""The steps that plans are made of: what is true once a step was performed.

- Each step is a frozen fact that can be performed twice as well as once; it says all that its performing has to know,
  so that nobody asks the plan what a step means where it stands. What its failure leads to, ``order`` says.
- Names and payloads of the journal are pinned apart: a field that is added here is not recorded by itself.
- They are msgspec's structs, as the results in ``run.api`` are: dataclasses cost each command 20 ms more of its start.
"""

from __future__ import annotations

from typing import ClassVar

from msgspec import Struct

from teal.core.model.migrations import Phase
from teal.core.model.side import Side
from teal.core.model.stack import HookMoment, Stage
from teal.core.model.units import ReleaseId, Seconds
from teal.core.planning.step_names import StepName


class OpenGate(Struct, frozen=True):
    """Every condition of the gate before *contract* holds; sessions from *trusted* origins are vouched for."""

    name: ClassVar[StepName] = StepName.OPEN_GATE
    contract: str
    trusted: tuple[str, ...] = ()


class RaiseFloor(Struct, frozen=True):
    """The journal knows that *contract* is run, or about to be: no release that needs what it removes comes back."""

    name: ClassVar[StepName] = StepName.RAISE_FLOOR
    contract: str


class RunContract(Struct, frozen=True):
    """*contract* has been run from *release*, or, *soft*, what it drops has been renamed to a tombstone."""

    name: ClassVar[StepName] = StepName.RUN_CONTRACT
    contract: str
    release: ReleaseId
    soft: bool = False


class TakeBackFloor(Struct, frozen=True):
    """The floor that *contract* raised is gone again, where it is certain that nothing of it was applied."""

    name: ClassVar[StepName] = StepName.TAKE_BACK_FLOOR
    contract: str


class UndoContract(Struct, frozen=True):
    """What the soft form of *contract* renamed has its name again."""

    name: ClassVar[StepName] = StepName.UNDO_CONTRACT
    contract: str


ContractStep = OpenGate | RaiseFloor | RunContract | TakeBackFloor | UndoContract


class StartShared(Struct, frozen=True):
    """The shared services run; those that are absent are created, those that run are not touched."""

    name: ClassVar[StepName] = StepName.START_SHARED
    services: tuple[str, ...]


class TakeOver(Struct, frozen=True):
    """Teal's own proxy has the ports and names of *services*; their plain containers, if any ran, are stopped.

    Users' new requests wait meanwhile, as far as they come through the proxy already.
    """

    name: ClassVar[StepName] = StepName.TAKE_OVER
    services: tuple[str, ...]


class GiveBack(Struct, frozen=True):
    """Teal's own proxy holds no port of this machine any more."""

    name: ClassVar[StepName] = StepName.GIVE_BACK


class TidyProxy(Struct, frozen=True):
    """Of Teal's own proxy runs what *side* needs: on a color one of it, on the plain side none."""

    name: ClassVar[StepName] = StepName.TIDY_PROXY
    side: Side


class Preflight(Struct, frozen=True):
    """The machine has room for a second color, and the proxy reads Teal's state file."""

    name: ClassVar[StepName] = StepName.PREFLIGHT
    force_memory: bool = False
    source: Side | None = None  # what serves now: what the second color will need is told by it


class Build(Struct, frozen=True):
    """The images of the new release exist: built, or pulled, from today's files."""

    name: ClassVar[StepName] = StepName.BUILD
    services: tuple[str, ...]
    pull: tuple[str, ...] = ()  # services whose image is pulled, whether it is there or not
    absent: tuple[str, ...] = ()  # services whose image is pulled since it is not there
    mounted: tuple[str, ...] = ()  # images that are mounted as volumes, and are not there
    side: Side = Side.PLAIN  # what they are for


class SaveRelease(Struct, frozen=True):
    """Release *release* is pinned: image ids tagged, both renderings and their files written."""

    name: ClassVar[StepName] = StepName.SAVE_RELEASE
    release: ReleaseId
    side: Side


class EmptySide(Struct, frozen=True):
    """No container or private network of *side* is left (never its volumes); logs of a failed one are kept.

    A job of *sparing* that runs there stays, with its networks.
    """

    name: ClassVar[StepName] = StepName.EMPTY_SIDE
    side: Side
    logs: bool = False
    sparing: frozenset[str] = frozenset()


class RunOnce(Struct, frozen=True):
    """One-shot *service* of *release* ran to its end with status 0."""

    name: ClassVar[StepName] = StepName.RUN_ONCE
    service: str
    release: ReleaseId


class JudgeMigrations(Struct, frozen=True):
    """The SQL that *release* brings hurts neither the release that serves nor anybody who waits for a lock.

    *phases*: those that will be run now, for none expand and backfill; *only*: of one change, for "" of all.
    """

    name: ClassVar[StepName] = StepName.JUDGE_MIGRATIONS
    release: ReleaseId
    phases: tuple[Phase, ...] = ()
    only: str = ""
    no_window: bool = False  # a change that waits for a window is refused: something of the application runs


class CheckActive(Struct, frozen=True):
    """The release that serves passes its own checks on the expanded schema, too."""

    name: ClassVar[StepName] = StepName.CHECK_ACTIVE
    side: Side
    release: ReleaseId | None


class Expand(Struct, frozen=True):
    """The expand phase of *release* is in the database: both releases can live with it. *how* in words.

    *serving* is checked once before anything is changed: else nobody could tell what the schema has to do with it.
    """

    name: ClassVar[StepName] = StepName.EXPAND
    release: ReleaseId
    how: str
    serving: CheckActive | None = None


class Backfill(Struct, frozen=True):
    """The rows are as the new schema wants them; *how* in words."""

    name: ClassVar[StepName] = StepName.BACKFILL
    release: ReleaseId
    how: str


class RecordContracts(Struct, frozen=True):
    """The journal knows which contracts *release* brings: open from here on."""

    name: ClassVar[StepName] = StepName.RECORD_CONTRACTS
    release: ReleaseId


class PutBack(Struct, frozen=True):
    """*images*, by their names in the files, are those of *release*: whoever has built or pulled since moved them."""

    name: ClassVar[StepName] = StepName.PUT_BACK
    release: ReleaseId
    images: tuple[str, ...]


class Create(Struct, frozen=True):
    """The containers of *release* exist on *side*, not started; *apart*: plain names mean no plain container."""

    name: ClassVar[StepName] = StepName.CREATE
    side: Side
    release: ReleaseId | None  # None on the plain side: today's files
    apart: bool = False


class Start(Struct, frozen=True):
    """*services* on *side* run and have passed the gate; *beside* were started with them, and are not waited for."""

    name: ClassVar[StepName] = StepName.START
    side: Side
    release: ReleaseId | None
    services: tuple[str, ...]
    beside: tuple[str, ...] = ()


class CheckStandby(Struct, frozen=True):
    """Every check of the owner passed on *side*, through the real proxy and in its containers."""

    name: ClassVar[StepName] = StepName.CHECK_STANDBY
    side: Side
    release: ReleaseId | None


class RunHook(Struct, frozen=True):
    """The owner's commands for this moment ended with status 0; *each* was run, whatever became of the others."""

    name: ClassVar[StepName] = StepName.RUN_HOOK
    when: HookMoment
    side: Side
    release: ReleaseId | None
    each: bool = False


class Hold(Struct, frozen=True):
    """Users' new requests wait at the proxy, or are turned away with the maintenance page.

    Where they wait and *limit* seconds are over, those that come later see the page.
    """

    name: ClassVar[StepName] = StepName.HOLD
    page: bool = False
    limit: Seconds = Seconds(0.0)  # 0 for none


class RunWindow(Struct, frozen=True):
    """The window's changes of *release* are in the database; nothing of the application runs meanwhile."""

    name: ClassVar[StepName] = StepName.RUN_WINDOW
    release: ReleaseId


class RecordWindow(Struct, frozen=True):
    """The journal knows what windows have changed: no release that can't live with it comes back."""

    name: ClassVar[StepName] = StepName.RECORD_WINDOW
    release: ReleaseId
    unseen: bool = False  # the window was another run's, which was killed: whether it came to it is not known


class RestoreAfterWindow(Struct, frozen=True):
    """After a window that failed: *services* of *release* run and answer as the database is now, and users go there.

    Where they don't, the maintenance page stays.
    """

    name: ClassVar[StepName] = StepName.RESTORE_AFTER_WINDOW
    side: Side
    release: ReleaseId | None
    services: tuple[str, ...]


class Switch(Struct, frozen=True):
    """All routes go to *to* from here on: the point of no return.

    What has passed the gate is looked at right before it, but *again*: users are there already. With *pages* those of
    *release* bear its number, and what those of the *older* one ask for goes on to its side.
    """

    name: ClassVar[StepName] = StepName.SWITCH
    to: Side
    release: ReleaseId | None
    again: bool = False
    pages: bool = False
    older: tuple[Side, ReleaseId] | None = None


class Confirm(Struct, frozen=True):
    """Asked through the proxy, every route of *release* answers from *side*; users were on *source* before."""

    name: ClassVar[StepName] = StepName.CONFIRM
    side: Side
    release: ReleaseId | None = None
    source: Side | None = None


class Singleton(Struct, frozen=True):
    """A singleton that changes hands, and the side whose own goes on where the new one fails."""

    service: str
    source: Side | None


class RunCanary(Struct, frozen=True):
    """Some users have gone to *release* on *side*, more in each stage, and it was no worse than *warm* meanwhile."""

    name: ClassVar[StepName] = StepName.CANARY
    side: Side
    release: ReleaseId
    warm: Side
    stages: tuple[Stage, ...]


class Bake(Struct, frozen=True):
    """*release* on *side* has served users for *seconds*, and is no worse than what served before it.

    *warm*: the side that served before, and still runs: it is asked before anything goes back; None where none does.
    """

    name: ClassVar[StepName] = StepName.BAKE
    side: Side
    release: ReleaseId | None
    warm: Side | None
    seconds: Seconds
    back: bool = True  # False: it is only watched, since nothing may go back


class HandOver(Struct, frozen=True):
    """The jobs run on *to*: *workers* beside the old ones, *singletons* there and nowhere else.

    All are waited for at once. One that fails is stopped, and the old one goes on.
    """

    name: ClassVar[StepName] = StepName.HAND_OVER
    to: Side
    release: ReleaseId | None
    workers: tuple[str, ...]
    singletons: tuple[Singleton, ...]


class KeepPages(Struct, frozen=True):
    """*window* seconds since the switch are over, and pages of an older release don't lead to *side* any more."""

    name: ClassVar[StepName] = StepName.KEEP_PAGES
    side: Side
    window: Seconds


class Drain(Struct, frozen=True):
    """Nothing of the users is in flight on *side* any more, or the time for it is over."""

    name: ClassVar[StepName] = StepName.DRAIN
    side: Side


class Retire(Struct, frozen=True):
    """*services* on *side* are stopped in reverse order, each with its own grace; kept for rollback."""

    name: ClassVar[StepName] = StepName.RETIRE
    side: Side
    services: tuple[str, ...]


class RemovePlain(Struct, frozen=True):
    """The retired plain containers are removed: an engine restart must not revive them."""

    name: ClassVar[StepName] = StepName.REMOVE_PLAIN
    services: tuple[str, ...]


class LeaveNetworks(Struct, frozen=True):
    """No shared service is on a network of *side*'s own any more, unless something runs there."""

    name: ClassVar[StepName] = StepName.LEAVE_NETWORKS
    side: Side


class RecordActive(Struct, frozen=True):
    """The state file names *side* without a key and ``.deployment-color`` says the same."""

    name: ClassVar[StepName] = StepName.RECORD_ACTIVE
    side: Side | None


class Prune(Struct, frozen=True):
    """Of the kept releases, *releases* are gone: tags, images that nothing else names, files."""

    name: ClassVar[StepName] = StepName.PRUNE
    releases: tuple[ReleaseId, ...]


Step = (
    StartShared
    | TakeOver
    | GiveBack
    | TidyProxy
    | Preflight
    | Build
    | SaveRelease
    | EmptySide
    | RunOnce
    | JudgeMigrations
    | Expand
    | CheckActive
    | Backfill
    | RecordContracts
    | PutBack
    | Create
    | Start
    | CheckStandby
    | RunHook
    | Hold
    | RunWindow
    | RecordWindow
    | RestoreAfterWindow
    | RunCanary
    | Switch
    | Confirm
    | Bake
    | HandOver
    | KeepPages
    | Drain
    | Retire
    | RemovePlain
    | LeaveNetworks
    | RecordActive
    | Prune
    | ContractStep
)
