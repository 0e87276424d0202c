"""The soft form of a contract: columns become tombstones that can be brought back, and are dropped later.

The soft form renames each column that the contract drops and takes its triggers off; what the undo needs (the
triggers as the server writes them, a comment that stood there) is kept in the comment of the tombstone, so that the
database itself knows. The hard form is the undo followed by the contract as it is written, in one transaction; what
else the contract holds waits for it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from teal.core.migrations.files import TABLE, ScriptFile
from teal.core.migrations.sql import TOMBSTONE, Node, Statement, quoted, words
from teal.core.model.units import Moment
from teal.errors import Refused

_LONGEST = 63  # bytes of a name in PostgreSQL
_DROPS_COLUMN = re.compile(r"\bDROP\s+COLUMN\b", re.IGNORECASE)  # in a body, say


@dataclass(frozen=True, slots=True)
class DroppedColumn:
    """A column that a contract drops."""

    table: str  # quoted: ``"shop"."review"``
    name: str

    @property
    def tombstone(self) -> str:
        """Return what it is called meanwhile."""
        return f"{TOMBSTONE}{self.name}".encode()[:_LONGEST].decode(errors="ignore")


@dataclass(frozen=True, slots=True)
class Soft:
    """What a contract takes away, as far as that can be brought back."""

    columns: tuple[DroppedColumn, ...]
    triggers: tuple[tuple[str, str], ...]  # name, table: quoted
    later: tuple[str, ...] = ()  # statements that wait for the contract itself


def soft_of(file: ScriptFile) -> Soft:
    """Return what the contract *file* takes away; ``Refused`` where the soft form could not bring it back."""
    columns: list[DroppedColumn] = []
    triggers: list[tuple[str, str]] = []
    later: list[str] = []
    for statement in file.statements:
        commands = [each["AlterTableCmd"] for each in statement.node.get("AlterTableStmt", {}).get("cmds", [])]
        drops = [each["name"] for each in commands if each["subtype"] == "AT_DropColumn"]
        if found := _triggers(statement):
            triggers += found
        elif drops and len(drops) == len(commands):
            columns += [DroppedColumn(_table(statement.node["AlterTableStmt"]["relation"]), each) for each in drops]
        elif drops or _DROPS_COLUMN.search(statement.sql):
            raise _refused(file, statement)
        else:
            later.append(" ".join(statement.sql.split()))
    if not columns or not file.transaction:
        raise Refused(f"{file.name}.sql drops no column in a transaction: it has no soft form", hint="leave out --soft")
    return Soft(tuple(columns), tuple(triggers), tuple(later))


def _triggers(statement: Statement) -> list[tuple[str, str]]:
    """Return name and table of the triggers that *statement* drops."""
    node = statement.node.get("DropStmt", {})
    if node.get("removeType") != "OBJECT_TRIGGER":
        return []
    names = [words(each["List"]["items"]) for each in node["objects"]]
    return [(trigger, ".".join(map(quoted, table))) for *table, trigger in names]


def _table(relation: Node) -> str:
    return ".".join(quoted(relation[part]) for part in ("schemaname", "relname") if relation.get(part))


def _refused(file: ScriptFile, statement: Statement) -> Refused:
    said = " ".join(statement.sql.split())[:60]
    return Refused(
        f"{file.name}.sql:{statement.line}: {said} … has no soft form: it does more than drop columns",
        hint="drop the columns in a statement of their own, or run it without --soft",
    )


# What the database's own record of files says of the three forms: one row each, beside that of the contract itself.


def soft_form(file: ScriptFile, now: Moment) -> ScriptFile:
    """Return the file that makes tombstones, at *now* (seconds since the epoch)."""
    return replace(file, name=soft_name(file.name), sql=soft_sql(soft_of(file), file.stem, now))


def hard_form(file: ScriptFile) -> ScriptFile:
    """Return the file that turns tombstones into what the contract as it is written makes of the columns."""
    return replace(file, name=hard_name(file.name), sql=f"{undo_sql(soft_of(file))}{_forget(file)}{file.sql}")


def undo_form(file: ScriptFile) -> ScriptFile:
    """Return the file that brings columns and triggers back."""
    return replace(file, name=f"{file.name}.undone", sql=f"{undo_sql(soft_of(file))}{_forget(file)}")


def soft_name(name: str) -> str:
    """Return what the record calls the soft form of the contract *name*, while it holds."""
    return f"{name}.soft"


def hard_name(name: str) -> str:
    """Return what the record calls the contract *name* that was run over its tombstones."""
    return f"{name}.hard"


def _forget(file: ScriptFile) -> str:
    return f"DELETE FROM {TABLE} WHERE name = {_text(soft_name(file.name))};\n"


def soft_sql(soft: Soft, contract: str, now: Moment) -> str:
    """Return the SQL that makes tombstones of the columns, at *now* (seconds since the epoch)."""
    first = soft.columns[0]
    takes_off = "".join(f"DROP TRIGGER {quoted(name)} ON {table};\n" for name, table in soft.triggers)
    renames = "".join(_rename(each, each.name, each.tombstone) + _free(each) for each in soft.columns)
    marks = "".join(_mark(each, contract, now, soft.triggers if each is first else ()) for each in soft.columns)
    return f"{marks}{takes_off}{renames}"


def undo_sql(soft: Soft) -> str:
    """Return the SQL that brings columns and triggers back as they were."""
    first = soft.columns[0]
    back = "".join(_unmark(each, triggers=each is first) for each in soft.columns)
    return "".join(_rename(each, each.tombstone, each.name) for each in soft.columns) + back


def _rename(column: DroppedColumn, old: str, new: str) -> str:
    return f"ALTER TABLE {column.table} RENAME COLUMN {quoted(old)} TO {quoted(new)};\n"


def _free(column: DroppedColumn) -> str:
    """Return the SQL that lets rows be written without the column: nobody fills it any more."""
    return f"ALTER TABLE {column.table} ALTER COLUMN {quoted(column.tombstone)} DROP NOT NULL;\n"


def _mark(column: DroppedColumn, contract: str, now: Moment, triggers: tuple[tuple[str, str], ...]) -> str:
    """Return the SQL that writes into the column's comment what the undo needs."""
    table, name = _text(column.table), _text(column.name)
    wanted = ", ".join(f"({_text(trigger)}, {_text(on)}::regclass)" for trigger, on in triggers)
    made = (
        "(SELECT json_agg(pg_get_triggerdef(oid) ORDER BY tgname) FROM pg_trigger"
        f" WHERE (tgname::text, tgrelid) IN ({wanted}))"
        if wanted
        else "NULL"
    )
    comment = f"COMMENT ON COLUMN {_escaped(column.table)}.{_escaped(quoted(column.name))} IS %L"
    return f"""DO $teal$ BEGIN EXECUTE format('{comment}',
    json_build_object('contract', {_text(contract)}, 'at', {now:.0f}, 'triggers', {made}, 'comment',
        (SELECT col_description(attrelid, attnum) FROM pg_attribute
            WHERE attrelid = {table}::regclass AND attname = {name}))::text); END $teal$;
"""


def _unmark(column: DroppedColumn, *, triggers: bool) -> str:
    """Return the SQL that puts the comment back, and the triggers that it names."""
    table, name = _text(column.table), _text(column.name)
    place = f"{_escaped(column.table)}.{_escaped(quoted(column.name))}"
    again = (
        "FOR made IN SELECT json_array_elements_text(CASE json_typeof(kept->'triggers') WHEN 'array' THEN"
        " kept->'triggers' ELSE '[]' END) LOOP EXECUTE made; END LOOP;"
        if triggers
        else ""
    )
    return f"""DO $teal$ DECLARE kept json; made text; BEGIN
    SELECT col_description(attrelid, attnum)::json INTO kept FROM pg_attribute
        WHERE attrelid = {table}::regclass AND attname = {name};
    {again}
    EXECUTE format('COMMENT ON COLUMN {place} IS %L', kept->>'comment');
END $teal$;
"""


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def _escaped(name: str) -> str:
    """Return *name* for a format string within quotes."""
    return name.replace("%", "%%").replace("'", "''")
