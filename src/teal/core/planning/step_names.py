"""The names under which steps are recorded and printed: journal, JSON output and other programs know them.

They are part of what lies on users' disks: a class may be renamed, a name here never is.
"""

from __future__ import annotations

from enum import StrEnum


class StepName(StrEnum):
    """The lasting name of a kind of step."""

    START_SHARED = "start-shared"
    PREFLIGHT = "preflight"
    BUILD = "build"
    KEEP = "keep"
    CLEAR = "clear"
    RUN_ONCE = "run-once"
    JUDGE = "judge"
    EXPAND = "expand"
    RECHECK = "recheck"
    BACKFILL = "backfill"
    RECORD_CONTRACTS = "record-contracts"
    PUT_BACK = "put-back"
    CREATE = "create"
    START = "start"
    CHECK = "check"
    RUN_HOOK = "run-hook"
    HOLD = "hold"
    RUN_WINDOW = "run-window"
    CLOSE_WINDOW = "close-window"
    BRING_BACK = "bring-back"
    SWITCH = "switch"
    CONFIRM = "confirm"
    HAND_OVER = "hand-over"
    DRAIN = "drain"
    RETIRE = "retire"
    REMOVE = "remove"
    PART = "part"
    SETTLE = "settle"
    PRUNE = "prune"
    OPEN_GATE = "open-gate"
    RAISE_FLOOR = "raise-floor"
    RUN_CONTRACT = "run-contract"
    TAKE_BACK_FLOOR = "take-back-floor"
    UNDO_CONTRACT = "undo-contract"
