"""Write the JSON Schemas that ship with Teal, from the types that commands return: python scripts/schemas.py."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import msgspec

from teal.config import teal_yml
from teal.core.migrations.draft import Series
from teal.core.planning.event_lines import NAMES
from teal.core.report.over import Summary
from teal.core.report.values import Report
from teal.core.telling.endings import Notification
from teal.run.api import (
    CheckResult,
    CleanupResult,
    DeployResult,
    DiffResult,
    History,
    InitResult,
    RunLog,
    ServiceResult,
    Status,
    TriedResult,
    UpResult,
)
from teal.run.migrations.results import ContractResult, MigrateCheckResult, MigrateResult, MigrateStatus

_DRAFT = "https://json-schema.org/draft/2020-12/schema"
_RESULTS: dict[str, tuple[Any, str]] = {
    "status": (Status, "teal status --json"),
    "deploy": (DeployResult, "the last line of teal deploy --json; plan, rollback and leave print the same"),
    "notify": (TriedResult, "teal notify test --json"),
    "notification": (Notification, "what a receiver in the form json is sent"),
    "diff": (DiffResult, "teal diff --json"),
    "cleanup": (CleanupResult, "the last line of teal cleanup --json"),
    "by-hand": (ServiceResult, "the last line of teal restart, stop or down --json"),
    "contracted": (ContractResult, "the last line of teal migrate contract or undo --json"),
    "up": (UpResult, "the last line of teal up --json"),
    "init": (InitResult, "teal init --json"),
    "history": (History, "teal history --json"),
    "report": (Report, "teal report --json"),
    "report-since": (Summary, "teal report --since 30d --json"),
    "run-log": (RunLog, "teal history RUN --json"),
    "check": (CheckResult, "teal check --json"),
    "migrate-status": (MigrateStatus, "teal migrate status --json"),
    "migrate-check": (MigrateCheckResult, "teal migrate check --json"),
    "migrate-plan": (Series, "teal migrate plan --json"),
    "migrated": (MigrateResult, "the last line of teal migrate expand or backfill --json"),
}


# What a schema has called a type from its beginning: such a name outlives a rename in the code.
_NAMES = {
    "status": {"Holder": "LockStatus", "Floor": "FloorStatus"},
    "deploy": {"DeployResult": "Outcome"},
    "cleanup": {"CleanupResult": "Cleaned"},
    "by-hand": {"ServiceResult": "ByHand"},
    "contracted": {"ContractResult": "Contracted"},
    "up": {"UpResult": "Upped"},
    "check": {"CheckResult": "Checked"},
    "migrate-check": {"Finding": "FindingRow", "MigrateCheckResult": "MigrateChecked"},
    "migrated": {"MigrateResult": "Migrated"},
}


def schemas() -> dict[str, dict[str, Any]]:
    """Return every schema by its name."""
    made = {name: _of(kind, title, _NAMES.get(name, {})) for name, (kind, title) in _RESULTS.items()}
    return {**made, "event": _event(), "error": _error(), "teal.yml": teal_yml.schema()}


def _of(kind: Any, title: str, names: dict[str, str]) -> dict[str, Any]:
    text = msgspec.json.encode(msgspec.json.schema(kind)).decode()  # defaults as JSON has them
    for name, public in names.items():
        text = text.replace(f'"{name}"', f'"{public}"').replace(f'"#/$defs/{name}"', f'"#/$defs/{public}"')
    made = msgspec.json.decode(text)
    return {"$schema": _DRAFT, "title": title, **made}


def _object(title: str, properties: dict[str, Any], required: list[str]) -> dict[str, Any]:
    return {"$schema": _DRAFT, "title": title, "type": "object", "properties": properties, "required": required}


def _event() -> dict[str, Any]:
    text, number = {"type": "string"}, {"type": "number"}
    side = {"enum": ["blue", "green", "plain"]}
    properties = {
        "event": {"enum": list(NAMES.values())},
        "elapsed": {**number, "description": "seconds since the command's start"},
        "run": {"type": "integer", "description": "the run's number, as `teal history` has it"},
        "command": text,
        "source": {"enum": [*side["enum"], None]},
        "target": {"enum": [*side["enum"], None]},
        "release": {"type": ["integer", "null"]},
        "outcome": text,
        "message": text,
        "step": text,
        "text": text,
        "seconds": number,
        "passed": {"type": "boolean", "description": "true where nothing had to be done"},
        "side": side,
        "service": text,
        "state": text,
        "requests": {"type": "integer"},
        "websockets": {"type": "integer"},
        "kind": {"enum": ["tool", "note", "warning"]},
    }
    return _object(
        "a line before the last of teal deploy, rollback, leave or cleanup --json", properties, ["event", "elapsed"]
    )


def _error() -> dict[str, Any]:
    fields = {
        "message": {"type": "string", "description": "what went wrong"},
        "hint": {"type": "string", "description": "what to do"},
        "status": {"type": "integer", "description": "the exit status"},
        "detail": {"type": "string", "description": "a tool's or a service's own last lines"},
        "report": {"type": "object", "description": "with status 4: what was done nevertheless, as a deploy prints it"},
    }
    error = {"type": "object", "properties": fields, "required": ["message", "hint", "status"]}
    return _object("the last line of any failed command with --json", {"error": error}, ["error"])


FOLDER = Path(__file__).parent.parent / "src" / "teal" / "schemas"


def main() -> None:
    """Write every schema, remove those that are no more."""
    wanted = {f"{name}.json": schema for name, schema in schemas().items()}
    for path in FOLDER.glob("*.json"):
        if path.name not in wanted:
            path.unlink()
    for name, schema in wanted.items():
        (FOLDER / name).write_text(json.dumps(schema, indent=2, ensure_ascii=False) + "\n")


if __name__ == "__main__":
    main()
