"""Ways into a release that lead past what switches it: by a name or by labels that no color has."""

from __future__ import annotations

from collections.abc import Iterator

from teal.core.model.compose import last_part, services_in, text
from teal.core.model.entrance import Labelled, Named
from teal.core.model.problem import Problem, error
from teal.core.model.proposal import Choice, Proposal
from teal.core.model.side import Side
from teal.core.model.stack import Stack
from teal.core.services.fronts import fronts_of

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


def _refused(stack: Stack, each: Named | Labelled, what: str, by_hand: str) -> Problem:
    own = Choice("Teal's own proxy takes that over", {("proxy",): "own"})
    mended = Choice(f"I change it myself: {by_hand}")
    ask = Proposal(each.route, f"{what}: how should users reach it?", (own, mended), why=f"beside {stack.proxy}")
    remedy = f"{by_hand}, or let Teal's own proxy take it over, in teal.yml: `{own.line}`"
    return error(each.by or each.route, f"{what}: users would find nobody", remedy, ask=ask)
