"""SQL and plpgsql into trees, by PostgreSQL's own grammar (libpg_query, through ``pgparse``); what a statement is.

The runner and the judge read SQL here, so that both see the same statements. The library comes with the extra
``teal-deploy[migrations]``: it is imported where SQL is read, not before.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from teal.errors import ConfigError

Node = dict[str, Any]  # ``{"Kind": {field: value}}``; empty and false fields are left out


class Unreadable(Exception):
    """Text that is no SQL (or plpgsql): *message* is the parser's, *at* the offset in characters."""

    def __init__(self, message: str, at: int = 0) -> None:
        super().__init__(message)
        self.message, self.at = message, at


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement: its tree, its text, the comments before it, and its line in the file."""

    node: Node
    comments: str  # before it, and behind it on its last line
    sql: str
    line: int  # of its first word

    @property
    def outside_transaction(self) -> str:
        """Return what of it can't run within a transaction; "" where all of it can."""
        commits = kind_of(self.node) == "DoStmt" and any(True for _ in find(parse_plpgsql(self.sql), *COMMITS))
        if kind_of(self.node) == "AlterTableStmt":
            return next(filter(None, (outside_transaction("AlterTableCmd", each) for each in self._commands)), "")
        return outside_transaction(kind_of(self.node), inside(self.node), commits=commits)

    @property
    def unhurried(self) -> bool:
        """Tell whether it may take its time, since it blocks nobody meanwhile."""
        validates = any(each.get("subtype") == "AT_ValidateConstraint" for each in self._commands)
        return validates or bool(self.outside_transaction)

    @property
    def blocks_nobody(self) -> bool:
        """Tell whether readers and writers go on while it waits for what was begun before it."""
        return self.outside_transaction == CONCURRENTLY

    @property
    def batched(self) -> bool:
        """Tell whether it changes a limited number of rows, and so is repeated until there are none left."""
        if kind_of(self.node) not in (*_CHANGES, "SelectStmt"):
            return False
        return any(True for _ in find(self.node, *_CHANGES)) and any(True for _ in _limits(self.node))

    @property
    def patient(self) -> str:
        """Return its text without SKIP LOCKED: rows that others hold are waited for."""
        return _SKIPS.sub(lambda found: " " if found["skips"] else found[0], self.sql)

    def after(self, sql: str, rows: int) -> str:
        """Return what is run after a round of *sql* that changed *rows*; "" where none is left.

        Where rows that others hold are skipped, none that was found does not mean that none is left.
        """
        if rows and self.batched:
            return sql
        return self.patient if self.batched and sql != self.patient else ""

    @property
    def index(self) -> str:
        """Return the index that it makes outside of a transaction, quoted; "" for none."""
        name = inside(self.node).get("idxname", "") if kind_of(self.node) == "IndexStmt" else ""
        if not name or not self.outside_transaction:
            return ""
        schema = inside(self.node).get("relation", {}).get("schemaname", "")
        return ".".join(quoted(each) for each in (schema, name) if each)

    @property
    def _commands(self) -> list[Node]:
        """Return the commands of an ``ALTER TABLE``, which ``ALTER INDEX`` and others are, too."""
        return [inside(each) for each in self.node.get("AlterTableStmt", {}).get("cmds", [])]


CONCURRENTLY = "CONCURRENTLY"
TOMBSTONE = "teal_gone_"  # begins the name of a column that waits to be dropped
COMMITS = ("PLpgSQL_stmt_commit", "PLpgSQL_stmt_rollback")
_CHANGES = ("UpdateStmt", "InsertStmt", "DeleteStmt", "MergeStmt")
_NEVER_WITHIN = {
    "CreatedbStmt": "CREATE DATABASE",
    "DropdbStmt": "DROP DATABASE",
    "CreateTableSpaceStmt": "CREATE TABLESPACE",
    "DropTableSpaceStmt": "DROP TABLESPACE",
    "AlterSystemStmt": "ALTER SYSTEM",
    "CallStmt": "CALL of a procedure, which may commit",
}
_WHOLE = {"REINDEX_OBJECT_SCHEMA", "REINDEX_OBJECT_SYSTEM", "REINDEX_OBJECT_DATABASE"}


def outside_transaction(kind: str, node: Node, *, commits: bool = False) -> str:
    """Return what of a statement, or of a command of ``ALTER TABLE``, can't run within a transaction; "" for nothing.

    *kind* and *node* are the parser's; *commits*: a ``DO`` block ends transactions itself.
    Source: the notes of each command in PostgreSQL 17's reference, of chunks in TimescaleDB's.
    """
    if kind in _NEVER_WITHIN:
        return _NEVER_WITHIN[kind]
    if kind == "VacuumStmt":
        return "VACUUM" if node.get("is_vacuumcmd") else ""
    if kind == "DoStmt":
        return "a DO block with COMMIT" if commits else ""
    if kind == "ReindexStmt" and node.get("kind") in _WHOLE:
        return "REINDEX of more than one table"
    if kind == "ClusterStmt" and not node.get("relation"):
        return "CLUSTER of all tables"
    if kind == "IndexStmt" and per_chunk(node):
        return "transaction_per_chunk"
    if kind == "ReindexStmt":
        return CONCURRENTLY if is_on(option(node.get("params", []), "concurrently")) else ""
    partition: Node = node.get("def", {}) if kind == "AlterTableCmd" else {}
    partition = partition.get("PartitionCmd", partition)
    of_index = kind in ("IndexStmt", "DropStmt") and node.get("concurrent")  # REFRESH … CONCURRENTLY may be in one
    return CONCURRENTLY if of_index or partition.get("concurrent") else ""


def per_chunk(node: Node) -> bool:
    """Tell whether the index is made chunk by chunk of a hypertable, each in a transaction of its own."""
    return is_on(option(node.get("options", []), "transaction_per_chunk", "timescaledb"))


def is_on(said: Node | None) -> bool:
    """Tell whether an option is there and means yes: ``CONCURRENTLY``, ``CONCURRENTLY true``, not ``… false``."""
    if said is None:
        return False
    value: Node = said.get("arg", {})
    if "Integer" in value:
        return bool(value["Integer"].get("ival", 0))
    if "Boolean" in value:
        return bool(value["Boolean"].get("boolval", False))
    word = value.get("String", {}).get("sval") or type_of(value.get("TypeName"))
    return str(word).lower() not in {"false", "off", "no", "0"}


def _limits(tree: Any) -> Iterator[Any]:
    """Yield each LIMIT or FETCH FIRST within *tree*."""
    if isinstance(tree, list):
        for item in tree:
            yield from _limits(item)
    elif isinstance(tree, dict):
        for name, value in tree.items():
            if name == "limitCount":
                yield value
            yield from _limits(value)


def quoted(name: str) -> str:
    """Return *name* as an identifier of SQL, whatever it contains."""
    return '"' + name.replace('"', '""') + '"'


def parse(sql: str) -> list[Statement]:
    """Return the statements of *sql*; ``Unreadable`` where the grammar ends."""
    raw = sql.encode()
    found: list[Statement] = []
    for one in _asked(lambda library: library.parse(sql)):
        start = one.get("stmt_location", 0)
        end = start + one["stmt_len"] if one.get("stmt_len") else len(raw)
        chunk = raw[start:end].decode()
        first = lead(chunk)
        line = raw[:start].count(b"\n") + chunk.count("\n", 0, first) + 1
        behind, comments = _parted(chunk[:first]) if found else ("", chunk[:first])
        if behind:
            found[-1] = replace(found[-1], comments=f"{found[-1].comments}\n{behind}")
        found.append(Statement(one["stmt"], comments, chunk[first:].rstrip(), line))
        rest = raw[end:].decode().removeprefix(";")
    if found and lead(rest) == len(rest):
        found[-1] = replace(found[-1], comments=f"{found[-1].comments}\n{_parted(rest)[0]}")
    return found


_TOKEN = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|(?P<tag>\$\w*\$).*?(?P=tag)|--[^\n]*|/\*.*?\*/|(?P<mark>[(),\[\]])""", re.S
)
_SKIPS = re.compile(rf"{_TOKEN.pattern}|\b(?P<skips>SKIP\s+LOCKED)\b", re.S | re.I)
_NAME = r"""(?:"[^"]+"|[\w$]+)(?:\.(?:"[^"]+"|[\w$]+))?"""
_HEAD = re.compile(
    r"ALTER\s+(?:FOREIGN\s+|MATERIALIZED\s+)?\w+\s+(?:IF\s+EXISTS\s+)?(?:ONLY\s+)?" + _NAME + r"\s*\*?\s*"
    r"|DROP\s+(?:FOREIGN\s+|MATERIALIZED\s+)?\w+\s+(?:CONCURRENTLY\s+)?(?:IF\s+EXISTS\s+)?",
    re.I,
)


def part_lines(sql: str) -> list[int]:
    """Return how many lines below its first each part of an ``ALTER TABLE`` or ``DROP`` begins."""
    head = _HEAD.match(sql)
    if head is None:
        return []
    starts, depth = [head.end()], 0
    for token in _TOKEN.finditer(sql, head.end()):
        depth += {"(": 1, "[": 1, ")": -1, "]": -1}.get(token["mark"] or "", 0)
        if token["mark"] == "," and depth == 0:
            starts.append(token.end())
    return [sql.count("\n", 0, start + lead(sql[start:])) for start in starts]


def own_transactions(statements: Sequence[Statement]) -> list[list[Statement]]:
    """Return *statements* in groups: what stands between a BEGIN and its end is one, each other is alone."""
    groups: list[list[Statement]] = []
    within = False
    for each in statements:
        kind = inside(each.node).get("kind", "") if kind_of(each.node) == "TransactionStmt" else ""
        if within:
            groups[-1].append(each)
        else:
            groups.append([each])
        if kind in ("TRANS_STMT_BEGIN", "TRANS_STMT_START"):
            within = True
        elif kind in ("TRANS_STMT_COMMIT", "TRANS_STMT_ROLLBACK", "TRANS_STMT_PREPARE"):
            within = False
    return groups


def _parted(comments: str) -> tuple[str, str]:
    """Return what of *comments* stands behind the statement before, on its line, and what comes after that line."""
    behind, _, after = comments.partition("\n")
    return behind, after


def parse_plpgsql(source: str) -> list[Any]:
    """Return the trees of the function or ``DO`` block in *source*; ``Unreadable`` where the grammar ends."""
    return _asked(lambda library: library.parse_pgsql(source))


def _asked(ask: Callable[[Any], list[Any]]) -> list[Any]:
    library = _library()
    try:
        return ask(library)
    except library.PGQueryError as error:
        raise Unreadable(error.message, max(0, error.position - 1)) from error


def _library() -> Any:
    try:
        import pgparse
    except ImportError as error:
        raise ConfigError(
            "judging SQL needs PostgreSQL's grammar", hint="pip install 'teal-deploy[migrations]'"
        ) from error
    return pgparse


def lead(chunk: str) -> int:
    """Return how many characters of white space and comments *chunk* begins with."""
    at = 0
    while at < len(chunk):
        if chunk[at].isspace():
            at += 1
        elif chunk.startswith("--", at):
            at = _after(chunk, "\n", at)
        elif chunk.startswith("/*", at):
            at = _uncommented(chunk, at)
        else:
            break
    return at


def _uncommented(chunk: str, at: int) -> int:
    """Return where the block comment that begins at *at* ends: they nest."""
    depth = 0
    for found in _BLOCK.finditer(chunk, at):
        depth += 1 if found[0] == "/*" else -1
        if depth == 0:
            return found.end()
    return len(chunk)


_BLOCK = re.compile(r"/\*|\*/")


def _after(chunk: str, mark: str, at: int) -> int:
    found = chunk.find(mark, at)
    return len(chunk) if found < 0 else found + len(mark)


# --- reading a tree


def kind_of(node: Node) -> str:
    """Return the kind of a wrapped *node*."""
    return next(iter(node), "")


def inside(node: Node) -> Node:
    """Return the fields of a wrapped *node*."""
    fields: Any = next(iter(node.values()), {})
    return fields if isinstance(fields, dict) else {}


def find(tree: Any, *kinds: str) -> Iterator[Node]:
    """Yield the fields of every node of one of *kinds* within *tree*, outermost first."""
    if isinstance(tree, list):
        for item in tree:
            yield from find(item, *kinds)
    elif isinstance(tree, dict):
        for name, value in tree.items():
            if name in kinds and isinstance(value, dict):
                yield value
            yield from find(value, *kinds)


def words(nodes: list[Node]) -> list[str]:
    """Return the texts of a list of ``String`` nodes (an object's name)."""
    return [str(inside(node).get("sval", "")) for node in nodes if kind_of(node) == "String"]


def joined(parts: list[str]) -> str:
    """Return a name as the catalog spells it: no schema for ``public`` and ``pg_catalog``."""
    if len(parts) > 1 and parts[0] in ("public", "pg_catalog"):
        parts = parts[1:]
    return ".".join(parts)


def table_of(relation: Node | None) -> str:
    """Return the name in a ``RangeVar``'s fields; "" where there is none."""
    if not relation:
        return ""
    return joined([part for part in (relation.get("schemaname"), relation.get("relname")) if part])


def type_of(type_name: Node | None) -> str:
    """Return the name of a type, such as ``int4`` or ``shop.money``."""
    return joined(words((type_name or {}).get("names", [])))


def number(node: Node) -> int:
    """Return an integer constant; 0 is left out by the parser, and stands for what is no constant too."""
    value = node.get("A_Const", {}).get("ival", {}).get("ival", 0)
    return int(value)


def text(node: Node | None) -> str | None:
    """Return a string constant, or None for anything else."""
    value = (node or {}).get("A_Const", {}).get("sval", {})
    return str(value["sval"]) if "sval" in value else None


def option(options: list[Node], name: str, namespace: str = "") -> Node | None:
    """Return the ``DefElem`` *name* of *options*, or None."""
    for one in find(options, "DefElem"):
        if one.get("defname") == name and spelled(one.get("defnamespace", "")) == namespace:
            return one
    return None


def spelled(namespace: str) -> str:
    """Return the namespace of an option as it is spelled out: ``tsdb`` is short for ``timescaledb``."""
    return "timescaledb" if namespace == "tsdb" else namespace


def function_names(tree: Any) -> list[str]:
    """Return the names of all functions that *tree* calls."""
    return [joined(words(call.get("funcname", []))) for call in find(tree, "FuncCall", "funccall")]


def column_names(tree: Any) -> set[str]:
    """Return the last part of every column that *tree* mentions."""
    return {parts[-1] for ref in find(tree, "ColumnRef") if (parts := words(ref.get("fields", [])))}


def argument_types(nodes: list[Node]) -> tuple[str, ...]:
    """Return the types of a function's arguments (``FunctionParameter`` or ``TypeName``) by their own names."""
    found = []
    for node in nodes:
        fields = inside(node)
        if fields.get("mode", "") not in ("FUNC_PARAM_OUT", "FUNC_PARAM_TABLE"):
            found.append(_array_or(fields.get("argType", fields)))
    return tuple(found)


def _array_or(type_name: Node) -> str:
    schema, _, name = type_of(type_name).rpartition(".")
    name = f"_{name}" if type_name.get("arrayBounds") else name
    return f"{schema}.{name}" if schema else name


def constraints(column: Node, *kinds: str) -> list[Node]:
    """Return the constraints of a ``ColumnDef`` that are of one of *kinds* (``CONSTR_…``)."""
    return [one for one in find(column.get("constraints", []), "Constraint") if one.get("contype") in kinds]
