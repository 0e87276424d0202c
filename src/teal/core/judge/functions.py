"""What is known of functions: how volatile they are, and which do no harm where a migration calls them."""

from __future__ import annotations

from typing import Any

from teal.core.judge.actions import Action
from teal.core.judge.context import Known
from teal.core.migrations.sql import function_names

_STABLE = """
now transaction_timestamp statement_timestamp current_setting current_database current_schema current_user
session_user timezone date_trunc date_part extract age to_char to_timestamp to_date to_number make_interval
make_date make_time make_timestamp make_timestamptz abs ceil ceiling floor round trunc sign sqrt power mod
greatest least coalesce nullif lower upper initcap btrim ltrim rtrim trim lpad rpad left right substr substring
replace translate reverse repeat concat concat_ws format length char_length octet_length position strpos
split_part md5 sha224 sha256 sha384 sha512 encode decode hashtext ascii chr quote_ident quote_literal
regexp_replace regexp_match regexp_matches regexp_split_to_array string_to_array array_to_string array_length
array_append array_prepend array_cat array_remove array_position cardinality unnest to_json to_jsonb
json_build_object jsonb_build_object json_build_array jsonb_build_array jsonb_set jsonb_insert jsonb_strip_nulls
jsonb_typeof jsonb_array_length jsonb_extract_path jsonb_extract_path_text row_to_json to_tsvector to_tsquery
plainto_tsquery setweight int4range int8range numrange tsrange tstzrange daterange isfinite justify_days
like_escape similar_escape like similar_to_escape overlaps time_bucket
array_fill array_dims array_upper array_lower array_replace array_positions trim_array point box circle line lseg path
polygon int4 int8 float8 numeric text varchar date time timestamptz inet cidr host network masklen set_masklen macaddr
family abbrev int4multirange int8multirange nummultirange tsmultirange tstzmultirange datemultirange jsonb_path_query
jsonb_object json_object jsonb_pretty hstore bit varbit get_bit set_bit get_byte set_byte sha1 crc32 crc32c to_hex
to_oct to_bin exp ln log log10 cbrt degrees radians pi sin cos tan atan atan2 asin acos mod gcd lcm div width_bucket
starts_with string_to_table justify_hours justify_interval date_bin make_timestamptz isempty
lower_inc upper_inc cardinality numnode querytree ts_rank strip casefold normalize unistr
"""
STABLE = frozenset(_STABLE.split())
_READS = """
count sum min max avg bool_and bool_or every string_agg array_agg json_agg jsonb_agg json_object_agg
jsonb_object_agg row_number rank dense_rank lag lead first_value last_value nth_value generate_series random
gen_random_uuid uuid_generate_v4 uuidv4 uuidv7 clock_timestamp timeofday nextval currval lastval version
pg_sleep pg_notify
to_regclass to_regtype to_regnamespace to_regproc to_regprocedure to_regrole
pg_table_size pg_relation_size pg_total_relation_size pg_get_serial_sequence
format_type obj_description pg_backend_pid txid_current pg_advisory_lock pg_advisory_unlock
pg_advisory_xact_lock pg_try_advisory_lock pg_try_advisory_xact_lock jsonb_each jsonb_each_text
jsonb_array_elements jsonb_array_elements_text jsonb_object_keys regexp_split_to_table
"""
READS = frozenset(_READS.split())
# TimescaleDB's own, each with rules of its own where it can hurt.
_TIMESCALE = """
create_hypertable drop_chunks show_chunks add_retention_policy remove_retention_policy set_chunk_time_interval
set_integer_now_func by_range by_hash add_dimension approximate_row_count hypertable_size
refresh_continuous_aggregate add_continuous_aggregate_policy remove_continuous_aggregate_policy
"""
TIMESCALE = frozenset(_TIMESCALE.split())


def plain(name: str) -> str:
    """Return *name* without the schema of an extension: what counts is the function."""
    return name.rsplit(".", 1)[-1]


def volatile(tree: Any, known: Known) -> str:
    """Return the first function in *tree* that isn't known to be stable; "" where all are."""
    for name in function_names(tree):
        declared = known.volatility(name)
        if plain(name) not in STABLE and declared not in ("stable", "immutable"):
            return name
    return ""


def unlisted(tree: Any, known: Known) -> str:
    """Return the first function that *tree* calls whose effects nobody knows; "" where there is none."""
    for name in function_names(tree):
        listed = plain(name) in STABLE | READS | TIMESCALE or name in known.lint.functions
        pure = known.volatility(name) in ("stable", "immutable")
        if not listed and not pure and known.routine(name) is None:
            return name
    return ""


def calls(action: Action, *names: str) -> bool:
    """Return whether *action* calls one of *names*."""
    return any(plain(name) in names for name in function_names(action.node))
