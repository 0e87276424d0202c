"""Scripts as one row of actions: what each statement does to which object, in order, with its transaction.

A command of ``ALTER TABLE``, an object of ``DROP``, SQL inside a ``DO`` block or a called function: each is an action
of its own, on its line of the file.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count

from teal.core.judge.routines import Embedded, Routine, read_routine
from teal.core.judge.values import Script
from teal.core.migrations.header import NONE, Notes, read_notes
from teal.core.migrations.sql import (
    Node,
    Statement,
    Unreadable,
    find,
    function_names,
    inside,
    is_on,
    joined,
    kind_of,
    option,
    parse,
    part_lines,
    table_of,
    type_of,
    words,
)

_OPENS = ("TRANS_STMT_BEGIN", "TRANS_STMT_START")
_MAKES_NO_ROW = ("RuleStmt", "ViewStmt")
_ENDS = ("TRANS_STMT_COMMIT", "TRANS_STMT_ROLLBACK")
_WRITES = ("UpdateStmt", "InsertStmt", "DeleteStmt", "MergeStmt")
_RUNS = ("SelectStmt", "CallStmt", *_WRITES, "AT_AddColumn", "CreateTableAsStmt", "CopyStmt")
TEMPORARY = "pg_temp"  # the schema of a session's own tables
_DEPTH = 5  # of functions that call functions


@dataclass(frozen=True, slots=True)
class Action:
    """One thing that a script does. *kind* is the parser's word: ``CreateStmt``, ``AT_AddColumn``, ``DROP_TABLE`` …"""

    kind: str
    node: Node
    script: Script
    line: int
    table: str = ""
    name: str = ""  # of the column, constraint, index or other object that is meant
    order: int = 0
    transaction: int = 0  # the same number: committed together
    wrapped: bool = False  # within a transaction block
    batched: bool = False  # within a loop that commits
    looped: bool = False  # within a loop that does not commit
    statement: int = 0  # the same number: one statement, whose commands are carried out together
    block: int = 0  # the statement that runs it, where that is a DO block or a call; 0: it stands in the file itself
    tried: frozenset[str] = frozenset()  # blocks with an EXCEPTION whose body it is in
    undone: frozenset[str] = frozenset()  # such blocks whose body was taken back before it is run
    notes: Notes = NONE
    routine: Routine | None = None  # of a function or DO block

    @property
    def it(self) -> str:
        """Return what a person calls it."""
        return f"{self.table}.{self.name}" if self.table and self.name else self.table or self.name


def read(scripts: Sequence[Script]) -> list[Action]:
    """Return all actions of *scripts*, numbered in order."""
    reader = _Reader()
    found = [action for script in scripts for action in reader.script(script)]
    return [replace(action, order=order) for order, action in enumerate(found)]


class _Reader:
    """Goes through scripts and remembers functions, whose bodies count where they are called."""

    def __init__(self) -> None:
        self._transaction = 0
        self._numbers = count(1)
        self._temporary: set[str] = set()  # tables of the session, which come before others of their name
        self._routines: dict[str, Action] = {}

    def script(self, script: Script) -> Iterator[Action]:
        self._transaction += 1
        self._temporary = set()
        try:
            statements = parse(script.sql)
        except Unreadable as error:
            line = script.sql.count("\n", 0, error.at) + 1
            yield Action("Unreadable", {"message": error.message}, script, line, name=error.message)
            return
        own = any("TransactionStmt" in statement.node for statement in statements)
        wrapped = script.transaction and not own
        for statement in statements:
            wrapped = self._bounds(statement, wrapped=wrapped)
            yield from self._statement(statement, script, wrapped=wrapped)

    def _bounds(self, statement: Statement, *, wrapped: bool) -> bool:
        """Return whether a transaction block is open after *statement*; each new one gets a new number."""
        kind = statement.node.get("TransactionStmt", {}).get("kind", "")
        if kind in _OPENS:
            wrapped = True
        elif kind in _ENDS:
            wrapped = False
        if kind in (*_OPENS, *_ENDS) or not wrapped:
            self._transaction += 1
        return wrapped

    def _statement(self, statement: Statement, script: Script, *, wrapped: bool) -> Iterator[Action]:
        self._mean_temporary(statement.node)
        base = Action(
            kind_of(statement.node),
            inside(statement.node),
            script,
            statement.line,
            transaction=self._transaction,
            wrapped=wrapped,
            notes=read_notes(statement.comments),
            statement=next(self._numbers),
        )
        yield from self._done(base, statement.sql, 0)

    def _mean_temporary(self, node: Node) -> None:
        """Give the names of temporary tables in *node* their schema; learn which are made and which go."""
        for table in _tables(node):
            if table.get("relpersistence") == "t":
                self._temporary.add(str(table.get("relname")))
            if table.get("relname") in self._temporary and not table.get("schemaname"):
                table["schemaname"] = TEMPORARY
        for items in (inside(one).get("items", []) for one in node.get("DropStmt", {}).get("objects", [])):
            if len(items) == 1 and self._temporary & {*words(items)}:
                self._temporary -= {*words(items)}
                items.insert(0, {"String": {"sval": TEMPORARY}})

    def _done(self, base: Action, source: str, depth: int) -> Iterator[Action]:
        for action in (*_on_their_lines(base, source), *_writing(base)):
            if action.kind in ("DoStmt", "CreateFunctionStmt"):
                action = self._with_routine(action, source)
            yield action
            called = [action] if action.kind == "DoStmt" else self._called(action)
            for defined in called:
                yield from self._inside(defined, action, depth)

    def _with_routine(self, action: Action, source: str) -> Action:
        action = replace(action, routine=read_routine(action.node, source))
        if action.kind == "CreateFunctionStmt":
            self._routines[action.name] = action
        return action

    def _called(self, action: Action) -> list[Action]:
        if action.kind not in _RUNS:
            return []
        return [self._routines[name] for name in function_names(action.node) if name in self._routines]

    def _inside(self, defined: Action, caller: Action, depth: int) -> Iterator[Action]:
        """Yield what the body of *defined* does when *caller* runs it."""
        routine = defined.routine
        if routine is None or depth >= _DEPTH:
            return
        if routine.unread and defined.kind == "DoStmt":
            line = defined.line + routine.below + routine.unread_line - 1
            yield replace(caller, kind="UnreadBody", name=routine.unread, table="", line=line, routine=None)
        for piece in routine.embedded:
            line = defined.line + routine.below + piece.line - 1
            base = replace(
                caller,
                script=defined.script,
                line=line,
                batched=piece.batched,
                looped=piece.looped,
                routine=None,
                block=caller.block or caller.statement,
                tried=frozenset(f"{defined.statement}:{one}" for one in piece.tried),
                undone=frozenset(f"{defined.statement}:{one}" for one in piece.undone),
            )
            yield from self._piece(base, piece, depth)

    def _piece(self, base: Action, piece: Embedded, depth: int) -> Iterator[Action]:
        if piece.batched:
            self._transaction += 1
            base = replace(base, transaction=self._transaction, wrapped=False)
        try:
            statements = parse(piece.sql)
        except Unreadable as error:
            yield replace(base, kind="Unreadable", node={"message": error.message}, table="", name=error.message)
            return
        for one in statements:
            action = replace(
                base, kind=kind_of(one.node), node=inside(one.node), table="", name="", statement=next(self._numbers)
            )
            yield from self._done(replace(action, line=base.line + one.line - 1), one.sql, depth + 1)


def _on_their_lines(base: Action, source: str) -> Iterator[Action]:
    """Yield what a statement is made of, each command of ``ALTER TABLE`` and each object of ``DROP`` on its line."""
    actions = list(split(base))
    lines = part_lines(source) if len(actions) > 1 else []
    for number, action in enumerate(actions):
        yield replace(action, line=base.line + lines[number]) if len(lines) == len(actions) else action


def _tables(node: Node) -> list[Node]:
    """Return all tables that a statement names; the parser wraps those of its queries only."""
    fields = inside(node)
    into = fields.get("into", {})
    own = [one for one in (fields.get("relation"), fields.get("view"), into.get("rel")) if isinstance(one, dict)]
    return [*own, *find(node, "RangeVar")]


def _writing(action: Action) -> Iterator[Action]:
    """Yield what is written within *action*: by a WITH query, or by what it copies, explains or prepares.

    A WITH query writes whether or not its rows are asked for, and wherever it stands: CREATE TABLE … AS has it, too.
    EXPLAIN runs nothing unless it says ANALYZE; what is prepared counts as run.
    """
    if action.kind in ("CreateFunctionStmt", "DoStmt", *_MAKES_NO_ROW) or (
        action.kind == "ExplainStmt" and not is_on(option(action.node.get("options", []), "analyze"))
    ):
        return
    for kind in _WRITES:
        for inner in find(action.node, kind):
            yield from split(replace(action, kind=kind, node=inner, table="", name=""))
    if action.kind in ("ExplainStmt", "PrepareStmt"):
        for query in (action.node.get("query", {}),):
            if kind_of(query) in ("SelectStmt", "CallStmt", "RefreshMatViewStmt", "CreateTableAsStmt"):
                yield from split(replace(action, kind=kind_of(query), node=inside(query), table="", name=""))


def split(action: Action) -> Iterable[Action]:
    """Return *action* with its object named, or the several that its statement is made of."""
    node = action.node
    if action.kind == "AlterTableStmt":
        return [_command(action, one["AlterTableCmd"]) for one in node.get("cmds", [])]
    if action.kind == "DropStmt":
        return [_dropped(action, one) for one in node.get("objects", [])]
    if action.kind in ("TruncateStmt", "LockStmt"):
        return [replace(action, table=table_of(one["RangeVar"])) for one in node.get("relations", [])]
    if action.kind == "RenameStmt":
        return [_renamed(action)]
    if action.kind == "CreateTableAsStmt":
        return [replace(action, table=table_of(node.get("into", {}).get("rel")))]
    if action.kind == "SelectStmt" and "intoClause" in node:
        return [replace(action, kind="CreateTableAsStmt", table=table_of(node["intoClause"].get("rel")))]
    return [replace(action, table=table_of(_relation(node)), name=_name(node))]


def _relation(node: Node) -> Node | None:
    for field in ("relation", "view", "table"):
        if isinstance(node.get(field), dict):
            return dict(node[field])
    return None


_NAMES = ("trigname", "idxname", "conname", "extname", "schemaname", "policy_name", "name")


def _name(node: Node) -> str:
    for field in _NAMES:
        if isinstance(node.get(field), str):
            return str(node[field])
    for field in ("funcname", "domainname", "typeName", "typevar", "sequence", "objname"):
        value = node.get(field)
        if isinstance(value, list):
            return joined(words(value))
        if isinstance(value, dict):
            return table_of(value)
    return ""


def _command(action: Action, command: Node) -> Action:
    """Return one command of ``ALTER TABLE`` (or of ``ALTER INDEX``, ``VIEW``, ``TYPE`` …, whose kinds say so)."""
    definition = inside(command.get("def", {}))
    name = command.get("name") or definition.get("colname") or definition.get("conname") or ""
    of = action.node.get("objtype", "OBJECT_TABLE")
    prefix = "" if of in ("OBJECT_TABLE", "OBJECT_FOREIGN_TABLE") else of.removeprefix("OBJECT_") + ":"
    return replace(
        action,
        kind=prefix + command.get("subtype", "AT_AddColumn"),
        node={**command, "def": definition},
        table=table_of(action.node.get("relation")),
        name=str(name),
    )


def _dropped(action: Action, what: Node) -> Action:
    kind = action.node.get("removeType", "").removeprefix("OBJECT_")
    fields = inside(what)
    if kind_of(what) == "List":
        parts = words(fields.get("items", []))
    elif kind_of(what) == "TypeName":
        parts = [type_of(fields)]
    else:
        parts = words(fields.get("objname", [])) or words([what])
    if kind in ("TRIGGER", "RULE", "POLICY"):
        return replace(action, kind=f"DROP_{kind}", table=joined(parts[:-1]), name=parts[-1])
    if kind in ("TABLE", "VIEW", "MATVIEW", "FOREIGN_TABLE"):
        return replace(action, kind=f"DROP_{kind}", table=joined(parts))
    if kind in ("FUNCTION", "PROCEDURE", "ROUTINE"):
        named = {"args_unspecified": fields.get("args_unspecified", False), "arguments": fields.get("objargs", [])}
        action = replace(action, node=action.node | named)
    return replace(action, kind=f"DROP_{kind}", name=joined(parts))


def _renamed(action: Action) -> Action:
    kind = action.node.get("renameType", "").removeprefix("OBJECT_")
    name = action.node.get("subname") or joined(words(inside(action.node.get("object", {})).get("items", [])))
    return replace(action, kind=f"RENAME_{kind}", table=table_of(action.node.get("relation")), name=str(name))
