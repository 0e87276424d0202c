"""Finds out what each writable mount is: looks at the disk, and asks ``core.services.mounts``."""

from __future__ import annotations

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from teal.config.disk import look_at
from teal.config.own_sources import own_sources
from teal.core.model.compose import mapping, sequence, services_in
from teal.core.model.mounts import Mount, Verdict
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Evidence, Strategy, Tree
from teal.core.services.mounts import Look, acts, judge_mounts, kept_by_data, source_of, target_of, writable
from teal.core.services.roles import propose
from teal.core.services.safe_volumes import declared, known_names
from teal.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Judged:
    """What follows from the mounts: who becomes shared (in *evidence*), and whether two releases may run at once."""

    evidence: Evidence
    mounts: tuple[Mount, ...]
    strategy: Strategy
    models: Mapping[Side, Tree]  # configuration is mounted read-only in a color
    sources: frozenset[tuple[str, str]]


def judged(
    models: Mapping[Side, Tree], evidence: Evidence, safe: Collection[str], directory: Path, said: Strategy | None
) -> Judged:
    """Return what follows from the mounts of *models*; *safe* and *said* are the owner's words."""
    model = models[Side.BLUE]
    meant = _safe(safe, models, directory)
    roles = propose(model, evidence)
    ours = [name for name, each in roles.items() if each.role.rotates]
    services = services_in(model)
    places = {
        source_of(volume): source_of(volume)
        for name in ours
        for volume in writable(services[name])
        if volume.get("type") == "bind"
    }
    sources = own_sources(model, ours, directory)
    look = Look(str(directory), meant, sources, look_at(places))
    mounts = judge_mounts(model, roles, look, models[Side.GREEN])
    if said != "recreate":
        taken = {*evidence.declared, *evidence.in_overlays}
        evidence = replace(evidence, kept=kept_by_data(mounts, model, roles, taken))
        roles = propose(model, evidence)
        mounts = tuple(mount for mount in mounts if roles[mount.service].role.rotates)
    one = any(acts(mount, roles) for mount in mounts)
    strategy = said or ("recreate" if one else "blue-green")
    return Judged(evidence, mounts, strategy, _read_only(models, mounts), sources)


def _safe(entries: Collection[str], models: Mapping[Side, Tree], directory: Path) -> frozenset[tuple[str, str]]:
    """Return the mounts that the owner calls safe. Raises ConfigError where an entry means none."""
    meant, nothing = declared(entries, models.values(), str(directory))
    for entry in nothing:
        names = known_names(models.values(), str(directory))
        near = difflib.get_close_matches(entry, names, n=1) or [each for each in names if each.endswith(f"/{entry}")]
        listed = f"what is mounted: {', '.join(names)}" if names else "no service mounts anything"
        hint = f"did you mean {near[0]}?" if near else listed
        raise ConfigError(f"teal.yml: safe_volumes names {entry}, which no service mounts", hint=hint)
    return meant


def _read_only(models: Mapping[Side, Tree], mounts: Collection[Mount]) -> Mapping[Side, Tree]:
    """Return *models* with the configuration of what rotates mounted read-only in the colors."""
    only = {(mount.service, mount.target) for mount in mounts if mount.verdict is Verdict.CONFIGURATION}
    if not only:
        return models
    return {side: _closed(model, only) if side in COLORS else model for side, model in models.items()}


def _closed(model: Tree, only: Collection[tuple[str, str]]) -> Tree:
    services = {
        name: {**service, "volumes": [_volume(name, volume, only) for volume in sequence(service.get("volumes"))]}
        if any(name == each for each, _ in only)
        else service
        for name, service in services_in(model).items()
    }
    return {**model, "services": services}


def _volume(name: str, volume: object, only: Collection[tuple[str, str]]) -> object:
    found = mapping(volume)
    return {**found, "read_only": True} if (name, target_of(found)) in only else volume
