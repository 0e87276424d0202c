"""The names under which commands and steps are recorded and printed: journal, JSON output and other programs know them.

They are part of what lies on users' disks: a class may be renamed, a name here never is.
"""

from __future__ import annotations

from enum import StrEnum


class Command(StrEnum):
    """The lasting name of what a run in the journal was for."""

    DEPLOY = "deploy"
    ROLLBACK = "rollback"
    LEAVE = "leave"
    HEAL = "heal"
    CLEANUP = "cleanup"
    DOWN = "down"
    MIGRATE_WINDOW = "migrate-window"
    MIGRATE_EXPAND = "migrate-expand"
    MIGRATE_BACKFILL = "migrate-backfill"
    MIGRATE_CONTRACT = "migrate-contract"
    MIGRATE_UNDO = "migrate-undo"


class StepName(StrEnum):
    """The lasting name of a kind of step."""

    START_SHARED = "start-shared"
    TAKE_OVER = "take-over"
    GIVE_BACK = "give-back"
    TIDY_PROXY = "tidy-proxy"
    PREFLIGHT = "preflight"
    BUILD = "build"
    SAVE_RELEASE = "keep"
    EMPTY_SIDE = "clear"
    RUN_ONCE = "run-once"
    JUDGE_MIGRATIONS = "judge"
    EXPAND = "expand"
    CHECK_ACTIVE = "recheck"
    BACKFILL = "backfill"
    RECORD_CONTRACTS = "record-contracts"
    PUT_BACK = "put-back"
    CREATE = "create"
    START = "start"
    CHECK_STANDBY = "check"
    RUN_HOOK = "run-hook"
    HOLD = "hold"
    RUN_WINDOW = "run-window"
    RECORD_WINDOW = "close-window"
    RESTORE_AFTER_WINDOW = "bring-back"
    CANARY = "canary"
    SWITCH = "switch"
    CONFIRM = "confirm"
    BAKE = "bake"
    HAND_OVER = "hand-over"
    KEEP_PAGES = "keep-pages"
    DRAIN = "drain"
    RETIRE = "retire"
    REMOVE_PLAIN = "remove"
    LEAVE_NETWORKS = "part"
    RECORD_ACTIVE = "settle"
    PRUNE = "prune"
    OPEN_GATE = "open-gate"
    RAISE_FLOOR = "raise-floor"
    RUN_CONTRACT = "run-contract"
    TAKE_BACK_FLOOR = "take-back-floor"
    UNDO_CONTRACT = "undo-contract"
