"""Decides: which names collide, and where the two overlays don't fit the stack or each other."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.model.compose import Node, mapping, sequence, services_in, text
from teal.core.model.problem import Problem, error, warning
from teal.core.model.side import COLORS, Side, key_of
from teal.core.model.stack import Stack


def collisions(stack: Stack) -> Iterator[Problem]:
    """Say which names a color would take from another service."""
    names = set(services_in(stack.models[Side.BLUE])) | set(services_in(stack.models[Side.GREEN]))
    for each in stack.rotating:
        for side in COLORS:
            taken = key_of(each.name, side)
            if taken in names:
                message = f"{taken} collides with the {side} {each.name}"
                yield error(taken, message, "rename it; keys in an overlay are base names, without the color")


def overlays(stack: Stack) -> Iterator[Problem]:
    """Say where compose.blue.yml and compose.green.yml don't fit."""
    plain, blue, green = (services_in(stack.models[side]) for side in (Side.PLAIN, Side.BLUE, Side.GREEN))
    for name in sorted(stack.evidence.overlaid):
        if name not in plain:
            yield error(name, f"an overlay names {name}, which the stack hasn't", "its keys are the stack's own names")
            continue
        if name not in blue or name not in green:
            continue
        yield from _names(name, plain[name], blue[name], green[name])
        yield from _drift(name, blue[name], green[name])


def _names(name: str, plain: Node, blue: Node, green: Node) -> Iterator[Problem]:
    said = text(blue.get("container_name"))
    if said and said == text(green.get("container_name")) != text(plain.get("container_name")):
        remedy = f"write {said}-blue in compose.blue.yml and {said}-green in compose.green.yml"
        yield error(name, f"both overlays call the container of {name} {said}", remedy)


def _drift(name: str, blue: Node, green: Node) -> Iterator[Problem]:
    """Warn where the colors differ in more than names: what was tried on one is not what comes on the other."""
    apart = [key for key in sorted({*blue, *green}) if _told(blue, key) != _told(green, key)]
    if apart:
        message = f"the overlays give {name} different {', '.join(apart)}: the two colors don't run the same"
        yield warning(name, message, "let the overlays differ in names and colors only")


def _told(service: Node, key: str) -> object:
    """Return the value of *key* without what may well differ: names, and values that name the color."""
    if key == "container_name":
        return None
    return _colorless(service.get(key))


def _colorless(value: object) -> object:
    if isinstance(value, str):
        return value.replace("green", "blue")
    if isinstance(value, list | tuple):
        return [_colorless(each) for each in sequence(value)]
    return {_colorless(k): _colorless(v) for k, v in mapping(value).items()} if isinstance(value, dict) else value
