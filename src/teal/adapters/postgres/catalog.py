"""Translates: the server's own tables about tables into what the judge asks for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from teal.adapters.postgres.driver import Connection, Record
from teal.core.judge.values import Catalog, Column, Trigger

# Names as the judge has them: without their schema in ``public``.
_NAME = "CASE WHEN n.nspname = 'public' THEN '' ELSE n.nspname || '.' END || "
# What belongs to the server, to an extension, or to Teal is no migration's.
_OURS = """n.nspname !~ '^(pg_|_?timescaledb|toolkit_|information_schema$|teal$)'
    AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.objid = {oid} AND d.deptype = 'e')"""
_RELATION = f"""pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace AND {_OURS.format(oid="c.oid")}"""

_QUERIES: Mapping[str, str] = {
    "columns": f"""
SELECT {_NAME} c.relname AS name, a.attname AS key, format_type(a.atttypid, a.atttypmod) AS type,
    NOT a.attnotnull AS nullable,
    CASE WHEN a.attidentity <> '' THEN 'identity' ELSE pg_get_expr(d.adbin, d.adrelid) END AS default
FROM {_RELATION} JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
WHERE c.relkind IN ('r', 'p', 'f') ORDER BY c.oid, a.attnum""",
    # A table that was never analyzed has no estimate, unless it is empty; a parent has its children's.
    "rows": f"""
SELECT {_NAME} c.relname AS name,
    (SELECT CASE WHEN bool_and(p.reltuples >= 0 OR pg_relation_size(p.oid) = 0)
        THEN sum(greatest(p.reltuples, 0))::bigint END
    FROM pg_class p WHERE p.oid = c.oid OR p.oid IN (SELECT inhrelid FROM pg_inherits WHERE inhparent = c.oid)) AS value
FROM {_RELATION} WHERE c.relkind IN ('r', 'p')""",
    "views": f"SELECT {_NAME} c.relname AS name, true AS value FROM {_RELATION} WHERE c.relkind IN ('v', 'm')",
    "viewed": f"""
SELECT DISTINCT {_NAME} c.relname || '.' || a.attname AS name,
    CASE WHEN m.nspname = 'public' THEN '' ELSE m.nspname || '.' END || v.relname AS value
FROM {_RELATION} JOIN pg_attribute a ON a.attrelid = c.oid AND NOT a.attisdropped
JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid = a.attnum
    AND d.classid = 'pg_rewrite'::regclass
JOIN pg_rewrite r ON r.oid = d.objid JOIN pg_class v ON v.oid = r.ev_class AND v.oid <> c.oid
JOIN pg_namespace m ON m.oid = v.relnamespace WHERE c.relkind IN ('r', 'p', 'f')""",
    "partitioned": f"SELECT {_NAME} c.relname AS name, true AS value FROM {_RELATION} WHERE c.relkind = 'p'",
    "domains": f"""
SELECT {_NAME} t.typname AS name,
    t.typnotnull OR EXISTS (SELECT FROM pg_constraint WHERE contypid = t.oid) AS value
FROM pg_type t JOIN pg_namespace n ON n.oid = t.typnamespace AND {_OURS.format(oid="t.oid")} WHERE t.typtype = 'd'""",
    "functions": f"""
SELECT {_NAME} p.proname AS name,
    CASE max(CASE p.provolatile WHEN 'v' THEN 2 WHEN 's' THEN 1 ELSE 0 END)
        WHEN 2 THEN 'volatile' WHEN 1 THEN 'stable' ELSE 'immutable' END AS value
FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace AND {_OURS.format(oid="p.oid")}
WHERE p.prokind = 'f' GROUP BY 1""",
    "indexes": f"""
SELECT {_NAME} c.relname AS name, (SELECT {_NAME.replace("n.", "m.")} t.relname FROM pg_class t
    JOIN pg_namespace m ON m.oid = t.relnamespace WHERE t.oid = i.indrelid) AS value
FROM {_RELATION} JOIN pg_index i ON i.indexrelid = c.oid""",
    "not_null_checks": f"""
SELECT {_NAME} c.relname AS name, a.attname AS value
FROM {_RELATION} JOIN pg_constraint k ON k.conrelid = c.oid AND k.contype = 'c' AND k.convalidated
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.conkey[1] AND cardinality(k.conkey) = 1
WHERE pg_get_constraintdef(k.oid) ~* '^CHECK \\(+"?[^()"]+"? IS NOT NULL\\)+$'""",
    "keys": f"""
SELECT {_NAME} c.relname AS name, a.attname AS value
FROM {_RELATION} JOIN pg_index i ON i.indrelid = c.oid AND i.indisunique AND i.indisvalid AND i.indnkeyatts = 1
    AND i.indpred IS NULL
JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = i.indkey[0] WHERE c.relkind = 'r'""",
    "triggers": f"""
SELECT {_NAME} c.relname AS name, t.tgname AS key, p.proname AS function, p.prosrc AS body,
    t.tgtype & 4 <> 0 AS insert, t.tgtype & 16 <> 0 AS update, t.tgtype & 2 <> 0 AS before, t.tgtype & 1 <> 0 AS row,
    ARRAY(SELECT a.attname::text FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attnum = ANY (t.tgattr)) AS columns,
    substring(pg_get_triggerdef(t.oid) FROM ' WHEN \\((.*)\\) EXECUTE FUNCTION ') AS when
FROM {_RELATION} JOIN pg_trigger t ON t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgenabled <> 'D'
JOIN pg_proc p ON p.oid = t.tgfoid ORDER BY t.tgname""",
    "bodies": f"""
SELECT {_NAME} p.proname AS name, p.prosrc AS value
FROM pg_proc p JOIN pg_language l ON l.oid = p.prolang AND l.lanname IN ('sql', 'plpgsql')
JOIN pg_namespace n ON n.oid = p.pronamespace AND {_OURS.format(oid="p.oid")} WHERE p.prosrc <> '' ORDER BY p.oid""",
    # Whom else than its owner a table lets write: what its triggers do is done in their name.
    "writers": f"""
SELECT DISTINCT {_NAME} c.relname AS name,
    CASE WHEN g.grantee = 0 THEN 'public' ELSE pg_get_userbyid(g.grantee)::text END AS value
FROM {_RELATION}, aclexplode(c.relacl) g
WHERE c.relkind IN ('r', 'p') AND g.grantee <> c.relowner AND g.privilege_type IN ('INSERT', 'UPDATE')""",
}

_HYPERTABLES = """
SELECT CASE WHEN hypertable_schema = 'public' THEN '' ELSE hypertable_schema || '.' END || hypertable_name AS name,
    compression_enabled AS value FROM timescaledb_information.hypertables"""
_AGGREGATES = """
SELECT CASE WHEN view_schema = 'public' THEN '' ELSE view_schema || '.' END || view_name AS name, true AS value
FROM timescaledb_information.continuous_aggregates"""
_KEYS = """
SELECT CASE WHEN hypertable_schema = 'public' THEN '' ELSE hypertable_schema || '.' END || hypertable_name AS name,
    attname AS value FROM timescaledb_information.compression_settings
WHERE segmentby_column_index IS NOT NULL OR orderby_column_index IS NOT NULL"""


async def read_catalog(connection: Connection) -> Catalog:
    """Return what the database says of itself."""
    found = {name: await connection.fetch(query) for name, query in _QUERIES.items()}
    scaled = await connection.fetchval("SELECT to_regclass('timescaledb_information.hypertables') IS NOT NULL")
    hypertables = await _if(connection, _HYPERTABLES, there=scaled)
    aggregates = _names(await _if(connection, _AGGREGATES, there=scaled))
    settings = await connection.fetchval("SELECT to_regclass('timescaledb_information.compression_settings')")
    return Catalog(
        asked=True,
        hypertables=_names(hypertables),
        compressed=frozenset(row["name"] for row in hypertables if row["value"]),
        partitioned=_names(found["partitioned"]),
        aggregates=aggregates,
        columns=_columns(found["columns"]),
        columnstore_keys=_sets(await _if(connection, _KEYS, there=settings is not None)),
        rows={name: rows for name, rows in _pairs(found["rows"]).items() if rows is not None},
        domains=_pairs(found["domains"]),
        functions=_pairs(found["functions"]),
        bodies={name: tuple(sorted(sources)) for name, sources in _sets(found["bodies"]).items()},
        writers=_sets(found["writers"]),
        indexes=_pairs(found["indexes"]),
        keys=_sets(found["keys"]),
        not_null_checks=_sets(found["not_null_checks"]),
        triggers=_triggers(found["triggers"]),
        views=_names(found["views"]) - aggregates,
        viewed=_sets(found["viewed"]),
    )


async def _if(connection: Connection, query: str, *, there: bool) -> Sequence[Record]:
    return await connection.fetch(query) if there else ()


def _names(rows: Sequence[Record]) -> frozenset[str]:
    return frozenset(row["name"] for row in rows)


def _pairs(rows: Sequence[Record]) -> dict[str, Any]:
    return {row["name"]: row["value"] for row in rows}


def _sets(rows: Sequence[Record]) -> dict[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for row in rows:
        found.setdefault(row["name"], set()).add(row["value"])
    return {name: frozenset(values) for name, values in found.items()}


def _columns(rows: Sequence[Record]) -> dict[str, dict[str, Column]]:
    found: dict[str, dict[str, Column]] = {}
    for row in rows:
        found.setdefault(row["name"], {})[row["key"]] = Column(row["type"], row["nullable"], row["default"])
    return found


def _triggers(rows: Sequence[Record]) -> dict[str, tuple[Trigger, ...]]:
    found: dict[str, tuple[Trigger, ...]] = {}
    for row in rows:
        events = row["insert"], row["update"], row["before"], row["row"]
        one = Trigger(row["key"], row["function"], row["body"], *events, frozenset(row["columns"]), row["when"] or "")
        found[row["name"]] = (*found.get(row["name"], ()), one)
    return found
