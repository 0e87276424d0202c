"""Reads everything that the owner of a stack says into what is wanted: a ``Stack``, nothing left to look up."""

from __future__ import annotations

import asyncio
import difflib
import stat
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from teal.config.around import built, calls
from teal.config.caddyfile import find_proxy, named_by_proxy
from teal.config.files import TEAL_YML, find, mentioned, named_in, overlay, places
from teal.config.migrations import digest_of, migrations_of
from teal.config.mounts import judged
from teal.config.options import Options, Overrides
from teal.config.own_sources import own_sources
from teal.config.questions import resolve, values
from teal.config.settings import settings_of
from teal.config.teal_yml import TealYml, assets_of, caddy_of, checks_of, evidence_of, hooks_of, own_proxy_of, swarm_of
from teal.config.telling import telling_of
from teal.core.model.compose import escaped, mapping, sequence, services_in, text, unescaped
from teal.core.model.own_proxy import OWN, OwnProxy
from teal.core.model.proxy_config import Adapted
from teal.core.model.release import RenderInputs
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import ImageFacts, Role, Stack, Tree
from teal.core.model.units import ReleaseId
from teal.core.planning.leave import definitions
from teal.core.rendering.project import render, render_both, render_once
from teal.core.services.classify import services_of, with_entrances, with_images
from teal.core.services.own_proxy import is_due, with_own_proxy
from teal.errors import ConfigError
from teal.ports import ImageInfo, ModelReader, Resolved

LARGEST_COPY = 10 * 1024 * 1024  # bytes
_TELLING = 0o755  # of a file's mode, what matters to a release: group and others may write by a checkout's umask alone
ImageLook = Callable[[str], Awaitable[ImageInfo | None]]
Adapt = Callable[[Tree, str], Awaitable[Adapted]]  # a plain model and the name of its proxy
_NO_OVERRIDES = Overrides()


async def load(
    options: Options,
    environment: Mapping[str, str],
    reader: ModelReader,
    *,
    overrides: Overrides = _NO_OVERRIDES,
    look: ImageLook | None = None,
    adapt: Adapt | None = None,
    only_plain: bool = False,
) -> Stack:
    """Return the stack that *options* mean.

    *reader* asks Compose what the files mean; *look* asks the engine for an image, *adapt* Caddy for its
    configuration, where they may be asked.
    *only_plain*: quicker, and enough to show what there is: both colors get the plain model, without fingerprint.
    """
    known = dict(environment)
    found = find(options, known, reader)
    files = found.files
    overlays = {side: overlay(files, side) for side in COLORS}
    resolved = await _resolved(options, known, reader, files, {} if only_plain else overlays)
    models = await _with_values({side: each.model for side, each in resolved.items()}, options, known, reader, files)
    _alike(models, overlays)
    said = _teal_yml(files[0].parent)
    plain = models[Side.PLAIN]
    overlaid = frozenset(name for path in overlays.values() if path for name in named_in(path))
    written = tuple(path for path in (*files, *overlays.values()) if path)
    where, variables = places(written), mentioned(written)
    made = built(plain)
    proxy = caddy_of(said) or find_proxy(plain, made)
    adapted = await adapt(plain, proxy) if adapt and proxy in services_in(plain) else None
    named = named_by_proxy(models, proxy, adapted, made.get(proxy))
    evidence = evidence_of(said, overlaid=overlaid, proxy=proxy, named=named)
    called, read = calls(models, made)
    evidence = replace(evidence, built=made, calls=called, read=read)
    _exist(said, services_in(models[Side.BLUE]))
    found_mounts = judged(models, evidence, said.safe_volumes, found.directory, said.strategy)
    models, evidence = dict(found_mounts.models), found_mounts.evidence
    stack = Stack(
        project=text(plain.get("name")),
        directory=str(found.directory),
        files=options.files,
        models=models,
        services=services_of(models, evidence),
        proxy=proxy,
        caddy=proxy,
        settings=settings_of(overrides, environment, said),
        checks=checks_of(said),
        assets=assets_of(said),
        hooks=hooks_of(said),
        swarm=swarm_of(said),
        safe_volumes=frozenset(said.safe_volumes),
        mounts=found_mounts.mounts,
        strategy=found_mounts.strategy,
        strategy_said=said.strategy is not None,
        evidence=evidence,
        places={**where, **{f"${name}": place for name, place in variables.items()}},
        left_out=tuple(name for name in where if name not in services_in(plain) and name not in overlaid),
        variables=frozenset(variables),
        unset=frozenset().union(*(each.unset for each in resolved.values())),
        notes=tuple(dict.fromkeys(note for each in resolved.values() for note in each.notes)),
        told_secrets=telling_of(said, files[0].parent, known, reader).secrets
        if said.notify or said.metrics
        else frozenset(),
    )
    stack = with_entrances(stack)
    if OWN in services_in(plain):
        hint = "Teal's own proxy is called so: give the service another name"
        raise ConfigError(f"the stack has a service called {OWN}", hint=hint)
    own = own_proxy_of(said) or (OwnProxy() if is_due(stack) and not caddy_of(said) else None)
    stack = replace(stack, migrations=migrations_of(said, stack, plain, files[0].parent))
    stack = replace(stack, copies=_copies(stack), folders=_folders(models.values()))
    if not only_plain:
        jobs = [each.name for each in stack.having(Role.ONE_SHOT)]
        sources = found_mounts.sources | own_sources(models[Side.BLUE], jobs, found.directory)
        digests = {path: sha256(_content(path, "")).hexdigest()[:16] for path in _given_files(stack)}
        stack = replace(
            stack,
            fingerprint=_fingerprint(with_own_proxy(stack, own)),
            sources=sources,
            definitions=definitions(stack, digests),
        )
    return with_own_proxy(with_images(stack, await _facts(stack, look)) if look else stack, own)


async def _resolved(
    options: Options,
    environment: dict[str, str],
    reader: ModelReader,
    files: tuple[Path, ...],
    overlays: Mapping[Side, Path | None],
) -> dict[Side, Resolved]:
    """Return the model of each side; without overlays Compose is asked once, and never told which files."""
    if not any(overlays.values()):
        one = await resolve(options, environment, reader)
        return dict.fromkeys(Side, one)
    chosen = {side: (*files, path) if path else files for side, path in overlays.items()}
    colors = (resolve(options, environment, reader, chosen[side]) for side in COLORS)
    asked = (resolve(options, environment, reader), *colors)
    answers = await asyncio.gather(*asked, return_exceptions=True)  # all end before any failure is told
    return {side: _answer(each) for side, each in zip((Side.PLAIN, *COLORS), answers, strict=True)}


def _answer(answer: Resolved | BaseException) -> Resolved:
    if isinstance(answer, BaseException):
        raise answer
    return answer


def _alike(models: Mapping[Side, Tree], overlays: Mapping[Side, Path | None]) -> None:
    """Raise ConfigError where one color has a service that the other does not have: an overlay misspells its name."""
    names = {side: services_in(models[side]).keys() for side in Side}
    for side in COLORS:
        for name in sorted(names[side] - names[side.other]):
            file = path.name if (path := overlays[side]) else "the stack"
            near = difflib.get_close_matches(name, names[Side.PLAIN], n=1)
            hint = f"did you mean {near[0]}?" if near else f"name it in the overlay of {side.other}, too"
            raise ConfigError(f"{file} names {name}, which {side.other} does not have", hint=hint)


async def _with_values(
    models: Mapping[Side, Tree],
    options: Options,
    environment: dict[str, str],
    reader: ModelReader,
    files: tuple[Path, ...],
) -> dict[Side, Tree]:
    """Return *models* with the secrets and configs that an environment variable holds given by value."""
    kinds = ("secrets", "configs")
    entries = [entry for model in models.values() for kind in kinds for entry in mapping(model.get(kind)).values()]
    variables = {text(mapping(entry).get("environment")) for entry in entries} - {""}
    if not variables:
        return dict(models)
    found = await values(options, environment, reader, files, variables)
    return {
        side: {**model, **{kind: _valued(kind, mapping(model[kind]), found) for kind in kinds if model.get(kind)}}
        for side, model in models.items()
    }


def _valued(kind: str, entries: Mapping[str, object], found: Mapping[str, str]) -> Tree:
    return {name: _value(kind, name, mapping(entry), found) for name, entry in entries.items()}


def _value(kind: str, name: str, entry: Mapping[str, object], found: Mapping[str, str]) -> Tree:
    variable = text(entry.get("environment"))
    if not variable:
        return dict(entry)
    if variable not in found:
        raise ConfigError(f"{kind}.{name} takes its value from {variable}, which is not set", hint=f"set {variable}")
    return {"name": entry.get("name"), "content": escaped(found[variable])}


def _teal_yml(folder: Path) -> TealYml:
    path = next((folder / name for name in TEAL_YML if (folder / name).is_file()), None)
    if path is None:
        return TealYml()
    from teal.config.strict_yaml import decode  # the YAML reader is slow to import, and most stacks don't need it

    return decode(path, TealYml)


def _exist(said: TealYml, services: Iterable[str]) -> None:
    """Raise ConfigError where teal.yml names a service that the stack hasn't."""
    names = sorted(services)
    needs = [each for route in said.routes.values() for each in route.needs]
    checked = [name for check in said.checks for name in (check.route, check.service) if name]
    proxy = [caddy_of(said)] if caddy_of(said) else []
    for name in (*proxy, *said.services, *said.routes, *needs, *said.probes, *said.ports, *said.assets, *checked):
        if name not in names:
            near = difflib.get_close_matches(name, names, n=1)
            hint = f"did you mean {near[0]}?" if near else f"its services are {', '.join(names)}"
            raise ConfigError(f"teal.yml: the stack has no service {name}", hint=hint)


def _copies(stack: Stack) -> frozenset[str]:
    """Return the host files of read-only mounts that are small, regular, and the project's own."""
    ours = {each.name for each in (*stack.rotating, *stack.having(Role.ONE_SHOT))}
    services = [service for side in COLORS for name, service in services_in(stack.models[side]).items() if name in ours]
    volumes = (mapping(volume) for service in services for volume in sequence(service.get("volumes")))
    sources = {unescaped(v.get("source")) for v in volumes if v.get("type") == "bind" and v.get("read_only")}
    return frozenset(source for source in sources if _is_copied(Path(source), Path(stack.directory)))


def _folders(models: Iterable[Tree]) -> frozenset[str]:
    """Return the host folders that are secrets or configs: Compose mounts them as it does files."""
    kinds = (mapping(model.get(kind)) for model in models for kind in ("secrets", "configs"))
    files = {unescaped(mapping(entry).get("file")) for entries in kinds for entry in entries.values()}
    return frozenset(file for file in files if file and Path(file).is_dir())


def _is_copied(path: Path, directory: Path) -> bool:
    try:
        if not path.resolve().is_relative_to(directory.resolve()):
            return False
        found = path.stat()
    except OSError:
        return False
    return stat.S_ISREG(found.st_mode) and found.st_size <= LARGEST_COPY


def _fingerprint(stack: Stack) -> str:
    """Return a digest of all that a release is made of, the contents of built images excepted."""
    named = {each.name: each.image for each in stack.services}
    digest = sha256()
    inputs = RenderInputs(number=ReleaseId(0), images=named, folder="/")
    for rendered in (*render_both(stack, inputs).values(), render_once(stack, Side.BLUE, inputs)):
        digest.update(rendered.text.encode())
        for file in rendered.files:
            digest.update(file.name.encode() + b"\0" + _content(file.source, file.content) + b"\0")
    ours = [each for each in stack.services if each.role not in {Role.SHARED, Role.TOOL}]
    digest.update(repr([(each.name, each.role, each.port, each.required_by_routes) for each in ours]).encode())
    digest.update(digest_of(stack.migrations))
    return digest.hexdigest()


def _given_files(stack: Stack) -> frozenset[str]:
    """Return the host files that become part of a release."""
    inputs = RenderInputs(number=ReleaseId(0), images={each.name: each.image for each in stack.services}, folder="/")
    return frozenset(file.source for file in render(stack, Side.BLUE, inputs).files if file.source)


def _content(source: str, content: str) -> bytes:
    if not source:
        return content.encode()
    try:
        looks = stat.S_IMODE(Path(source).stat().st_mode) & _TELLING
        return f"{looks:o} ".encode() + Path(source).read_bytes()
    except OSError as error:
        raise ConfigError(
            f"{source} can't be read: {error.strerror}",
            hint="it is a secret, config or seccomp profile of the stack: create it, or take it out of the file",
        ) from error


async def _facts(stack: Stack, look: ImageLook) -> dict[str, ImageFacts]:
    """Return what the images that are there bring of their own, by service."""
    named = {each.name: each.image for each in stack.services}
    images = list(dict.fromkeys(named.values()))
    found = dict(zip(images, await asyncio.gather(*map(look, images)), strict=True))
    return {name: info.facts for name, image in named.items() if (info := found[image])}
