"""What the journal records of a step, and the step that is read again: payloads under keys that last."""

from __future__ import annotations

import msgspec

from teal.core.model.side import Side
from teal.core.model.units import ReleaseId, Seconds
from teal.core.planning.past import Move
from teal.core.planning.step_names import StepName
from teal.core.planning.steps import (
    Bake,
    Build,
    Confirm,
    EmptySide,
    Expand,
    Hold,
    JudgeMigrations,
    Preflight,
    RecordActive,
    RecordWindow,
    RestoreAfterWindow,
    RunHook,
    RunOnce,
    Step,
    Switch,
)


class _Left(msgspec.Struct):
    """What a recorded bake says of the time that is left."""

    seconds: Seconds = Seconds(0.0)


class _Recorded(msgspec.Struct):
    """What a recorded step says that is asked for again: keys of the journal, whatever the code calls them."""

    to: Side | None = None
    side: Side | None = None
    release: ReleaseId | None = None
    page: bool = False


# What a step says for its performing only, by its name in Python: it is no part of the record.
_UNRECORDED = {
    Build: {"side"},
    EmptySide: {"sparing"},
    RecordWindow: {"unseen"},
    Expand: {"serving"},
    JudgeMigrations: {"no_window"},
    Preflight: {"source"},
    RunHook: {"each"},
}


def payload_of(step: Step) -> str:
    """Return what is recorded of *step*: what Teal reads again under lasting keys, the rest for people."""
    said: object = step
    match step:
        case Switch(to, release):
            said = {"to": to, "release": release}
        case Confirm(side, _, _) | RecordActive(side):
            said = {"side": side}
        case RestoreAfterWindow(side, release, services):
            said = {"side": side, "release": release, "services": services}
        case Bake(side, release, _, seconds, _):
            said = {"side": side, "release": release, "seconds": seconds}
        case Hold(page, limit):
            said = {"page": page, "limit": limit}
        case RunOnce(service, release):
            said = {"service": service, "release": release}
        case _ if type(step) in _UNRECORDED:
            left = _UNRECORDED[type(step)]
            said = {name: value for name, value in msgspec.structs.asdict(step).items() if name not in left}
        case _:
            pass
    return msgspec.json.encode(said).decode()


def seconds_left(payload: str) -> Seconds:
    """Return for how long a recorded bake was still to go on."""
    return msgspec.json.decode(payload, type=_Left).seconds


def move_of(name: str, payload: str) -> Move:
    """Return the step that was recorded; ValueError where it says too little."""
    said = msgspec.json.decode(payload, type=_Recorded)
    match name:
        case StepName.RECORD_ACTIVE:
            return RecordActive(said.side)
        case StepName.HOLD:
            return Hold(page=said.page)
        case StepName.SWITCH if said.to is not None:
            return Switch(said.to, said.release)
        case StepName.CONFIRM if said.side is not None:
            return Confirm(said.side)
        case StepName.RESTORE_AFTER_WINDOW if said.side is not None:
            return RestoreAfterWindow(said.side, said.release, ())
        case _:
            raise ValueError(f"{name} says too little: {payload}")
