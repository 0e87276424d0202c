"""Which mounts the owner means by an entry of ``safe_volumes``: as the files name it, or as Teal prints it."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterable, Iterator, Mapping

from teal.core.model.compose import Node, mapping, sequence, services_in, text, unescaped

Place = tuple[str, str]  # service, path in the container


def declared(
    entries: Collection[str], models: Iterable[Node], directory: str
) -> tuple[frozenset[Place], tuple[str, ...]]:
    """Return the mounts that *entries* mean, and the entries that mean none.

    An entry is a volume's key or real name, a path on this machine (whole, or relative to *directory*), a path in the
    container, SERVICE:PATH, or the last part of a path where only one place has that.
    """
    models = tuple(models)
    names = [
        (place, source, _names(place, source, model, directory)) for model in models for place, source in _all(model)
    ]
    found: set[Place] = set()
    nothing = []
    for entry in entries:
        said = entry.rstrip("/") or entry
        meant = {place for place, _, known in names if said in known} or _by_last_part(said, names)
        found |= meant
        if not meant and not any(said in _volumes(model) for model in models):
            nothing.append(entry)
    return frozenset(found), tuple(nothing)


def known_names(models: Iterable[Node], directory: str) -> tuple[str, ...]:
    """Return what an entry could have been, for who has misspelt one."""
    names = (
        each for model in models for place, source in _all(model) for each in _names(place, source, model, directory)
    )
    return tuple(dict.fromkeys(sorted(names)))


def _by_last_part(said: str, names: Iterable[tuple[Place, str, Collection[str]]]) -> set[Place]:
    """Return the mounts of the one place whose path on this machine, or else in the container, ends in *said*."""
    names = tuple(names)
    outside = {place: source for place, source, _ in names if posixpath.basename(source) == said}
    inside = {place: source or ":".join(place) for place, source, _ in names if posixpath.basename(place[1]) == said}
    met = outside or inside
    return set(met) if len(set(met.values())) == 1 else set()


def _all(model: Node) -> Iterator[tuple[Place, str]]:
    for name, service in services_in(model).items():
        for volume in map(mapping, sequence(service.get("volumes"))):
            target = unescaped(volume.get("target")).rstrip("/") or "/"
            yield (name, target), unescaped(volume.get("source")).rstrip("/")


def _names(place: Place, source: str, model: Node, directory: str) -> frozenset[str]:
    relative = source.removeprefix(f"{directory}/")
    real = _volumes(model).get(source, "")
    return frozenset({source, real, relative, f"./{relative}", place[1], ":".join(place)} - {"", "./"})


def _volumes(model: Node) -> Mapping[str, str]:
    return {key: text(mapping(volume).get("name")) for key, volume in mapping(model.get("volumes")).items()}
