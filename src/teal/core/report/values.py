"""The report of one run, as it is kept and printed. Seconds are since the run began, moments since the epoch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

from teal.core.model.side import Side
from teal.core.model.units import Moment, ReleaseId, Seconds

FORMAT = 1
Witness = Literal["prober", "proxy"]


class Author(Struct, frozen=True, omit_defaults=True):
    """Who gave the command, and from where."""

    name: str
    by: str = ""  # sudo, github, gitlab …; "" for a person at a terminal


class Revision(Struct, frozen=True, omit_defaults=True):
    """What the checkout stood at."""

    commit: str
    subject: str = ""
    at: Moment | None = None  # when it was committed
    changed: bool = False  # files differ from it


class Phase(Struct, frozen=True, omit_defaults=True):
    """A step, when it began and how long it took."""

    name: str
    since: Seconds
    seconds: Seconds
    side: Side | None = None


class Hole(Struct, frozen=True):
    """A time in which a witness was away."""

    witness: Witness
    since: Seconds
    until: Seconds
    why: str


class Stretch(Struct, frozen=True, omit_defaults=True):
    """Users' requests between two moments; the latencies are bounds: so many answers began within that time."""

    requests: int
    errors: int  # answered with 5xx
    p50: Seconds | None = None
    p95: Seconds | None = None
    max: Seconds | None = None


class Users(Struct, frozen=True, omit_defaults=True):
    """What the proxy has counted of users' requests, Teal's own left out."""

    since: Seconds
    until: Seconds
    requests: int
    errors: int
    codes: Mapping[str, int]  # status -> requests
    methods: Mapping[str, int]  # method -> requests
    colors: Mapping[str, int]  # color -> requests
    before: Stretch | None = None  # until the switch
    around: Stretch | None = None  # from the switch until nothing was in flight on the old color
    after: Stretch | None = None


class Fault(Struct, frozen=True, omit_defaults=True):
    """Something that the prober met on a route, from when, for how long, and how often."""

    route: str
    what: str  # refused, status 500, no answer in 5 s, waited …
    since: Seconds
    seconds: Seconds
    times: int


class RouteProbed(Struct, frozen=True, omit_defaults=True):
    """What the prober met on one route."""

    path: str
    sent: int
    failed: Mapping[str, int]  # what -> how often
    pause: Seconds | None  # the longest for which nobody who asked got a good answer
    pause_at: Seconds | None
    pause_before: Seconds | None  # the longest that was over before the switch
    p50: Seconds | None = None
    p95: Seconds | None = None
    colors: Mapping[str, int] = {}  # where the state file led them


class Series(Struct, frozen=True, omit_defaults=True):
    """Columns of one value for each *step* seconds from *since* on; null where nobody measured."""

    step: Seconds
    since: Seconds
    blue: tuple[float | None, ...] = ()  # users' requests a second
    green: tuple[float | None, ...] = ()
    errors: tuple[float | None, ...] = ()  # 5xx a second
    asked: tuple[int, ...] = ()  # by the prober
    failed: tuple[int, ...] = ()
    slowest: tuple[int | None, ...] = ()  # of the prober's answers, milliseconds
    usual: tuple[int | None, ...] = ()  # the median one


class Draining(Struct, frozen=True, omit_defaults=True):
    """What was in flight on the side that drained, each time it was looked at."""

    side: Side
    seconds: Seconds
    cut_requests: int = 0
    cut_websockets: int = 0
    counted: bool = True
    seen: tuple[tuple[Seconds, int, int], ...] = ()  # when, requests, WebSockets


class BakeVerdict(Struct, frozen=True, omit_defaults=True):
    """How the new release did while it was watched after the switch."""

    outcome: str  # passed, passed-unseen, rolled-back, held
    seconds: Seconds
    requests: int = 0
    errors: int = 0
    before: float | None = None  # the share of errors before
    why: str = ""


class Report(Struct, frozen=True, omit_defaults=True):
    """What one run did, and what its users met."""

    format: int
    project: str
    run: int
    command: str
    outcome: str
    began: Moment
    seconds: Seconds
    release: ReleaseId | None
    previous: ReleaseId | None
    source: Side | None
    target: Side | None
    by: Author
    revision: Revision | None = None
    message: str = ""
    live: Seconds | None = None  # the switch
    switches: tuple[tuple[Seconds, str], ...] = ()  # when users were sent where
    held: Seconds | None = None  # for how long new requests waited
    paged: Seconds | None = None  # for how long users saw the maintenance page
    phases: tuple[Phase, ...] = ()
    measured: bool = True  # false where the owner wants no measuring
    users: Users | None = None
    prober: Mapping[str, RouteProbed] = {}
    faults: tuple[Fault, ...] = ()
    holes: tuple[Hole, ...] = ()
    drained: Draining | None = None
    bake: BakeVerdict | None = None
    diff: tuple[str, ...] = ()  # what differs between the two releases, a line each
    series: Series | None = None
