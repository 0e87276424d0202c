"""Ways into a release that lead past what switches it: by a name or by labels that no color has."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.model.compose import Node, environment_of, last_part, services_in, text, words_of
from teal.core.model.entrance import Labelled, Named
from teal.core.model.problem import Problem, error, warning
from teal.core.model.proposal import Choice, Proposal
from teal.core.model.side import Side
from teal.core.model.stack import ImageFacts, Role, Stack
from teal.core.services.fronts import fronts_of
from teal.core.services.labels import labels_of
from teal.core.services.ports import exposed
from teal.core.services.roles import is_guessed

_SERVES = frozenset({"tailscale"})  # a VPN that may serve sites, too


def is_front(stack: Stack, name: str) -> bool:
    """Tell whether the service *name* leads users in: a proxy or a tunnel, by its image."""
    plain = stack.models[Side.PLAIN]
    image = last_part(text(services_in(plain).get(name, {}).get("image")))
    return name in fronts_of(plain, stack.evidence).stays or image in _SERVES


def passed_by(stack: Stack) -> Iterator[Problem]:
    """Refuse what stands in front, beside the stack's own prepared Caddy, and leads users past it: they find nobody."""
    if stack.own or not stack.proxy:
        return
    for each in stack.entrances:
        if isinstance(each, Named) and each.by and each.by != stack.proxy and is_front(stack, each.by):
            what = f"{each.by} passes requests to {each.name}:{each.listens}, a name that no color has"
            yield _refused(stack, each, what, f"let {each.by} pass to {stack.proxy}")
        elif isinstance(each, Labelled) and each.by != stack.proxy:
            label = next(iter((*each.labels, *each.environment)), "")
            reader = each.by or "what reads it"
            what = f"{reader} finds {each.route} by its {label}, which no color has"
            yield _refused(stack, each, what, f"give the labels to {stack.proxy}")


def by_default_rule(stack: Stack) -> Iterator[Problem]:
    """Warn of what a Traefik of the stack leads users to with no label at all, by the name of the plain container."""
    plain = stack.models[Side.PLAIN]
    services, fronts = services_in(plain), fronts_of(plain, stack.evidence)
    front = fronts.reads("traefik")
    if not front or not _exposes_all(services[front]):
        return
    for each in stack.rotating:
        service = services.get(each.name, {})
        open_ports = exposed(service) or stack.evidence.images.get(each.name, ImageFacts()).exposed
        if (
            open_ports
            and fronts.meet(front, each.name)
            and not any(key.startswith("traefik.") for key in labels_of(service))
        ):
            message = (
                f"{front} leads users to {each.name} by its default rule, for want of labels: no color has that name"
            )
            remedy = (
                f"do users come to it so? Give it a label: `traefik.http.routers.{each.name}.rule: …`. If not, say "
            )
            yield warning(each.name, message, f"{remedy}`--providers.docker.exposedbydefault=false` to {front}")


def guessed_ports(stack: Stack) -> Iterator[Problem]:
    """Warn of a route whose labels name no port, and whose image is not there to show one."""
    plain = stack.models[Side.PLAIN]
    for each in stack.having(Role.ROUTE):
        if each.port and is_guessed(each.name, plain, stack.evidence):
            image = text(services_in(plain).get(each.name, {}).get("image"))
            message = (
                f"port {each.port} of {each.name} is a guess: its labels name none, nor does an image that is here"
            )
            pull = f", or let Teal look: `docker pull {image}`" if image else ""
            yield warning(each.name, message, f"say it in teal.yml: `routes: {{{each.name}: {{port: …}}}}`{pull}")


def _exposes_all(front: Node) -> bool:
    """Tell whether the words and variables of a Traefik let it lead users to what has no label; a file isn't read."""
    words = [word.lower().lstrip("-") for word in words_of(front)]
    said = {key: value for key, _, value in (word.partition("=") for word in words)}
    said |= {
        name.lower().removeprefix("traefik_").replace("_", "."): value.lower()
        for name, value in environment_of(front).items()
        if name.lower().startswith("traefik_")
    }
    reads = any(key == "providers.docker" or key.startswith("providers.docker.") for key in said)
    return reads and said.get("providers.docker.exposedbydefault", "true") not in {"false", "0", "f"}


def _refused(stack: Stack, each: Named | Labelled, what: str, by_hand: str) -> Problem:
    own = Choice("Teal's own proxy takes that over", {("proxy",): "own"})
    mended = Choice(f"I change it myself: {by_hand}")
    ask = Proposal(each.route, f"{what}: how should users reach it?", (own, mended), why=f"beside {stack.proxy}")
    remedy = f"{by_hand}, or let Teal's own proxy take it over, in teal.yml: `{own.line}`"
    return error(each.by or each.route, f"{what}: users would find nobody", remedy, ask=ask)
