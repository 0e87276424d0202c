"""What was seen of one request: the only thing that workers report and the counting reads."""

from dataclasses import dataclass
from enum import StrEnum


class Fault(StrEnum):
    """Why a request failed; NONE if it did not."""

    NONE = ""
    STATUS = "status"  # any answer but 200 (101 for a WebSocket)
    REFUSED = "refused"  # no connection
    RESET = "reset"  # the connection or stream ended before an answer began
    TIMEOUT = "timeout"
    TRUNCATED = "truncated"  # the answer began and did not come whole
    WRONG = "wrong"  # the answer came whole and is not what was asked for
    UNMARKED = "unmarked"  # the answer does not say which release gave it
    CLOSED = "closed"  # the server closed a WebSocket that the client still used
    GENERATOR = "generator"  # a bug of the generator: never excused, never silent


class Action(StrEnum):
    """What a request does; the paths are those of the example stack."""

    GET = "get"
    POST = "post"
    UPLOAD = "upload"
    SLOW = "slow"
    EVENTS = "events"
    WS = "ws"
    CHAIN = "chain"
    JOB = "job"


FAST = frozenset({Action.GET, Action.POST})
LONG = frozenset({Action.UPLOAD, Action.SLOW, Action.EVENTS})


@dataclass(frozen=True, slots=True)
class Sample:
    """One request from its place in the schedule to its end; times are `time.time()`, the rest seconds."""

    action: Action
    way: str  # "h2 kept"
    begun: float  # when the client started sending
    ended: float
    lag: float  # how late the generator itself was: begun minus scheduled
    latency: float  # from the scheduled time to the whole answer
    status: int = 0
    color: str = ""
    release: str = ""
    started: float = 0.0  # X-Started: when the application began the request; 0 if it did not say
    fault: Fault = Fault.NONE
    detail: str = ""  # what was wrong, in words
    code: int = 0  # with which a WebSocket was closed; 0 if without
    mixed: str = ""  # who took part, if not all were of one release
    job: str = ""  # the id of the job that was to be enqueued

    @property
    def kind(self) -> str:
        """Return action and way in one word group, such as `post h2 kept`."""
        return f"{self.action} {self.way}"
