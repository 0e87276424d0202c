"""The files of a directory of migrations: what each is, which are due, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256

from teal.core.migrations.header import pairs_of, said_in
from teal.core.migrations.sql import (
    Statement,
    Unreadable,
    find,
    inside,
    joined,
    kind_of,
    lead,
    parse,
    table_of,
    type_of,
    words,
)
from teal.core.model.migrations import Phase
from teal.core.model.units import Moment, ReleaseId
from teal.errors import ConfigError, Refused, SchemaBroken

TABLE = "teal.teal_migrations"  # where the database itself says which files were applied
_FILE = re.compile(r"(?P<stem>(?P<number>\d+)_[\w-]+)\.(?P<phase>expand|backfill|contract|window)\.sql")
_FORM = "call it NNNN_name.expand.sql, .backfill.sql or .contract.sql"
_YES, _NO = ("yes", "true"), ("no", "false")


@dataclass(frozen=True, slots=True)
class ScriptFile:
    """One file: its phase by its name, its demands by the ``-- teal:`` lines before its first statement."""

    name: str  # without ``.sql``: "0007_writer.expand"
    stem: str  # "0007_writer": the change that it is a part of
    number: int
    phase: Phase
    sql: str
    requires: tuple[str, ...] = ()  # names of files that must have been applied before
    min_release: ReleaseId = ReleaseId(0)
    reason: str = ""
    transaction: bool = True
    asserts: tuple[str, ...] = ()  # queries that count what must be 0 before the contract runs
    rate: float = 0.0  # rows per second that a backfill may touch; 0: as many as leave the database half its time

    @property
    def checksum(self) -> str:
        """Return what tells its text from another."""
        return sha256(self.sql.encode()).hexdigest()

    @property
    def statements(self) -> tuple[Statement, ...]:
        """Return its statements; ``ConfigError`` where PostgreSQL's grammar can't read them."""
        try:
            return tuple(parse(self.sql))
        except Unreadable as error:
            line = self.sql.count("\n", 0, error.at) + 1
            hint = "correct it; Teal reads SQL by the grammar of PostgreSQL 17, and nothing of this file was run"
            raise ConfigError(f"{self.name}.sql:{line}: {error.message}", hint=hint) from error


@dataclass(frozen=True, slots=True)
class Applied:
    """What the database's own table says of one file."""

    name: str
    checksum: str
    at: Moment | None = None  # None while it is only begun
    done: int = 0  # statements, of one that runs outside of a transaction


def read_files(texts: Mapping[str, str]) -> tuple[ScriptFile, ...]:
    """Return the files called as the keys of *texts* say, in order; ``ConfigError`` for what can't be one."""
    found = sorted((_read(name, text) for name, text in texts.items()), key=lambda each: (each.number, each.name))
    names = {each.name for each in found}
    for file in found:
        for wanted in file.requires:
            if wanted not in names:
                hint = "write the name of a file without .sql, for example requires=0007_writer.expand"
                raise ConfigError(f"{file.name}.sql requires {wanted}, which is not there", hint=hint)
    return tuple(found)


def _read(filename: str, text: str) -> ScriptFile:
    found = _FILE.fullmatch(filename)
    if found is None:
        raise ConfigError(f"the migration {filename} names no phase", hint=_FORM)
    name, pairs = filename.removesuffix(".sql"), _header(text)
    unknown = pairs.keys() - _KNOWN
    if unknown:
        listed = ", ".join(sorted(_KNOWN - {"phase", "allow"}))
        raise ConfigError(f"{filename}: there is no `{min(unknown)}` in a header", hint=f"write one of: {listed}")
    file = ScriptFile(
        name=name,
        stem=found["stem"],
        number=int(found["number"]),
        phase=Phase(found["phase"]),
        sql=text,
        requires=tuple(each.removesuffix(".sql") for each in _list(pairs, "requires")),
        min_release=ReleaseId(int(_number(filename, pairs, "min_release"))),
        reason=pairs.get("reason", [""])[-1],
        transaction=_transaction(filename, pairs),
        asserts=tuple(each for each in pairs.get("assert", []) if each),
        rate=_number(filename, pairs, "rate"),
    )
    with suppress(Unreadable):  # the judge says where, and so does whoever runs it
        _refuse_unrunnable(file)
    return file


_KNOWN = frozenset({"requires", "min_release", "reason", "transaction", "assert", "rate", "phase", "allow"})


def _header(text: str) -> dict[str, list[str]]:
    """Return the keys and values of the ``-- teal:`` lines before the first statement."""
    found: dict[str, list[str]] = {}
    for key, value in said_in(text[: lead(text)]):
        found.setdefault(key, []).append(value)
    return found


def _list(pairs: Mapping[str, list[str]], key: str) -> list[str]:
    return [each for value in pairs.get(key, []) for each in re.split(r"[,\s]+", value) if each]


def _number(filename: str, pairs: Mapping[str, list[str]], key: str) -> float:
    value = pairs.get(key, ["0"])[-1]
    if not re.fullmatch(r"\d+(\.\d+)?", value):
        raise ConfigError(f"{filename}: {key}={value} is not a number", hint=f"for example {key}=7")
    return float(value)


def _refuse_unrunnable(file: ScriptFile) -> None:
    """Raise ``ConfigError`` for a statement that the transaction around *file* would make fail."""
    alone = next((each for each in parse(file.sql) if each.outside_transaction), None) if file.transaction else None
    if alone:
        said = " ".join(alone.sql.split())[:60]
        hint = (
            "write `-- teal: transaction=no` in the file's first line: each statement is then a transaction of its own"
        )
        raise ConfigError(f"{file.name}.sql:{alone.line}: {said} … can't run in a transaction", hint=hint)


def _transaction(filename: str, pairs: Mapping[str, list[str]]) -> bool:
    value = pairs.get("transaction", ["yes"])[-1]
    if value not in _YES + _NO:
        raise ConfigError(f"{filename}: transaction={value} is neither yes nor no", hint="write transaction=no")
    return value in _YES


_OBJECTS = {"OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_MATVIEW", "OBJECT_TYPE"}


def removed(file: ScriptFile) -> tuple[str, ...]:
    """Return what *file* removes: ``reviews.author``, ``old_reviews``."""
    return tuple(each for statement in file.statements for each in _removed(statement))


def _removed(statement: Statement) -> Iterator[str]:
    kind, node = kind_of(statement.node), inside(statement.node)
    if kind == "AlterTableStmt":
        commands = find(node, "AlterTableCmd")
        dropped = (each["name"] for each in commands if each.get("subtype") == "AT_DropColumn")
        yield from (f"{table_of(node['relation'])}.{column}" for column in dropped)
    if kind == "DropStmt" and node.get("removeType") in _OBJECTS:
        for each in node["objects"]:
            yield type_of(each["TypeName"]) if "TypeName" in each else joined(words(inside(each).get("items", [])))


def excuses(name: str, sql: str) -> tuple[str, ...]:
    """Return what the script *name* excuses itself for: place, what the judge shall let pass, and the reason."""
    found: list[str] = []
    for number, line in enumerate(sql.splitlines(), 1):
        said = pairs_of(line)
        what = " ".join(f"{key}={said[key]}" for key in ("phase", "allow") if key in said)
        if what:
            found.append(f"{name}:{number}: {what}: {said.get('reason', 'no reason is given')}")
    return tuple(found)


# --- what is due


def pending(files: Sequence[ScriptFile], applied: Iterable[Applied], *phases: Phase) -> tuple[ScriptFile, ...]:
    """Return the files of *phases* (all, for none) that have not been applied whole, in order."""
    done = {each.name for each in applied if each.at is not None}
    return tuple(each for each in files if each.name not in done and (not phases or each.phase in phases))


def refuse_edited(files: Iterable[ScriptFile], applied: Iterable[Applied]) -> None:
    """Raise ``SchemaBroken`` where a file is another one than that which was applied."""
    known = {each.name: each.checksum for each in applied}
    edited = [each.name for each in files if known.get(each.name, each.checksum) != each.checksum]
    if edited:
        raise SchemaBroken(
            f"{', '.join(edited)} was changed after it had been applied: the database is as the old text made it",
            hint="put the old text back, and write the change as a new file with a higher number",
        )


def refuse_early(file: ScriptFile, applied: Iterable[Applied]) -> None:
    """Raise ``Refused`` where something that *file* requires has not been applied."""
    done = {each.name for each in applied if each.at is not None}
    missing = [each for each in file.requires if each not in done]
    if missing:
        raise Refused(f"{file.name} requires {', '.join(missing)}, which has not been applied", hint="apply that first")
