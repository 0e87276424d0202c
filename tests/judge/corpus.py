"""The corpus: changes with their phase, the kind of their table, the verdict, and why.

An entry of ``corpus/*.yml`` has

- ``expand``, ``backfill``, ``contract``, ``window``: its scripts in that order; or ``scripts``, a list of such pairs;
- ``transaction``: false where its scripts run outside a transaction;
- ``table``: plain (said where it isn't), hypertable, partitioned, columnstore, new;
- ``refused``: the rules that refuse it, ``excused``: those that a note in the file excuses; neither: it is safe;
- ``asked``: false where no database was asked;
- ``hurts``: how the damage of a refused one is seen in a real database (``hurting.py``);
- ``why``: the reason for the verdict.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from teal.core.judge import Catalog, Finding, Lint, Phase, Script
from teal.core.judge.evaluate import judge
from tests.judge.catalog import WORLD

HERE = Path(__file__).parent / "corpus"
PHASES = tuple(str(phase) for phase in Phase)


@dataclass(frozen=True)
class Entry:
    """One labelled change."""

    name: str
    scripts: tuple[Script, ...]
    why: str
    topic: str
    table: str = "plain"
    refused: frozenset[str] = frozenset()
    excused: frozenset[str] = frozenset()
    asked: bool = True
    hurts: Any = None
    lint: Lint = field(default_factory=Lint)

    @property
    def findings(self) -> tuple[Finding, ...]:
        """What the judge says."""
        return judge(self.scripts, WORLD if self.asked else Catalog(), self.lint)


def load() -> list[Entry]:
    """All entries, by file."""
    return [_entry(said, path.stem) for path in sorted(HERE.glob("*.yml")) for said in YAML(typ="safe").load(path)]


def _entry(said: dict[str, Any], topic: str) -> Entry:
    pairs = [(key, one[key]) for one in said.get("scripts", [said]) for key in one if key in PHASES]
    scripts = tuple(
        Script(f"{number:04}.{phase}.sql", Phase(phase), sql, transaction=said.get("transaction", True))
        for number, (phase, sql) in enumerate(pairs, 1)
    )
    known = {"name", "scripts", "transaction", "table", "refused", "excused", "asked", "hurts", "why", *PHASES}
    assert set(said) <= known, f"{said['name']}: {set(said) - known}"
    return Entry(
        said["name"],
        scripts,
        said["why"],
        topic,
        said.get("table", "plain"),
        _names(said.get("refused", [])),
        _names(said.get("excused", [])),
        said.get("asked", True),
        said.get("hurts"),
    )


def _names(said: str | list[str]) -> frozenset[str]:
    return frozenset([said] if isinstance(said, str) else said)
