"""What belongs into another phase: it would break a release that is there at that time."""

from __future__ import annotations

from dataclasses import replace

from teal.core.judge import phase_table
from teal.core.judge.actions import Action
from teal.core.judge.context import MAKES_TABLE, Known
from teal.core.judge.rule import ALWAYS, BACKFILL, BESIDE_TRAFFIC, CONTRACT, EXPAND, Nature, always, rule
from teal.core.judge.values import Signature
from teal.core.judge.widening import widens
from teal.core.migrations.sql import (
    TOMBSTONE,
    Node,
    argument_types,
    inside,
    is_on,
    joined,
    option,
    table_of,
    type_of,
    words,
)

_PHASE, _LOSS = Nature.PHASE, Nature.LOSS


@rule(
    "removes-in-expand",
    _PHASE,
    EXPAND,
    tuple(phase_table.REMOVES),
    why="the release that serves still uses {it}: without it its queries fail, or what a trigger or an index did"
    " for it is no longer done",
    remedy="move it to a contract of a release later than the one that stops using it",
)
def removes_in_expand(action: Action, known: Known) -> bool:
    return not _made_again(action, known) and not _own_helper(action, known)


_MAKERS = {
    "DROP_VIEW": ("ViewStmt",),
    "DROP_MATVIEW": ("CreateTableAsStmt",),
    "DROP_SEQUENCE": ("CreateSeqStmt",),
    "DROP_TYPE": ("CreateEnumStmt", "CompositeTypeStmt", "CreateRangeStmt", "CreateDomainStmt"),
    "DROP_DOMAIN": ("CreateDomainStmt",),
    "DROP_SCHEMA": ("CreateSchemaStmt",),
    "DROP_TRIGGER": ("CreateTrigStmt",),
    "DROP_INDEX": ("IndexStmt",),
    "AT_DropColumn": ("AT_AddColumn",),
    "AT_DropConstraint": ("AT_AddConstraint",),
}
_ROUTINES = ("DROP_FUNCTION", "DROP_PROCEDURE", "DROP_ROUTINE")


def _own_helper(action: Action, known: Known) -> bool:
    """Return whether the same script has made what it now drops, and had it to itself."""
    if action.kind in _ROUTINES:
        return known.just_made_function(action, dropped_signature(action))
    makers = known.of(*_MAKERS.get(action.kind, ()), table=action.table, name=action.name)
    made = [one for one in makers if one.script is action.script and one.order < action.order]
    return any(not one.node.get("replace") and known.is_new(one, action) for one in made)


def dropped_signature(action: Action) -> Signature | None:
    """Return the arguments that a DROP or GRANT names; None where it names none, and so means the only one."""
    if action.node.get("args_unspecified", False):
        return None
    return Signature(argument_types(action.node.get("arguments", [])))


def _made_again(action: Action, known: Known) -> bool:
    """Return whether a DROP … IF EXISTS only clears the way for the same name in the same script."""
    makers = {"DROP_TRIGGER": "CreateTrigStmt", "DROP_FUNCTION": "CreateFunctionStmt", "DROP_INDEX": "IndexStmt"}
    if action.kind == "AT_DropConstraint":
        makers[action.kind] = "AT_AddConstraint"
    if action.kind not in makers or not action.node.get("missing_ok"):
        return False
    if action.kind == "DROP_FUNCTION" and (action.name in known.catalog.functions or not known.catalog.asked):
        return False  # the release that serves may call it, and gets another one
    if action.kind == "DROP_TRIGGER" and action.name in known.catalog.trigger_names.get(action.table, ()):
        return False  # it does its work for the release that serves
    index = known.catalog.indexes.get(action.name)
    if action.kind == "DROP_INDEX" and index is not None and index.unique and index.valid:
        return False  # what it rejects, and what ON CONFLICT finds by it, changes
    made = known.of(makers[action.kind], table=action.table, name=action.name)
    return any(one.script is action.script and one.order > action.order for one in made)


@rule(
    "adds-in-contract",
    _PHASE,
    CONTRACT,
    (*phase_table.CREATES, "IndexStmt"),
    why="a contract runs long after the release that needs {it} has started: until then that release fails",
    remedy="move it to an expand, which runs before the release that needs it starts",
    spares_fresh=False,
)
def adds_in_contract(action: Action, known: Known) -> bool:
    if action.kind == "IndexStmt":
        return not action.node.get("unique")
    if action.kind == "ViewStmt" and _was_dropped(action, known):
        return False
    return not (action.kind in ("ViewStmt", "CreateFunctionStmt") and bool(action.node.get("replace")))


def _was_dropped(action: Action, known: Known) -> bool:
    """Return whether the same transaction has dropped a view of that name: it is made anew, without a column."""
    drops = known.of("DROP_VIEW", table=action.table)
    return any(one.order < action.order and one.transaction == action.transaction for one in drops)


@rule(
    "ddl-in-backfill",
    _PHASE,
    BACKFILL,
    tuple(phase_table.SCHEMA_CHANGES),
    why="a backfill runs for a long time beside both releases and may be started again: it may change rows, but"
    " not {it}",
    remedy="what adds goes to an expand, what removes or restricts to a contract",
    spares_fresh=False,
)
def ddl_in_backfill(action: Action, known: Known) -> bool:
    into = action.node.get("into") or action.node.get("intoClause") or {}
    relation = action.node.get("relation") or into.get("rel") or {}
    return bool(relation.get("relpersistence") != "t")


rule(
    "type-change",
    _PHASE,
    BESIDE_TRAFFIC,
    tuple(phase_table.TYPE_CHANGES),
    why="every row of {table} is rewritten while everybody waits, and each release knows only one of the types",
    remedy="add a column of the new type with a trigger both ways, backfill, drop the old one in a contract:"
    ' teal migrate plan "change …" writes the files',
)(
    lambda action, known: (
        not widens(action, known) and not (action.kind.startswith("TYPE:") and _own_type(action, known))
    )
)


def _own_type(action: Action, known: Known) -> bool:
    """Return whether a composite type was made a moment ago."""
    made = known.of("CompositeTypeStmt", name=action.table)
    return any(known.is_new(one, action) for one in made)


@rule(
    "rename",
    _PHASE,
    BESIDE_TRAFFIC,
    tuple(phase_table.RENAMES - {"RENAME_INDEX"}),
    why="one of the two releases does not know the new name of {it}, and fails: the old one now, or the new one"
    " after a rollback",
    remedy='add the new one beside the old: teal migrate plan "rename …" writes the files',
)
def rename(action: Action, known: Known) -> bool:
    if action.kind == "RENAME_COLUMN" and known.fresh_column(action, action.name):
        return False
    makers = {"RENAME_TYPE": _GRANTED["OBJECT_TYPE"], "RENAME_SCHEMA": ("CreateSchemaStmt",)}
    makers |= {
        "RENAME_SEQUENCE": ("CreateSeqStmt",),
        "RENAME_VIEW": ("ViewStmt",),
        "RENAME_DOMAIN": ("CreateDomainStmt",),
    }
    named = [
        one for one in known.of(*makers.get(action.kind, ())) if (action.table or action.name) in (one.name, one.table)
    ]
    if any(known.is_new(one, action) and not one.node.get("replace") for one in named):
        return False
    return not (action.script.phase is CONTRACT and _is_tombstone(action))


def _is_tombstone(action: Action) -> bool:
    """Return whether a name is only put aside, to be dropped later: the soft contract."""
    aside = action.kind in ("RENAME_COLUMN", "RENAME_TABLE")
    return aside and str(action.node.get("newname", "")).startswith(TOMBSTONE)


@rule(
    "rename-value",
    _PHASE,
    BESIDE_TRAFFIC,
    "AlterEnumStmt",
    why="one of the two releases does not know the new name of the value of {it}, and fails on it",
    remedy="add the new value in an expand, rewrite the rows in a backfill, leave the old value in the type",
)
def rename_value(action: Action, known: Known) -> bool:
    return "oldVal" in action.node and not known.just_made(action, "CreateEnumStmt")


rule(
    "set-schema",
    _PHASE,
    BESIDE_TRAFFIC,
    "AlterObjectSchemaStmt",
    why="a release that looks for {it} in its old schema fails",
    remedy="make it anew in the other schema and sync by trigger, or use a window",
)(always)


rule(
    "truncate",
    _PHASE,
    BESIDE_TRAFFIC,
    "TruncateStmt",
    why="the rows of {it} vanish under both releases, and nobody can read it meanwhile",
    remedy="delete in batches in a contract, or use a window",
)(always)


@rule(
    "table-rewrite",
    _PHASE,
    BESIDE_TRAFFIC,
    (*phase_table.REWRITES, "VacuumStmt"),
    why="all of {it} is rewritten while nobody can read it",
    remedy="use a window, or a new table with a trigger and a backfill",
)
def table_rewrite(action: Action, known: Known) -> bool | str:
    if action.kind == "VacuumStmt":
        full = is_on(option(action.node.get("options", []), "full"))
        return full and (_vacuumed(action) or "all tables")
    return True


def _vacuumed(action: Action) -> str:
    relations = [one.get("VacuumRelation", {}).get("relation") for one in action.node.get("rels", [])]
    return ", ".join(table_of(one) for one in relations)


rule(
    "extension-update",
    _PHASE,
    BESIDE_TRAFFIC,
    "AlterExtensionStmt",
    why="an update of {it} replaces functions and types while sessions of both releases use them",
    remedy="use a window",
)(always)


rule(
    "owner-change",
    _PHASE,
    BESIDE_TRAFFIC,
    tuple(phase_table.OWNERS),
    why="what the release that serves may do with {it} as its owner, it may no longer do",
    remedy="GRANT in an expand what the new role needs, change the owner in a window",
)(always)


@rule(
    "revoke-in-expand",
    _PHASE,
    (EXPAND, BACKFILL),
    ("GrantStmt", "AlterDefaultPrivilegesStmt"),
    why="the release that serves may still need the right that is taken away",
    remedy="move REVOKE to a contract",
)
def revoke_in_expand(action: Action, known: Known) -> bool:
    action_of = action.node.get("action", action.node)
    return not action_of.get("is_grant", False) and not _of_new_things(action, known)


_GRANTED = {
    "OBJECT_TABLE": (*MAKES_TABLE, "ViewStmt"),
    "OBJECT_SEQUENCE": ("CreateSeqStmt",),
    "OBJECT_SCHEMA": ("CreateSchemaStmt",),
    "OBJECT_TYPE": ("CreateEnumStmt", "CompositeTypeStmt", "CreateRangeStmt", "CreateDomainStmt"),
    "OBJECT_DOMAIN": ("CreateDomainStmt",),
}


def _of_new_things(action: Action, known: Known) -> bool:
    """Return whether a REVOKE is about nothing but what was made a moment ago."""
    if action.kind != "GrantStmt" or action.node.get("targtype") != "ACL_TARGET_OBJECT":
        return False
    what, objects = action.node.get("objtype", ""), action.node.get("objects", [])
    return bool(objects) and all(_is_new(action, what, one, known) for one in objects)


def _is_new(action: Action, what: str, one: Node, known: Known) -> bool:
    fields = inside(one)
    if what in ("OBJECT_FUNCTION", "OBJECT_PROCEDURE", "OBJECT_ROUTINE"):
        about = replace(action, name=joined(words(fields.get("objname", []))))
        unspecified = fields.get("args_unspecified", False)
        return known.just_made_function(
            about, None if unspecified else Signature(argument_types(fields.get("objargs", [])))
        )
    if what == "OBJECT_TABLE":
        made = known.of(*_GRANTED[what], table=table_of(fields))
    else:
        name = table_of(fields) if "relname" in fields else joined(words(fields.get("items", [one])))
        made = known.of(*_GRANTED.get(what, ()), name=name)
    return any(known.is_new(each, action) and not each.node.get("replace") for each in made)


@rule(
    "setting-rejects",
    _PHASE,
    (EXPAND, BACKFILL),
    ("VIEW:AT_SetRelOptions", "AT_ReplicaIdentity"),
    why="{it}",
    remedy="move it to a contract; or GRANT before what the readers of a view need on its tables, and give a published"
    " table an identity",
)
def setting_rejects(action: Action, known: Known) -> str:
    if action.kind == "AT_ReplicaIdentity":
        return _without_identity(action, known)
    options = action.node.get("def", {}).get("items", [])
    if option(options, "check_option") is not None:
        return f"what the release that serves writes through {action.table} is rejected where the view doesn't show it"
    asked_for = is_on(option(options, "security_invoker"))
    lent = action.table in known.catalog.lent or not known.catalog.asked
    who = "its readers have" if known.catalog.asked else "it isn't known whether its readers have"
    what = "no right" if known.catalog.asked else "a right"
    return (
        f"{action.table} is read with the rights of who asks from then on, and {who} {what} of their own on its tables"
        if asked_for and lent
        else ""
    )


def _without_identity(action: Action, known: Known) -> str:
    kind = action.node.get("def", {}).get("identity_type", "")
    keyed = any(one.primary and one.table == action.table for one in known.catalog.indexes.values())
    none = kind == "n" or (kind == "d" and known.catalog.asked and not keyed)
    if not none or (known.catalog.asked and action.table not in known.catalog.published):
        return ""
    where = f"{action.table} is published" if known.catalog.asked else f"where {action.table} is published"
    return f"{where}: without an identity of its rows each UPDATE and DELETE of the release that serves fails"


@rule(
    "function-altered",
    _PHASE,
    BESIDE_TRAFFIC,
    "AlterFunctionStmt",
    why="the release that serves calls {it} as it was: now it fails or gets other answers",
    remedy="a new function with a new name",
)
def function_altered(action: Action, known: Known) -> bool | str:
    said = {one.get("DefElem", {}).get("defname") for one in action.node.get("actions", [])}
    function = action.node.get("func", {})
    name, arguments = joined(words(function.get("objname", []))), Signature(argument_types(function.get("objargs", [])))
    unspecified = None if function.get("args_unspecified") else arguments
    if said <= {"cost", "rows", "support"} or known.just_made_function(replace(action, name=name), unspecified):
        return False
    return name


rule(
    "row-security-in-expand",
    _PHASE,
    (EXPAND, BACKFILL),
    tuple(phase_table.SECURITY),
    why="rows of {table} disappear from the queries of the release that serves, and its writes are rejected",
    remedy="move it to a contract",
)(always)


rule(
    "trigger-switch",
    _LOSS,
    BESIDE_TRAFFIC,
    tuple(phase_table.SWITCHES),
    why="while a trigger of {table} is off, what it keeps in step drifts apart, and foreign keys may not be checked",
    remedy="drop the trigger in a contract together with what it served",
)(always)


rule(
    "identity",
    _PHASE,
    BESIDE_TRAFFIC,
    tuple(phase_table.IDENTITY),
    why="the release that serves inserts into {it} by its old definition; GENERATED ALWAYS rejects the values"
    " that it gives",
    remedy="add a new column, or use a window",
)(always)


@rule(
    "inheritance",
    _PHASE,
    BESIDE_TRAFFIC,
    (*phase_table.INHERITS, "CreateStmt"),
    why="queries of the release that serves suddenly see other rows in the parent of {it}",
    remedy="make a table of its own, read both through a new view",
    spares_fresh=False,
)
def inheritance(action: Action, known: Known) -> bool:
    if action.kind != "CreateStmt":
        return True
    parents = action.node.get("inhRelations", [])
    return bool(parents) and "partbound" not in action.node


@rule(
    "sequence-change",
    _PHASE,
    BESIDE_TRAFFIC,
    "AlterSeqStmt",
    why="both releases take numbers from {it}: with another start, step or bound, or a narrower type, keys collide or"
    " run out",
    remedy="use a window",
)
def sequence_change(action: Action, known: Known) -> bool:
    options = {one["DefElem"]["defname"]: one["DefElem"].get("arg", {}) for one in action.node.get("options", [])}
    widest = type_of(inside(options.pop("as", {}))) in ("", "int8")
    return not (widest and set(options) <= {"owned_by"}) and not known.just_made(action, "CreateSeqStmt")


@rule(
    "replaces-in-expand",
    _PHASE,
    (EXPAND, BACKFILL),
    ("ViewStmt", "CreateFunctionStmt", "CreateTrigStmt"),
    why="the release that serves uses {it}, and gets other answers without a deploy of its own",
    remedy="give the new version a new name (CREATE without OR REPLACE), drop the old one in a contract",
)
def replaces_in_expand(action: Action, known: Known) -> bool:
    if action.kind == "CreateTrigStmt":
        there = action.name in known.catalog.trigger_names.get(action.table, ())
        return bool(action.node.get("replace")) and there
    if action.kind == "ViewStmt":
        there = action.table in known.catalog.views
        return bool(action.node.get("replace")) and (there or not known.catalog.asked)
    is_sync = action.routine is not None and action.routine.trigger
    own = known.signature_of(action)
    there = any(each.arguments == own.arguments for each in known.catalog.signatures.get(action.name, ()))
    return bool(action.node.get("replace")) and (there or not (known.catalog.asked or is_sync))


@rule(
    "overload-answers",
    _PHASE,
    (EXPAND, BACKFILL),
    "CreateFunctionStmt",
    why="{it} is there already, and a call may fit both: the release that serves gets the answer of the new one, or"
    ' "is not unique"',
    remedy="give the new one a name of its own, or as many arguments without a default as no call of the old one has",
)
def overload_answers(action: Action, known: Known) -> bool | str:
    new = known.signature_of(action)
    for old in known.catalog.signatures.get(action.name, ()):
        if old.arguments != new.arguments and _counts(old) & _counts(new):
            return f"{action.name}({', '.join(old.arguments)})"
    return False


def _counts(function: Signature) -> set[int]:
    """Return with how many arguments a function can be called; of any number, those that anybody writes."""
    most = len(function.arguments)
    return set(range(most - function.defaults, 101 if function.variadic else most + 1))


@rule(
    "shadows-table",
    _PHASE,
    (EXPAND, BACKFILL),
    (*MAKES_TABLE, "ViewStmt"),
    why="its schema has the name of a role, which looks there first: for that role it now stands before {it}",
    remedy="another name for the schema, or for the table",
    spares_fresh=False,
)
def shadows_table(action: Action, known: Known) -> bool | str:
    schema, _, name = action.table.rpartition(".")
    there = name in known.catalog.columns or name in known.catalog.views
    return schema in known.catalog.roles and there and f"public.{name}"


@rule(
    "drop-cascade",
    _LOSS,
    ALWAYS,
    tuple(phase_table.REMOVES),
    why="CASCADE also drops everything else that depends on {it}, without naming it",
    remedy="drop by name, one by one, what depends on it",
)
def drop_cascade(action: Action, known: Known) -> bool:
    return action.node.get("behavior") == "DROP_CASCADE"


rule(
    "exclusion",
    _PHASE,
    BESIDE_TRAFFIC,
    "AT_AddConstraint",
    why="the index of an EXCLUDE constraint on {table} is built while nobody can write, and then it rejects what"
    " old writers write",
    remedy="use a window",
)(lambda action, known: action.node["def"].get("contype") == "CONSTR_EXCLUSION")

rule(
    "alter-domain",
    _PHASE,
    (EXPAND, BACKFILL),
    "AlterDomainStmt",
    why="every column of the domain is read while everybody waits, and values that the release that serves writes"
    " are rejected",
    remedy="make a new domain and a new column of it",
)(lambda action, known: not known.just_made(action, "CreateDomainStmt"))
