"""Translates: JSON back into the core's frozen dataclasses, strictly; unions are told apart by their fields."""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")


def from_json(value: object, wanted: type[T]) -> T:
    """Return *value*, as ``json`` decodes it, as a *wanted*; raise ValueError where it isn't one."""
    return typing.cast("T", _build(value, wanted))


def _build(value: object, wanted: Any) -> object:
    origin = typing.get_origin(wanted)
    if _is_dataclass(wanted):
        return _dataclass(value, wanted)
    if origin in {typing.Union, types.UnionType}:
        return _union(value, typing.get_args(wanted))
    if origin is tuple:
        return _tuple(value, typing.get_args(wanted))
    if origin in {Mapping, dict}:
        return _mapping(value, *typing.get_args(wanted))
    return _plain(value, wanted)


def _is_dataclass(wanted: Any) -> bool:
    return dataclasses.is_dataclass(wanted)


def _dataclass(value: object, wanted: Any) -> object:
    known: dict[str, Any] = _fields(wanted)
    if not isinstance(value, dict) or not value.keys() <= known.keys():
        raise ValueError(f"not a {wanted.__name__}")
    try:
        return wanted(**{name: _build(each, known[name]) for name, each in value.items()})
    except TypeError as error:  # a field without a default is missing
        raise ValueError(f"not a {wanted.__name__}: {error}") from error


@cache
def _fields(wanted: Any) -> dict[str, Any]:
    hints = typing.get_type_hints(wanted)
    return {field.name: hints[field.name] for field in dataclasses.fields(wanted)}


def _union(value: object, choices: tuple[Any, ...]) -> object:
    several = sum(map(_is_dataclass, choices)) > 1
    for choice in choices:
        try:
            # Of two dataclasses the one that has exactly these fields is meant; of one, an older Teal knew fewer.
            if several and _is_dataclass(choice) and isinstance(value, dict) and value.keys() != _fields(choice).keys():
                continue
            return _build(value, choice)
        except ValueError:
            continue
    raise ValueError(f"{value!r} is none of {choices}")


def _tuple(value: object, items: tuple[Any, ...]) -> object:
    if not isinstance(value, list):
        raise ValueError("not a list")
    if len(items) == 2 and items[1] is Ellipsis:
        return tuple(_build(each, items[0]) for each in value)
    return tuple(_build(each, item) for each, item in zip(value, items, strict=True))


def _mapping(value: object, key: Any, item: Any) -> object:
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return {_build(name, key): _build(each, item) for name, each in value.items()}


def _plain(value: object, wanted: Any) -> object:
    if typing.get_origin(wanted) is typing.Literal:
        if value not in typing.get_args(wanted):
            raise ValueError(f"{value!r} is none of {typing.get_args(wanted)}")
        return value
    if isinstance(wanted, type) and issubclass(wanted, Enum):
        return wanted(value)
    if wanted is float and type(value) is int:
        return float(value)
    if type(value) is not wanted:
        raise ValueError(f"{value!r} is no {wanted}")
    return value
