"""Decides: what the files of a directory of migrations are, which of them are due, and in which order."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

from teal.core.phase import Phase
from teal.core.sql import Statement, statements
from teal.errors import ConfigError, Refused, SchemaBroken

TABLE = "teal.teal_migrations"  # where the database itself says which files were applied
_FILE = re.compile(r"(?P<stem>(?P<number>\d+)_[\w-]+)\.(?P<phase>expand|backfill|contract|window)\.sql")
_NOTE = re.compile(r"^[ \t]*--[ \t]*teal:[ \t]*(.*?)[ \t]*$", re.MULTILINE)
_PAIR = re.compile(r'([a-z_]+)=(?:"((?:[^"\\]|\\.)*)"|((?<=reason=).*|\S+))')
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
    min_release: int = 0
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
        """Return its statements."""
        return statements(self.sql)


@dataclass(frozen=True, slots=True)
class Applied:
    """What the database's own table says of one file."""

    name: str
    checksum: str
    at: float | None = None  # seconds since the epoch; None while it is only begun
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
    _refuse_unrunnable(filename, text, pairs)
    if unknown:
        listed = ", ".join(sorted(_KNOWN - {"phase", "allow"}))
        raise ConfigError(f"{filename}: there is no `{min(unknown)}` in a header", hint=f"write one of: {listed}")
    return ScriptFile(
        name=name,
        stem=found["stem"],
        number=int(found["number"]),
        phase=Phase(found["phase"]),
        sql=text,
        requires=tuple(each.removesuffix(".sql") for each in _list(pairs, "requires")),
        min_release=int(_number(filename, pairs, "min_release")),
        reason=pairs.get("reason", [""])[-1],
        transaction=_transaction(filename, pairs),
        asserts=tuple(each for each in pairs.get("assert", []) if each),
        rate=_number(filename, pairs, "rate"),
    )


_KNOWN = frozenset({"requires", "min_release", "reason", "transaction", "assert", "rate", "phase", "allow"})


def _header(text: str) -> dict[str, list[str]]:
    """Return the keys and values of the ``-- teal:`` lines before the first statement."""
    first = next(iter(statements(text)), None)
    head = "\n".join(text.splitlines()[: first.line - 1]) if first else text
    found: dict[str, list[str]] = {}
    for line in _NOTE.findall(head):
        for key, quoted, bare in _PAIR.findall(line):
            found.setdefault(key, []).append((quoted or bare).replace('\\"', '"'))
    return found


def _list(pairs: Mapping[str, list[str]], key: str) -> list[str]:
    return [each for value in pairs.get(key, []) for each in re.split(r"[,\s]+", value) if each]


def _number(filename: str, pairs: Mapping[str, list[str]], key: str) -> float:
    value = pairs.get(key, ["0"])[-1]
    if not re.fullmatch(r"\d+(\.\d+)?", value):
        raise ConfigError(f"{filename}: {key}={value} is no number", hint=f"for example {key}=7")
    return float(value)


def _refuse_unrunnable(filename: str, text: str, pairs: Mapping[str, list[str]]) -> None:
    """Raise ``ConfigError`` for a statement that the transaction around the file would make fail."""
    alone = next((each for each in statements(text) if each.alone), None)
    if alone and _transaction(filename, pairs):
        said = " ".join(alone.sql.split())[:60]
        hint = "write `-- teal: transaction=no` in the file's first line, and nothing else into the file"
        raise ConfigError(f"{filename}:{alone.line}: {said} … can't run in a transaction", hint=hint)


def _transaction(filename: str, pairs: Mapping[str, list[str]]) -> bool:
    value = pairs.get("transaction", ["yes"])[-1]
    if value not in _YES + _NO:
        raise ConfigError(f"{filename}: transaction={value} is neither yes nor no", hint="write transaction=no")
    return value in _YES


_DROPPED = re.compile(
    r'\bDROP\s+COLUMN\s+(?:IF\s+EXISTS\s+)?("?[\w$]+"?)|\bDROP\s+(?:TABLE|VIEW|TYPE)\s+(?:IF\s+EXISTS\s+)?([\w$."]+)',
    re.IGNORECASE,
)
_ALTERED = re.compile(r'ALTER\s+TABLE\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?([\w$."]+)', re.IGNORECASE)


def removed(file: ScriptFile) -> tuple[str, ...]:
    """Return what *file* removes, as its text names it: ``reviews.author``, ``old_reviews``."""
    found: list[str] = []
    for statement in file.statements:
        table = _ALTERED.match(statement.sql)
        for column, other in _DROPPED.findall(statement.sql):
            found.append(f"{table[1]}.{column}" if column and table else column or other)
    return tuple(found)


def excuses(name: str, sql: str) -> tuple[str, ...]:
    """Return what the script *name* excuses itself for: place, what the judge shall let pass, and the reason."""
    found: list[str] = []
    for number, line in enumerate(sql.splitlines(), 1):
        for note in _NOTE.findall(line):
            said = {key: quoted or bare for key, quoted, bare in _PAIR.findall(note)}
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
