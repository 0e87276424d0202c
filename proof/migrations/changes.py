"""The four changes, each on a plain table and on a hypertable, with what the application is told of it."""

from dataclasses import dataclass, field
from pathlib import Path

from proof.managed import Managed

TABLES = ("reviews", "visits")
HYPERTABLES = {"visits"}


@dataclass(frozen=True, slots=True)
class Change:
    """One row of the table: *sentence* with ``{table}`` in it, and the variables of the release that knows it."""

    name: str
    sentence: str
    variables: dict[str, str] = field(default_factory=dict)
    contracts: bool = True  # something is left to be removed


CHANGES = (
    Change("add a column", "add {table}.helpful integer not null default 0", {"RATED": "yes"}, contracts=False),
    Change("rename a column", "rename {table}.author to writer text not null", {"AUTHOR": "writer"}),
    Change(
        "change a type",
        "change {table}.stars to numeric(8,2) as score not null using stars::numeric(8,2) back round(score)::integer",
        {"STARS": "score"},
    ),
    Change("remove a column", "remove {table}.source not null", {"SOURCED": ""}),
)


def write_files(stack: Managed, change: Change) -> None:
    """Write the series of *change* for each table as a developer would: by ``teal migrate plan``."""
    folder = stack.folder / "migrations"
    folder.mkdir(exist_ok=True)
    for table in TABLES:
        hyper = ["--hypertable"] if table in HYPERTABLES else []
        stack.teal("migrate", "plan", change.sentence.format(table=table), *hyper, "--write", str(folder))


def contracts_of(stack: Managed, change: Change) -> list[str]:
    """Return the names of the contracts that *change* has brought."""
    what = change.sentence.split()[0]
    found = Path(stack.folder, "migrations").glob(f"*_{what}_*.contract.sql")
    return sorted(path.name.removesuffix(".contract.sql") for path in found)
