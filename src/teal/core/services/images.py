"""Which images a release is made of, and how one that is not there can be got."""

from __future__ import annotations

from teal.core.model.compose import mapping, sequence, services_in, unescaped
from teal.core.model.side import Side
from teal.core.model.stack import Service, Stack


def mounted_images(stack: Stack) -> tuple[str, ...]:
    """Return the images that services of a release mount as volumes, each once."""
    services = services_in(stack.models[Side.BLUE])
    volumes = [mapping(each) for one in stack.pinned for each in sequence(services[one.name].get("volumes"))]
    return tuple(dict.fromkeys(unescaped(each.get("source")) for each in volumes if each.get("type") == "image"))


def references(stack: Stack) -> tuple[str, ...]:
    """Return the names of all images that a release of *stack* is made of, each once."""
    return tuple(dict.fromkeys((*(service.image for service in stack.pinned), *mounted_images(stack))))


def way_to_get(service: Service) -> str:
    """Return how the image of *service*, which is not there and was not made by this deploy, can be got."""
    if service.builds:
        return "deploy without --no-build"
    by_hand = f"get it: docker pull {service.image}"
    if service.pull == "never":
        return f"{by_hand}; or let Compose pull it: its `pull_policy` is never"
    return f"deploy without --no-build, or {by_hand}"
