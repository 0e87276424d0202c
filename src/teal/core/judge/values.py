"""What goes into the judge and what comes out: scripts with their phase, what the database says, findings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from teal.core.model.migrations import Phase


@dataclass(frozen=True, slots=True)
class Script:
    """SQL of one phase. *transaction* says whether its runner wraps it in one (``BEGIN`` in the text goes first)."""

    name: str  # a file name, or "alembic:REVISION" and the like: what a finding names
    phase: Phase
    sql: str
    transaction: bool = True


@dataclass(frozen=True, slots=True)
class Column:
    """A column as the database has it; *type* as ``format_type`` says it, *default* as an expression."""

    type: str
    nullable: bool = True
    default: str | None = None


@dataclass(frozen=True, slots=True)
class Trigger:
    """An enabled trigger as the database has it; *body* is its function's source, in plpgsql."""

    name: str
    function: str
    body: str
    insert: bool = True
    update: bool = True
    before: bool = True
    row: bool = True  # for each row, not for each statement
    columns: frozenset[str] = frozenset()  # UPDATE OF these; empty: of any
    when: str = ""  # its condition, as an expression


@dataclass(frozen=True, slots=True)
class Index:
    """An index as the database has it: *keys* are its columns in order, "" for an expression."""

    table: str
    keys: tuple[str, ...] = ()
    uses: frozenset[str] = frozenset()  # all columns: of keys, expressions, INCLUDE and the condition
    unique: bool = False
    whole: bool = True  # without a condition
    valid: bool = True
    nulls_equal: bool = False
    primary: bool = False
    constraint: bool = False  # a constraint of its name needs it


@dataclass(frozen=True, slots=True)
class Signature:
    """The arguments of a function, by the types' own names; the last *defaults* may be left out."""

    arguments: tuple[str, ...] = ()
    defaults: int = 0
    variadic: bool = False


@dataclass(frozen=True, slots=True)
class Need:
    """What keeps something from being dropped: *by* (a *kind*: view, constraint, trigger …) needs *of*, a *of_kind*."""

    of_kind: str
    of: str
    kind: str
    by: str


@dataclass(frozen=True, slots=True)
class Catalog:
    """What the database says. Tables are "schema.table", or "table" alone for those in ``public``.

    *asked* is False where no database was asked: then what isn't listed may still be there.
    """

    asked: bool = False
    hypertables: frozenset[str] = frozenset()
    compressed: frozenset[str] = frozenset()  # hypertables with a columnstore
    partitioned: frozenset[str] = frozenset()
    aggregates: frozenset[str] = frozenset()  # continuous aggregates
    columns: Mapping[str, Mapping[str, Column]] = field(default_factory=dict)
    columnstore_keys: Mapping[str, frozenset[str]] = field(default_factory=dict)  # table -> segmentby and orderby
    keys: Mapping[str, frozenset[str]] = field(default_factory=dict)  # table -> columns that are unique by themselves
    rows: Mapping[str, int] = field(default_factory=dict)  # table -> the planner's estimate
    domains: Mapping[str, bool] = field(default_factory=dict)  # name -> has a constraint
    functions: Mapping[str, str] = field(default_factory=dict)  # name -> "immutable", "stable" or "volatile"
    bodies: Mapping[str, tuple[str, ...]] = field(default_factory=dict)  # function -> its source, once per overload
    writers: Mapping[str, frozenset[str]] = field(default_factory=dict)  # table -> roles that were granted writing
    default_rights: Mapping[str, frozenset[str]] = field(default_factory=dict)  # "table SCHEMA" -> may write new ones
    builtins: Mapping[str, str] = field(default_factory=dict)  # the same of the server's own
    signatures: Mapping[str, tuple[Signature, ...]] = field(default_factory=dict)  # of each function of a name
    labels: Mapping[str, frozenset[str]] = field(default_factory=dict)  # enum -> its values
    indexes: Mapping[str, Index] = field(default_factory=dict)
    checks: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # table -> validated CHECK -> expression
    unproved: Mapping[str, Mapping[str, str]] = field(default_factory=dict)  # the same, still NOT VALID
    roles: frozenset[str] = frozenset()
    constraint_columns: Mapping[str, frozenset[str]] = field(default_factory=dict)  # "table.constraint" -> columns
    needs: tuple[Need, ...] = ()
    partition_keys: Mapping[str, frozenset[str]] = field(default_factory=dict)  # also a hypertable's dimensions
    published: frozenset[str] = frozenset()  # tables whose updates or deletes go to subscribers
    lent: frozenset[str] = frozenset()  # views whose readers have no right of their own on what they select from
    trigger_names: Mapping[str, frozenset[str]] = field(default_factory=dict)  # all, those FOR EACH STATEMENT too
    triggers: Mapping[str, tuple[Trigger, ...]] = field(default_factory=dict)
    views: frozenset[str] = frozenset()
    viewed: Mapping[str, frozenset[str]] = field(default_factory=dict)  # "table.column" -> views that select it


@dataclass(frozen=True, slots=True)
class Tried:
    """What was seen when something that can't be read was tried on a copy: *harm* is "" where there was none."""

    harm: str = ""  # fails, drops, changes, misses, one-way, elsewhere; of a batch: endless
    about: str = ""  # the column that it is about, or the server's words
    fills: frozenset[str] = frozenset()  # new columns that come from what the old release writes
    untried: str = ""  # why it could not be tried


@dataclass(frozen=True, slots=True)
class Lint:
    """What the owner of a stack sets about judging."""

    off: frozenset[str] = frozenset()  # rules that are not applied
    functions: frozenset[str] = frozenset()  # own functions that are known to do no harm where migrations call them
    batch: int = 10_000  # rows that one statement of a backfill may touch
    small: int = 1_000  # up to so many rows a table needs no batches (only where the database was asked)
    bookkeeping: frozenset[str] = frozenset()  # tables of the migration tool, besides those that Teal knows


@dataclass(frozen=True, slots=True)
class Finding:
    """A statement that would hurt."""

    script: str
    line: int
    rule: str
    why: str  # whom it would hurt, and how
    remedy: str  # the safe way
    excused: str | None = None  # the reason that the file itself gives for an exception; None is a refusal


@dataclass(frozen=True, slots=True)
class Query:
    """A statement of the release that serves, and where it was found: ``queries.sql:12`` or the server's count."""

    sql: str
    at: str


@dataclass(frozen=True, slots=True)
class Counted:
    """What pg_stat_statements has counted in a database; *hidden* is how many texts the role may not read."""

    queries: tuple[str, ...] = ()
    hidden: int = 0


@dataclass(frozen=True, slots=True)
class Part:
    """A statement of a script that a transaction can take back."""

    script: str
    line: int
    sql: str


@dataclass(frozen=True, slots=True)
class Unplanned:
    """A query that could be planned before, and can't from *part* on."""

    part: Part
    query: Query
    error: str


@dataclass(frozen=True, slots=True)
class Planned:
    """What was seen when queries were planned within a change; *unknown* couldn't be planned before it either."""

    unplanned: tuple[Unplanned, ...] = ()
    unknown: tuple[Query, ...] = ()
