"""The questions of the exam: changes as an owner would write them, each with the right verdict and what proves it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from teal.core.migrations.files import ScriptFile, read_files
from teal.core.model.migrations import Phase

HERE = Path(__file__).parent
OPEN = HERE / "open"
SOURCES = ("sql", "catalogue", "queries")
_ORDER = (Phase.EXPAND, Phase.BACKFILL, Phase.CONTRACT, Phase.WINDOW)  # as a deploy and its contract run them
_DEMANDED = {"name", "kind", "label", "source", "why", "setup", "files"}
_KNOWN = _DEMANDED | {"queries", "database", "timescale", "role", "harm", "old", "both", "new", "zero", "keeps"}


@dataclass(frozen=True)
class Entry:
    """One question; README.md says what each field means."""

    name: str
    kind: str
    refuse: bool
    source: str
    why: str
    setup: str
    texts: Mapping[str, str]
    queries: tuple[str, ...]
    database: bool
    timescale: bool
    role: str
    harm: Mapping[str, Any]
    old: tuple[str, ...]
    both: tuple[str, ...]
    new: tuple[str, ...]
    zero: tuple[str, ...]
    keeps: Mapping[str, Any]

    def files(self) -> tuple[ScriptFile, ...]:
        """Return the files in the order in which they are run; a ``ConfigError`` is a refusal, too."""
        return tuple(sorted(read_files(self.texts), key=lambda file: (_ORDER.index(file.phase), file.number)))


def load(folder: Path = OPEN) -> list[Entry]:
    """Return the questions of *folder*, by file; their setups are named in ``setups.yml`` of the exam."""
    setups = _yaml(HERE / "setups.yml")
    return [_entry(said, setups) for path in sorted(folder.glob("*.yml")) for said in _yaml(path)]


def _yaml(path: Path) -> Any:
    return YAML(typ="safe").load(path)


def _entry(said: dict[str, Any], setups: Mapping[str, str]) -> Entry:
    name = said["name"]
    assert _DEMANDED <= set(said) <= _KNOWN, f"{name}: {_DEMANDED - set(said) or set(said) - _KNOWN}"
    assert said["label"] in {"allow", "refuse"}, name
    assert said["source"] in SOURCES, name
    assert bool(said.get("harm")) == (said["label"] == "refuse"), f"{name}: a harm belongs to a refusal"
    return Entry(
        name=name,
        kind=said["kind"],
        refuse=said["label"] == "refuse",
        source=said["source"],
        why=said["why"],
        setup="\n".join(setups.get(each, each) for each in _list(said.get("setup"))),
        texts={f"{key}.sql": text for key, text in said["files"].items()},
        queries=_list(said.get("queries")),
        database=said.get("database", True),
        timescale=said.get("timescale", False),
        role=said.get("role", ""),
        harm=said.get("harm", {}),
        old=_list(said.get("old")),
        both=_list(said.get("both")),
        new=_list(said.get("new")),
        zero=_list(said.get("zero")),
        keeps=said.get("keeps", {}),
    )


def _list(said: str | list[str] | None) -> tuple[str, ...]:
    if said is None:
        return ()
    return (said,) if isinstance(said, str) else tuple(said)
