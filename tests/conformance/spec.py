"""The keys of the Compose specification, as the schema in the installed Compose names them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tests.conformance.look import said

Schema = dict[str, Any]
KINDS = {
    "services": "service",
    "networks": "network",
    "volumes": "volume",
    "secrets": "secret",
    "configs": "config",
    "models": "model",
    "include": "include",
}
LIST = "[]"
DEEPEST = 8


def installed() -> Schema:
    """Return the specification's schema: Compose, one file with everything in it, carries its text."""
    plugins = json.loads(said("info", "--format", "{{json .ClientInfo.Plugins}}"))
    path = next(each["Path"] for each in plugins if each["Name"] == "compose")
    data = Path(path).read_bytes()
    for found in re.finditer(rb'\{\s*"\$schema"', data):
        text = data[found.start() : found.start() + 500_000].decode("utf-8", "replace")
        try:
            schema, _ = json.JSONDecoder().raw_decode(text)
        except ValueError:
            continue
        if "compose" in str(schema.get("$id", "")) and "services" in schema.get("properties", {}):
            return dict(schema)
    raise AssertionError(f"{path} carries no schema of the specification")


def keys(schema: Schema) -> frozenset[str]:
    """Return every key below each kind as a path: ``services.healthcheck.test``, ``networks.ipam.config.[].subnet``."""
    definitions = schema.get("definitions") or schema["$defs"]
    found = {f"{kind}.{key}" for kind, name in KINDS.items() for key in _keys(definitions[name], "", definitions, 0)}
    return frozenset(found)


def _keys(schema: Mapping[str, Any], prefix: str, definitions: Mapping[str, Any], depth: int) -> Iterator[str]:
    if depth > DEEPEST:
        return
    for each in _alternatives(schema, definitions):
        for key, value in each.get("properties", {}).items():
            yield prefix + key
            yield from _keys(value, f"{prefix}{key}.", definitions, depth + 1)
        for key, value in each.get("patternProperties", {}).items():
            if not key.startswith("^x-"):
                yield from _keys(value, f"{prefix}*.", definitions, depth + 1)
        for word, sign in (("items", LIST), ("additionalProperties", "*")):
            if isinstance(each.get(word), dict):
                yield from _keys(each[word], f"{prefix}{sign}.", definitions, depth + 1)


def _alternatives(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    while "$ref" in schema:
        schema = definitions[schema["$ref"].split("/")[-1]]
    yield schema
    for word in ("oneOf", "anyOf", "allOf"):
        for each in schema.get(word, ()):
            yield from _alternatives(each, definitions)


def used(kind: str, value: Any, known: Iterable[str]) -> frozenset[str]:
    """Return those of the *known* keys that *value*, of a service or another *kind*, uses."""
    every = frozenset(known)
    return frozenset(_used(kind, value, every)) & every


def _used(prefix: str, value: Any, known: frozenset[str]) -> Iterator[str]:
    if isinstance(value, list | tuple):
        for each in value:
            yield from _used(f"{prefix}.{LIST}", each, known)
    elif isinstance(value, dict):
        for key, each in value.items():
            path = f"{prefix}.{key}"
            yield path
            yield from _used(path, each, known)
            yield from _used(f"{prefix}.*", each, known)
