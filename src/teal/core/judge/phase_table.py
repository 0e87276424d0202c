"""Which kinds of actions belong where: the table of phases, in the parser's words."""

from __future__ import annotations

CREATES = frozenset(
    {
        "CreateStmt",
        "CreateTableAsStmt",
        "ViewStmt",
        "CreateFunctionStmt",
        "CreateTrigStmt",
        "CreateEnumStmt",
        "CompositeTypeStmt",
        "CreateRangeStmt",
        "CreateDomainStmt",
        "CreateSchemaStmt",
        "CreateSeqStmt",
        "CreateExtensionStmt",
        "CreateStatsStmt",
        "AlterEnumStmt",
        "AT_AddColumn",
        "AT_AttachPartition",
        "INDEX:AT_AttachPartition",
    }
)
REMOVES = frozenset(
    {
        "DROP_TABLE",
        "DROP_VIEW",
        "DROP_MATVIEW",
        "DROP_INDEX",
        "DROP_SEQUENCE",
        "DROP_TYPE",
        "DROP_DOMAIN",
        "DROP_FUNCTION",
        "DROP_PROCEDURE",
        "DROP_ROUTINE",
        "DROP_AGGREGATE",
        "DROP_TRIGGER",
        "DROP_RULE",
        "DROP_SCHEMA",
        "DROP_EXTENSION",
        "DROP_STATISTIC_EXT",
        "AT_DropColumn",
        "AT_DropConstraint",
        "AT_DropExpression",
        "AT_DetachPartition",
    }
)
TYPE_CHANGES = frozenset({"AT_AlterColumnType", "TYPE:AT_AddColumn", "TYPE:AT_DropColumn", "TYPE:AT_AlterColumnType"})
REWRITES = frozenset(
    {"ClusterStmt", "AT_SetLogged", "AT_SetUnLogged", "AT_SetTableSpace", "AT_SetAccessMethod", "AT_SetExpression"}
)
OWNERS = frozenset({"AT_ChangeOwner", "AlterOwnerStmt", "VIEW:AT_ChangeOwner", "SEQUENCE:AT_ChangeOwner"})
SWITCHES = frozenset(
    {
        "AT_EnableTrig",
        "AT_EnableAlwaysTrig",
        "AT_EnableReplicaTrig",
        "AT_DisableTrig",
        "AT_EnableTrigAll",
        "AT_DisableTrigAll",
        "AT_EnableTrigUser",
        "AT_DisableTrigUser",
    }
)
SECURITY = frozenset({"AT_EnableRowSecurity", "AT_ForceRowSecurity", "CreatePolicyStmt", "AlterPolicyStmt"})
UNSECURES = frozenset({"AT_DisableRowSecurity", "AT_NoForceRowSecurity", "DROP_POLICY"})
IDENTITY = frozenset({"AT_AddIdentity", "AT_SetIdentity", "AT_DropIdentity"})
INHERITS = frozenset({"AT_AddInherit", "AT_DropInherit", "AT_AddOf", "AT_DropOf"})
WRITES = frozenset({"UpdateStmt", "InsertStmt", "DeleteStmt", "MergeStmt"})
COLUMN_RULES = frozenset({"AT_ColumnDefault", "AT_SetNotNull", "AT_DropNotNull", "AT_AddConstraint"})
SETTINGS = frozenset(
    {
        "AT_SetStatistics",
        "AT_SetOptions",
        "AT_ResetOptions",
        "AT_SetRelOptions",
        "AT_ResetRelOptions",
        "AT_SetCompression",
        "AT_SetStorage",
        "AT_ReplicaIdentity",
        "INDEX:AT_SetRelOptions",
        "INDEX:AT_SetStatistics",
        "VIEW:AT_SetRelOptions",
        "VIEW:AT_ResetRelOptions",
    }
)
HARMLESS = frozenset(
    {
        "TransactionStmt",
        "VariableSetStmt",
        "VariableShowStmt",
        "CommentStmt",
        "NotifyStmt",
        "ListenStmt",
        "UnlistenStmt",
        "DiscardStmt",
        "ExplainStmt",
        "PrepareStmt",
        "DeallocateStmt",
        "SelectStmt",
        "DoStmt",
        "ConstraintsSetStmt",
    }
)
_NAMED = """
COLUMN TABLE VIEW MATVIEW INDEX SEQUENCE TYPE DOMAIN FUNCTION PROCEDURE ROUTINE SCHEMA TABCONSTRAINT DOMCONSTRAINT
TRIGGER ATTRIBUTE POLICY
"""
RENAMES = frozenset(f"RENAME_{what}" for what in _NAMED.split())
SCHEMA_CHANGES = (
    CREATES
    | REMOVES
    | TYPE_CHANGES
    | REWRITES
    | OWNERS
    | SWITCHES
    | SECURITY
    | UNSECURES
    | IDENTITY
    | INHERITS
    | COLUMN_RULES
    | RENAMES
    | {"IndexStmt", "AlterObjectSchemaStmt", "AlterExtensionStmt", "AlterSeqStmt", "AlterDomainStmt"}
)
READABLE = (
    SCHEMA_CHANGES
    | WRITES
    | SETTINGS
    | HARMLESS
    | {
        "AT_ValidateConstraint",
        "AlterFunctionStmt",
        "GrantStmt",
        "AlterDefaultPrivilegesStmt",
        "TruncateStmt",
        "VacuumStmt",
        "ReindexStmt",
        "RefreshMatViewStmt",
        "LockStmt",
        "CopyStmt",
        "CallStmt",
        "Unreadable",
        "UnreadBody",
    }
)
