"""Mounts that two releases would both write, and what a service can do past Compose."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence

from teal.core.model.compose import Node, mapping, sequence, services_in, text, unescaped
from teal.core.model.mounts import Mount, Verdict
from teal.core.model.observed import Observed
from teal.core.model.problem import Problem, error, note, warning
from teal.core.model.proposal import Choice, Proposal
from teal.core.model.side import COLORS, Side
from teal.core.model.stack import Role, Service, Stack
from teal.core.services import known_images
from teal.core.services.health import facts_of
from teal.core.services.mounts import acts

_DOCKER = ("/var/run/docker.sock", "/run/docker.sock")


def mounts(stack: Stack) -> Iterator[Problem]:
    """Say which data two releases would both write, and what a service can do past Compose."""
    services = services_in(stack.models[Side.BLUE])
    yield from _sources(stack, services)
    for each in stack.rotating:
        service = services[each.name]
        if service.get("use_api_socket") or any(
            unescaped(mapping(volume).get("source")) in _DOCKER for volume in sequence(service.get("volumes"))
        ):
            yield _docker(each)
        for mount in stack.mounts:
            if mount.service == each.name:
                yield from _judged(mount, each, stack)
        yield from _borrowed(each, service, stack)
        yield from _hidden(each, service, stack)
    yield from one_writers(stack)


def settled(observed: Observed, stack: Stack) -> Iterator[Problem]:
    """Refuse to start a second one of what became shared by itself while a release of it still runs on a color."""
    for name, why in stack.evidence.kept.items():
        for side in COLORS:
            if any(each.service == name and each.alive for each in observed.on(side)):
                yield error(
                    name,
                    f"{name} runs on {side}, and would run a second time as a shared service: {why}",
                    f"let it go on rotating, one release at a time: `strategy: recreate` in teal.yml. Or `teal leave`, "
                    f"then deploy: {name} stays where it is from then on",
                )


def _judged(mount: Mount, each: Service, stack: Stack) -> Iterator[Problem]:
    if mount.verdict is Verdict.SOURCE and (mount.service, mount.source) not in stack.sources:
        yield _of_source(mount.source, mount.target, [each], stack)
    elif mount.verdict is Verdict.CONFIGURATION:
        yield note(
            each.name,
            f"{mount.target} of {each.name} is read-only in a release, as configuration: {mount.reason}",
            f"does {each.name} write it? Say so in teal.yml: `safe_volumes: [{name_of(mount, stack)}]`",
        )
    elif mount.verdict is Verdict.SAFE and not mount.declared:
        yield from _mixed(mount, each, stack)
    elif not mount.source and mount.verdict is Verdict.ASK and each.role is not Role.SINGLETON:
        message = f"{mount.target} of {each.name} is a volume without a name: each release begins with none"
        remedy = f"give it a name, if it matters. Known? `safe_volumes: [{name_of(mount, stack)}]`"
        yield warning(each.name, message, remedy)
    elif _is_open(mount, each, stack):
        all_of_it = _with_same_volume(mount, stack)
        if all_of_it[0] is mount:
            yield _asked(mount, each, stack, [other.service for other in all_of_it[1:]])


def _with_same_volume(mount: Mount, stack: Stack) -> list[Mount]:
    """Return the mounts about which the same is asked as about *mount*: an answer names a volume, not who mounts it."""
    rotating = {each.name: each for each in stack.rotating}
    same = [each for each in stack.mounts if each.kind == mount.kind == "volume" and each.source == mount.source]
    found = [each for each in same if each.service in rotating and _is_open(each, rotating[each.service], stack)]
    return found or [mount]


def _is_open(mount: Mount, each: Service, stack: Stack) -> bool:
    """Tell whether two would write what two may not, or perhaps not; where releases follow each other none do."""
    alone = each.role is Role.SINGLETON or stack.strategy == "recreate"
    return not alone and mount.verdict in {Verdict.ASK, Verdict.UNSAFE}


def one_writers(stack: Stack) -> Iterator[Problem]:
    """Say once that releases follow each other, and for the sake of which data; nothing where the owner has said so."""
    if stack.strategy != "recreate" or stack.strategy_said:
        return
    roles = {each.name: each.assigned for each in stack.services}
    found = [mount for mount in stack.mounts if acts(mount, roles)]
    if not found:
        return
    places = ", ".join(f"{mount.target} of {mount.service} ({mount.reason})" for mount in found)
    line = f"`safe_volumes: [{', '.join(name_of(mount, stack) for mount in found)}]`"
    yield warning(
        found[0].service,
        f"one process alone may write {places}: a deploy stops the old release before the new one starts, and holds "
        "requests meanwhile",
        f"`strategy: recreate` in teal.yml says that you know. May two write it? {line}",
    )


def _asked(mount: Mount, each: Service, stack: Stack, others_too: list[str]) -> Problem:
    """Ask a person: may two releases write there? Until then it is an error."""
    proposal = proposal_for(mount, stack)
    both, *others = proposal.choices
    ways = " ".join(f"{choice.label}: `{choice.line}`." for choice in others)
    also = f" (to the same volume: {', '.join(others_too)})" if others_too else ""
    return error(
        each.name,
        f"{each.name} writes to {mount.target}{also}, and two releases would at once: {mount.reason}",
        f"say in teal.yml what is right. {both.label}: `{both.line}`. {ways}",
        ask=proposal,
    )


def proposal_for(mount: Mount, stack: Stack) -> Proposal:
    """Return the question that *mount* raises: proposed is what loses nothing, whatever lies there."""
    routes = [each.name for each in stack.having(Role.ROUTE) if each.name != mount.service]
    stays = Choice(f"One alone may, and {mount.service} stays out of deploys", {("services", mount.service): "shared"})
    choices = (
        Choice("Two may write it (uploads, logs)", {("safe_volumes",): (name_of(mount, stack),)}),
        Choice("One alone may (SQLite, an index), and requests wait while it restarts", {("strategy",): "recreate"}),
        *((stays,) if routes else ()),
    )
    question = f"may two releases of {mount.service} write to {mount.target} at the same time?"
    return Proposal(mount.subject, question, choices, default=1, why=mount.reason)


def name_of(mount: Mount, stack: Stack) -> str:
    """Return how ``safe_volumes`` names *mount*: a volume's key, or the path in the container, alone where unique."""
    if mount.kind == "volume" and mount.source:
        return mount.source
    others = [each for each in stack.mounts if each.target == mount.target and each.service != mount.service]
    return mount.subject if others else mount.target


def _mixed(mount: Mount, each: Service, stack: Stack) -> Iterator[Problem]:
    """Warn where a proxy serves what a release fills, or where several write a volume whose name tells nothing."""
    proxy = _served_by(mount, stack)
    called = mount.source if mount.kind == "volume" else posixpath.basename(mount.source)
    if proxy and any(word in mount.reason for word in ("static", "assets", "public")):
        yield warning(
            each.name,
            f"{proxy} serves {called}, which each release of {each.name} fills: while two run, their files mix",
            "fine where names carry a hash; else serve it from the image. Known? "
            f"`safe_volumes: [{name_of(mount, stack)}]`",
        )
    elif "write it already" in mount.reason or "writes it already" in mount.reason:
        first = next(each for each in stack.mounts if each.source == mount.source and each.verdict is Verdict.SAFE)
        if first is mount:
            yield warning(
                each.name,
                f"{mount.target} of {each.name} was taken as safe for two releases at once: {mount.reason}",
                f"`safe_volumes: [{name_of(mount, stack)}]` in teal.yml says that you know",
            )


def _sources(stack: Stack, services: Mapping[str, Node]) -> Iterator[Problem]:
    """Refuse code that no release holds, once for all that mount it; that two may write it changes nothing."""
    found: dict[str, list[tuple[str, Service]]] = {}
    for each in (*stack.rotating, *stack.having(Role.ONE_SHOT)):
        for volume in map(mapping, sequence(services[each.name].get("volumes"))):
            source = unescaped(volume.get("source")).rstrip("/") or "/"
            if (each.name, source) in stack.sources:
                found.setdefault(source, []).append((unescaped(volume.get("target")), each))
    for source, mounted in found.items():
        yield _of_source(source, mounted[0][0], [each for _, each in mounted], stack)


def _of_source(source: str, target: str, mounting: Sequence[Service], stack: Stack) -> Problem:
    each, whose = mounting[0], _listed(dict.fromkeys(service.name for service in mounting))
    name = source.removeprefix(f"{stack.directory}/") if source != stack.directory else "the project's folder"
    message = f"{name}, mounted at {target}, is the source of {whose}: an edit is live in both colors at once, "
    message += "`deploy` sees no change, and a rollback brings no code back"
    has = "the image has it" if all(service.builds for service in mounting) else f"build an image of {whose} with it"
    remedy = f"take the mount out: {has}. Where only compose.override.yml mounts it, leave that file out on this "
    return error(each.name, message, f"{remedy}machine: `COMPOSE_FILE=compose.yml` in .env")


def _listed(names: Iterable[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last


def _served_by(mount: Mount, stack: Stack) -> str:
    """Return the proxy that mounts the same, too; empty for none."""
    services = services_in(stack.models[Side.PLAIN])
    for each in stack.having(Role.SHARED):
        sources = {unescaped(mapping(other).get("source")) for other in sequence(services[each.name].get("volumes"))}
        if mount.source in sources and (each.name == stack.proxy or _is_proxy(each)):
            return each.name
    return ""


def _is_proxy(each: Service) -> bool:
    return bool(known_images.software(each.image))


def _hidden(each: Service, service: Node, stack: Stack) -> Iterator[Problem]:
    """Warn of data that only the image knows of: each container has an empty volume of its own for it."""
    mounted = {unescaped(mapping(volume).get("target")) for volume in sequence(service.get("volumes"))}
    for place in sorted(set(facts_of(each.name, stack.evidence).volumes) - mounted):
        message = f"the image of {each.name} keeps {place} in a volume without a name: each release begins with none"
        yield warning(each.name, message, f"mount something there, or make {each.name} shared, if it matters")


def _docker(each: Service) -> Problem:
    return warning(
        each.name,
        f"what {each.name} starts outside Compose belongs to no color",
        f"make {each.name} shared where it starts containers",
    )


def _borrowed(each: Service, service: Node, stack: Stack) -> Iterator[Problem]:
    rotating = stack.rotating_names
    for reference in map(text, sequence(service.get("volumes_from"))):
        owner = reference.split(":")[0]
        if owner not in rotating and owner != "container":
            yield error(
                each.name,
                f"{each.name} takes the volumes of {owner}, which is shared",
                f"mount them by name, or make {each.name} shared too",
            )
