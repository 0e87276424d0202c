"""Row triggers, played: what becomes of a row that the old release or the new one writes.

A body is run with made-up values, one path for each way in which what can't be told may turn out. Two values that are
not the same value are taken to differ.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from teal.core.judge.actions import Action
from teal.core.judge.context import BEFORE, Known, assigned_columns, expression_of
from teal.core.judge.terms import NULL, Scope, Term, compared, term
from teal.core.judge.values import Trigger
from teal.core.migrations.sql import (
    Node,
    Unreadable,
    column_names,
    constraints,
    inside,
    kind_of,
    parse,
    parse_plpgsql,
    words,
)
from teal.core.model.migrations import Phase

INSERT, UPDATE = 4, 16  # bits of pg_trigger.tgtype
_PATHS = 64
_ERROR = 21  # elog level: RAISE EXCEPTION
_TARGET = re.compile(r'\s*(?:(\w+)\.)?"?(\w+)"?\s*:?=(?!=)(.*)', re.S)
_ASKS_ALL = frozenset({"concat", "concat_ws", "format", "jsonb_build_object", "json_build_object"})  # NULL is no end
Row = dict[str, Term]
_Sources = dict[str, tuple[set[str], bool]]  # a new column -> the old ones that it comes from; is it a plain copy
_Harms = Iterator[tuple[str, str]]


class NotPlayed(Exception):
    """A body does what can't be played."""


class _Fails(Exception):
    """The write fails."""


@dataclass(frozen=True)
class Player:
    """A trigger: its body, and when it is run."""

    name: str
    events: int
    columns: frozenset[str]
    when: Node | None
    tree: Any
    body: str

    def fires(self, event: int, changed: frozenset[str]) -> bool:
        """Return whether it is run for an *event* that sets the columns *changed*."""
        if not self.events & event:
            return False
        return event == INSERT or not self.columns or bool(self.columns & changed)


@dataclass
class _Path:
    """One way through a body: what was decided where it could not be told."""

    decided: dict[str, bool] = field(default_factory=dict)
    open: list[str] = field(default_factory=list)
    default: bool = True

    def decide(self, what: str) -> bool:
        if what not in self.decided:
            self.decided[what] = self.default
            self.open.append(what)
        return self.decided[what]


@dataclass
class _Run:
    """A body while it is run."""

    new: Row
    old: Row
    event: int
    path: _Path
    strict: bool  # all columns of the table are known
    variables: Row = field(default_factory=dict)

    def value(self, of: Term) -> Term:
        kind = of[0]
        if kind == "col":
            return self._column(of)
        if kind == "coalesce":
            return next((one for one in map(self.value, of[1:]) if one != NULL), NULL)
        if kind == "cast":
            return self.value(of[2])
        if kind == "case":
            return self.value(next((result for test, result in of[1] if self.holds(test)), of[2]))
        if kind == "nullif":
            left = self.value(of[1])
            return NULL if self.truth(("op", "=", of[1], of[2])) else left
        if kind in ("op", "fn", "most"):
            parts = tuple(self.value(one) if isinstance(one, tuple) else one for one in of[1:])
            strict = kind != "most" and not (kind == "fn" and of[1] in _ASKS_ALL)
            return NULL if strict and NULL in parts[1:] else (kind, *parts)
        if kind in _LOGIC:
            said = self.truth(of)
            return NULL if said is None else ("const", said)
        return of

    def _column(self, of: Term) -> Term:
        _, scope, name = of
        if scope in ("new", "old"):
            row = self.new if scope == "new" else self.old
            if name not in self.new and self.strict:  # OLD of an INSERT has the same fields, all NULL
                raise _Fails(f'record "{scope}" has no field "{name}"')
            return row.get(name, NULL)
        if name == "tg_op":
            return ("const", "INSERT" if self.event == INSERT else "UPDATE")
        return self.variables.get(name, ("token", name))

    def holds(self, of: Term) -> bool:
        return self.truth(of) is True

    def truth(self, of: Term) -> bool | None:
        kind = of[0]
        if kind in ("and", "or"):
            said = [self.truth(one) for one in of[1:]]
            ends = kind == "or"
            return ends if ends in said else None if None in said else not ends
        if kind == "not":
            inner = self.truth(of[1])
            return None if inner is None else not inner
        if kind == "isnull":
            return self.value(of[1]) == NULL
        if kind == "distinct":
            return not self._alike(self.value(of[1]), self.value(of[2]))
        if kind == "in":
            return self.truth(("or", *(("op", "=", of[1], one) for one in of[2])))
        if kind == "op" and of[1] in ("=", "<>", "<", ">", "<=", ">="):
            return self._compare(of[1], self.value(of[2]), self.value(of[3]))
        found = self.value(of) if kind not in _LOGIC else of
        if found == NULL:
            return None
        return bool(found[1]) if found[0] == "const" else self.path.decide(repr(found))

    def _compare(self, operator: str, left: Term, right: Term) -> bool | None:
        if NULL in (left, right):
            return None
        if operator in ("=", "<>"):
            return self._alike(left, right) == (operator == "=")
        said = compared(operator, left, right)
        return self.path.decide(repr((operator, left, right))) if said is None else said

    def _alike(self, left: Term, right: Term) -> bool:
        if left == right:
            return True
        if NULL in (left, right):
            return False
        said = compared("=", left, right)
        if said is not None:
            return said
        return "const" in (left[0], right[0]) and self.path.decide(repr(("=", left, right)))

    # --- statements

    def body(self, statements: Sequence[Node]) -> str | None:
        """Run statements; return what is returned, None where they come to their end."""
        for one in statements:
            said = self._statement(kind_of(one).removeprefix("PLpgSQL_stmt_"), inside(one))
            if said is not None:
                return said
        return None

    def _statement(self, kind: str, node: Node) -> str | None:
        if kind == "block" and "exceptions" not in node:
            return self.body(node.get("body", []))
        if kind == "if":
            return self.body(self._branch(node))
        if kind == "case":
            return self._case(node)
        if kind == "return":
            if "expr" not in node:  # the parser's own, where the body has none
                raise _Fails("it ends without RETURN")
            return _query(node.get("expr", {})).strip().lower().strip("()")
        self._does(kind, node)
        return None

    def _does(self, kind: str, node: Node) -> None:
        if kind == "assign":
            self._assign(_query(node["expr"]))
        elif kind == "raise":
            if node.get("elog_level", _ERROR) >= _ERROR:
                raise _Fails("it raises")
        elif kind == "execsql":
            self._select(node)
        elif kind not in ("perform", "getdiag", "null"):
            raise NotPlayed(f"its {kind} can't be played")

    def _branch(self, node: Node) -> list[Node]:
        if self.holds(_expression(_query(node["cond"]))):
            return list(node.get("then_body", []))
        for one in node.get("elsif_list", []):
            arm = inside(one)
            if self.holds(_expression(_query(arm["cond"]))):
                return list(arm.get("stmts", []))
        return list(node.get("else_body", []))

    def _case(self, node: Node) -> str | None:
        of = _expression(_query(node["t_expr"])) if "t_expr" in node else None
        for one in node.get("case_when_list", []):
            arm = inside(one)
            test = _expression(_query(arm["expr"]))
            if of is not None and test[0] == "in":
                test = ("in", of, test[2])
            if self.holds(test):
                return self.body(arm.get("stmts", []))
        if not node.get("have_else"):
            raise _Fails("case not found")
        return self.body(node.get("else_stmts", []))

    def _assign(self, query: str) -> None:
        found = _TARGET.fullmatch(query)
        if found is None:
            raise NotPlayed(f"its {query[:40]} can't be played")
        self._set(found[1], found[2], self.value(_expression(found[3])))

    def _set(self, scope: str | None, name: str, value: Term) -> None:
        scope, name = (scope or "").lower(), name.lower()
        if scope == "new":
            if name not in self.new and self.strict:
                raise _Fails(f'record "new" has no field "{name}"')
            self.new[name] = value
        elif scope or name in ("new", "old"):
            raise NotPlayed(f"what it sets of {scope or name} can't be played")
        else:
            self.variables[name] = value

    def _select(self, node: Node) -> None:
        if not node.get("into"):
            return
        query = _query(node["sqlstmt"])
        named = sorted(set(re.findall(r"\b(new|old)\.\"?(\w+)", query, re.I)))
        given = [self._column(("col", scope.lower(), name.lower())) for scope, name in named]
        target = inside(node.get("target", {}))
        for number, one in enumerate(target.get("fields", [])):
            scope, _, name = str(one.get("name", "")).rpartition(".")
            self._set(scope or None, name, ("fn", "select", query, number, *given))


_LOGIC = frozenset({"and", "or", "not", "isnull", "distinct", "in"})
_NO_NAMES = Scope({})


def _query(node: Node) -> str:
    return str(node.get("PLpgSQL_expr", {}).get("query", ""))


def _expression(text: str) -> Term:
    try:
        target = inside(parse(f"SELECT {text}")[0].node)["targetList"][0]["ResTarget"]["val"]
    except (Unreadable, LookupError) as error:
        raise NotPlayed(f"its {text[:40]} can't be read") from error
    return term(target, _NO_NAMES)


# --- a table and its triggers


@dataclass(frozen=True)
class Outcome:
    """What has become of a write: *fails* or *gone*, else the row."""

    row: Row
    fails: str = ""
    gone: bool = False


@dataclass(frozen=True)
class Stage:
    """A table with its triggers of the scripts, and what is known of its columns."""

    players: tuple[Player, ...]
    columns: frozenset[str]
    added: Mapping[str, Term]  # columns that the old release doesn't know -> their default
    defaults: Mapping[str, Term]  # of the old ones
    required: frozenset[str]
    named: frozenset[str]  # columns that the bodies speak of
    strict: bool

    def play(self, event: int, new: Row, old: Row, changed: frozenset[str]) -> list[Outcome]:
        """Return what becomes of a write, once for each way."""
        found: list[Outcome] = []
        paths = [_Path()]
        while paths and len(found) < _PATHS:
            path = paths.pop()
            found.append(self._once(event, dict(new), old, changed, path))
            before = {key: value for key, value in path.decided.items() if key not in path.open}
            for number, what in enumerate(path.open):
                taken = dict.fromkeys(path.open[:number], True)
                paths.append(_Path({**before, **taken, what: False}))
        return found

    def _once(self, event: int, new: Row, old: Row, changed: frozenset[str], path: _Path) -> Outcome:
        try:
            for player in self.players:
                run = _Run(new, old, event, path, self.strict)
                asked = term(player.when, _NO_NAMES) if player.when else None
                if not player.fires(event, changed) or (asked is not None and not run.holds(asked)):
                    continue
                said = _returned(run, player)
                if said == "null" or (said == "old" and event == INSERT):
                    return Outcome(new, gone=True)
                new = run.new if said == "new" else dict(old)
        except _Fails as error:
            return Outcome(new, fails=str(error))
        return Outcome(new)


def _returned(run: _Run, player: Player) -> str:
    """Run the body of *player*; return what it returns: new, old or null."""
    for one in player.tree.get("datums", []):
        variable = one.get("PLpgSQL_var", {})
        default = variable.get("default_val")
        if variable.get("refname", "found") not in ("found", "sqlstate", "sqlerrm"):
            run.variables[variable["refname"]] = run.value(_expression(_query(default))) if default else NULL
    said = run.body([player.tree["action"]])
    if said is None:
        raise _Fails("it ends without RETURN")
    if said not in ("new", "old", "null"):
        raise NotPlayed(f"what it returns ({said[:30]}) can't be played")
    return said


def keeps(table: str, column: str, before: int, known: Known) -> bool:
    """Return whether *column*, once filled, gets what the old release goes on writing into the columns beside it.

    The triggers of the database and those that a script has made before the action *before* are played. Of one that
    can't be played, its own rule speaks.
    """
    by_name = any(s.order < before and column in s.routine.assigned for s in known.syncs(table))
    scripts = stage(table, known, before)
    gone = {one.name for one in known.of("DROP_TRIGGER", table=table) if one.order < before}
    there = [one for one in known.catalog.triggers.get(table, ()) if one.row and one.before and one.name not in gone]
    found = [player for one in there if (player := _live(one)) is not None]
    if len(found) < len(there) or (scripts.players and verdict(table, known) != ("", "")):
        return by_name
    players = tuple(sorted((*scripts.players, *found), key=lambda one: one.name))
    columns, named = scripts.columns | {column}, scripts.named.union(*(_named(one.body) for one in found))
    on = replace(scripts, players=players, added={**scripts.added, column: NULL}, columns=columns, named=named)
    try:
        return _fills(on, column) and ("misses", column) not in _harms(on)
    except NotPlayed:
        return by_name


def _fills(on: Stage, column: str) -> bool:
    """Return whether an INSERT by the old release puts something of its row into *column*."""
    row = {**{name: _token(name, 1) for name in on.columns}, **on.added}
    olds = sorted(on.columns - frozenset(on.added))
    return any(_of(one.row.get(column, NULL), olds) for one in on.play(INSERT, row, {}, on.columns))


def _live(trigger: Trigger) -> Player | None:
    """Return a trigger of the database; None for one that can't be read."""
    try:
        tree = parse_plpgsql(_as_function(trigger.body))[0]["PLpgSQL_function"]
        when = expression_of(trigger.when) if trigger.when else None
    except Unreadable:
        return None
    events = INSERT * trigger.insert | UPDATE * trigger.update
    return Player(trigger.name, events, trigger.columns, when, tree, trigger.body)


def _named(body: str) -> set[str]:
    return {name.lower() for name in re.findall(r'(?i)\b(?:new|old)\."?(\w+)', body)}


def stage(table: str, known: Known, before: int | None = None) -> Stage:
    """Return *table* with the BEFORE triggers that the expands make on it (ahead of the action *before*)."""
    players, named, sets = [], set[str](), set[str]()
    for made in known.of("CreateTrigStmt", table=table):
        routine = known.function_of(made)
        if routine is None or routine.unread or not made.node.get("row") or not made.node.get("timing", 0) & BEFORE:
            continue
        if made.script.phase is Phase.EXPAND and (before is None or made.order < before):
            players.append(_player(made, routine.text))
            named |= _named(routine.text)
            sets |= routine.assigned
    there = known.catalog.columns.get(table, {})
    added = {one.name: _default(one) for one in known.of("AT_AddColumn", table=table) if one.name not in there}
    added |= dict.fromkeys(filled_columns(table, known) & sets, NULL)
    defaults = {
        name: ("token", f"default of {name}") for name, one in there.items() if one.default and name not in added
    }
    required = frozenset(name for name, one in there.items() if not one.nullable)
    columns = frozenset(there) | frozenset(added) | (frozenset() if there else frozenset(named))
    ordered = tuple(sorted(players, key=lambda one: one.name))
    return Stage(ordered, columns, added, defaults, required, frozenset(named), bool(there))


def _player(made: Action, body: str) -> Player:
    tree = parse_plpgsql(_as_function(body))[0]["PLpgSQL_function"]
    columns = frozenset(words(made.node.get("columns", [])))
    return Player(made.name, made.node.get("events", 0), columns, made.node.get("whenClause"), tree, body)


def _as_function(body: str) -> str:
    mark = "$teal_body$"
    return f"CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS {mark}{body}{mark}"


def _default(added: Action) -> Term:
    for one in constraints(added.node.get("def", {}), "CONSTR_DEFAULT"):
        return term(one.get("raw_expr", {}), _NO_NAMES)
    return NULL


def filled_columns(table: str, known: Known) -> set[str]:
    """Return the columns of the database that a backfill among the scripts fills from others: as good as new."""
    found = set()
    for update in known.of("UpdateStmt", table=table):
        if update.script.phase is Phase.BACKFILL:
            found |= {name for name, value in assigned_columns(update.node).items() if column_names(value) - {name}}
    return found


# --- what is asked


def verdict(table: str, known: Known) -> tuple[str, str]:
    """Return what the triggers of *table* do to a release and which column it is about; ("", "") for no harm.

    fails, drops: a write is lost whole; changes: an old column is not as written; misses: an old release's write does
    not reach the new column; one-way: a new release's is overwritten, or does not reach the old one; unread.
    """
    played = stage(table, known)
    if not played.players:
        return "", ""
    try:
        return next(_harms(played), ("", ""))
    except NotPlayed as error:
        return "unread", str(error)


def rejects_unfilled(table: str, check: Node, known: Known) -> str:
    """Return the new column whose NULL a CHECK would reject in a row that was there before, once that is written.

    A trigger may fill it first: a write of another column is played through those of the table.
    """
    on = stage(table, known)
    mentioned = column_names(check)
    empty = {name: value for name, value in on.added.items() if value == NULL and name in mentioned}
    olds = {name: _token(name, 1) for name in on.columns | mentioned if name not in on.added}
    row = {**olds, **on.added}
    filled = {**row, **{name: _token(name, 1) for name in empty}}
    if not empty or _fails(check, filled):
        return ""
    other = next((name for name in sorted(olds) if name not in on.named), "")
    try:
        outcomes = on.play(UPDATE, {**row, other: _token(other, 2)}, row, frozenset({other}))
    except NotPlayed:
        outcomes = [Outcome(row)]
    return min(empty) if any(_fails(check, one.row) for one in outcomes if not one.fails) else ""


def _fails(check: Node, row: Row) -> bool:
    """Return whether a CHECK is sure to be false for a row; NULL is not."""
    asked = _as_columns(term(check, _NO_NAMES))
    ways = (_Path(default=True), _Path(default=False))
    return all(_Run(row, row, UPDATE, way, strict=False).truth(asked) is False for way in ways)


def _as_columns(of: Any) -> Any:
    """Return a term whose names are those of the row itself."""
    if not isinstance(of, tuple):
        return of
    return ("col", "new", of[2]) if of[:1] == ("col",) else tuple(_as_columns(one) for one in of)


def _token(name: str, number: int) -> Term:
    return ("token", f"{name}.{number}")


def _harms(on: Stage) -> _Harms:
    olds = sorted(on.columns - frozenset(on.added))
    written = {name: _token(name, 1) for name in olds}
    fresh: Row = {**written, **on.added}
    states: list[Row] = [fresh]
    sources: _Sources = {}
    for row in [fresh, *({**fresh, name: NULL} for name in olds if name in on.named - on.required)]:
        for outcome in on.play(INSERT, row, {}, frozenset(on.columns)):
            yield from _untouched(outcome, row, olds)
            if row is fresh:
                states.append(outcome.row)
                for name in on.added:
                    value = outcome.row[name]
                    used, plain = sources.get(name, (set(), False))
                    sources[name] = (used | _of(value, olds), plain or value in written.values())
    yield from _not_by_insert(on, fresh, sources, olds)
    states += list(_by_new(on, states[1:], sources))
    yield from _by_old(on, states, sources, olds)
    yield from _one_way(on, states, sources, olds)


def _of(value: Term, names: Sequence[str]) -> set[str]:
    said = repr(value)
    return {name for name in names if f"'{name}.1'" in said or f"'{name}.2'" in said}


def _untouched(outcome: Outcome, row: Row, olds: Sequence[str]) -> _Harms:
    if outcome.fails:
        yield "fails", outcome.fails
    elif outcome.gone:
        yield "drops", ""
    for name in olds:
        if not (outcome.fails or outcome.gone) and outcome.row[name] != row[name]:
            yield "changes", name


def _not_by_insert(on: Stage, fresh: Row, sources: _Sources, olds: Sequence[str]) -> _Harms:
    """Yield the new columns that an UPDATE copies into and no INSERT by the old release does."""
    for column in (name for name in sorted(on.added) if not sources.get(name, (set(), False))[0]):
        for row in (fresh, {**fresh, column: _token(column, 2)}):
            for name in (name for name in olds if name in on.named):
                for outcome in on.play(UPDATE, {**row, name: _token(name, 2)}, row, frozenset({name})):
                    said = repr(outcome.row[column])
                    if f"'{name}.2'" in said and f"'{name}.1'" not in said:  # what differs from before is no copy
                        yield "misses", column


def _by_new(on: Stage, states: Sequence[Row], sources: _Sources) -> Iterator[Row]:
    """Yield rows as they are when the new release has written a column of its own."""
    for row in states:
        for name, (used, _) in sources.items():
            if used:
                new = {**row, name: _token(name, 2)}
                outcomes = on.play(UPDATE, new, row, frozenset({name}))
                yield from (one.row for one in outcomes if one.row[name] == _token(name, 2) and not one.gone)


def _by_old(on: Stage, states: Sequence[Row], sources: _Sources, olds: Sequence[str]) -> _Harms:
    asked = [name for name in olds if name in on.named] + [name for name in olds if name not in on.named][:1]
    for row in states:
        for name in asked:
            values = [_token(name, 2)] + ([NULL] if name not in on.required else [])
            for value in values:
                new = {**row, name: value}
                for outcome in on.play(UPDATE, new, row, frozenset({name})):
                    yield from _untouched(outcome, new, olds)
                    yield from _reached(on, outcome, new, name, sources)


def _reached(on: Stage, outcome: Outcome, new: Row, name: str, sources: _Sources) -> _Harms:
    """Yield the new columns that an old release's write of *name* does not reach as an INSERT would have."""
    for column, (used, _) in sources.items():
        if name not in used or outcome.row[column] == NULL == new[column] or outcome.fails or outcome.gone:
            continue  # what is empty is the backfill's
        inserted = on.play(INSERT, {**new, **on.added}, {}, frozenset(on.columns))
        if outcome.row[column] not in [one.row[column] for one in inserted]:
            yield "misses", column


def _one_way(on: Stage, states: Sequence[Row], sources: _Sources, olds: Sequence[str]) -> _Harms:
    """Yield where a write of the new release into a copy is overwritten, or does not reach the old column."""
    for column, (used, plain) in sources.items():
        if not plain:
            continue
        mine = _token(column, 3)
        empty = {name: on.defaults.get(name, NULL) for name in used}
        inserted = {**{name: _token(name, 1) for name in olds}, **on.added, **empty, column: mine}
        tries: list[tuple[int, Row, Row]] = [(INSERT, inserted, {})] + [
            (UPDATE, {**row, column: mine}, row) for row in states
        ]
        for event, new, old in tries:
            for outcome in on.play(event, new, old, frozenset({column})):
                if outcome.fails or outcome.gone:
                    yield "fails", outcome.fails or "a new release's write is dropped"
                elif outcome.row[column] != mine:
                    yield "one-way", column
                elif not any(repr(mine) in repr(outcome.row[name]) for name in used):
                    yield "one-way", sorted(used)[0]
