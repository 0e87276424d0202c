"""Decides: how a service proves that it is ready, and when waiting for it is hopeless."""

from __future__ import annotations

import re
from collections.abc import Sequence

from teal.core.model.compose import Node, environment_of, mapping, number, sequence, unescaped
from teal.core.model.duration import compose_seconds
from teal.core.model.stack import Evidence, Health, HttpProbe, ImageFacts, TcpProbe

_URL = re.compile(
    r"http://(?:localhost|127\.0\.0\.1|0\.0\.0\.0|\[::1?\])(?::(\d+|\$\w+|\$\{\w+(?::?-\d*)?\}))?(/[^\s\"'|;)&>]*)?"
)
_ASKS = re.compile(r"\b(curl|wget|urlopen|requests\.get|httpx\.get|fetch|http\.get)\b")
# What makes a test more than one plain GET: a method, a header, a body, a second condition, a look at the answer.
_MORE = re.compile(
    r"&&|(?<!\|)\|(?!\|)|(?<=\s)(-[XHduIGT]\b|--(request|header|data\S*|user|head|post-\S+|method|unix-socket)\b)|\bgrep\b|Request\("
)
_LAST_LOOK = 5.0  # seconds
_VARIABLE = re.compile(r"\$(?:(\w+)|\{(\w+)(?::?-([^}]*))?\})")


def health_of(service: Node, *, port: int, facts: ImageFacts, probe: HttpProbe | TcpProbe | None) -> Health:
    """Return how *service* proves itself; *port* is where it listens as a route, or 0, *probe* the owner's own word."""
    if probe is not None:
        return Health("probe", _on(probe, port))
    test = test_of(service, facts)
    if test:
        return Health("engine", recognised(test, service))
    return Health("probe", HttpProbe(port, "/", below=500)) if port else Health("running")


def _on(probe: HttpProbe | TcpProbe, port: int) -> HttpProbe | TcpProbe:
    if probe.port:
        return probe
    return HttpProbe(port, probe.path, probe.below) if isinstance(probe, HttpProbe) else TcpProbe(port)


def test_of(service: Node, facts: ImageFacts) -> tuple[str, ...]:
    """Return the healthcheck's test of file or image as the engine will run it, empty for none."""
    check = mapping(service.get("healthcheck"))
    if check.get("disable"):
        return ()
    test = tuple(unescaped(word) for word in sequence(check.get("test"))) or facts.healthcheck
    return () if test[:1] == ("NONE",) else test


def recognised(test: Sequence[str], service: Node) -> HttpProbe | None:
    """Return the plain GET that *test* makes to its own container, None where it does anything else, or more."""
    line = " ".join(test[1:])
    urls = list(_URL.finditer(line))
    if len(urls) != 1 or not _ASKS.search(line) or _MORE.search(line.replace("2>&1", "")):
        return None
    port = _filled(urls[0][1] or "80", service)
    path = _filled(urls[0][2] or "/", service)
    return HttpProbe(number(port), path) if 0 < number(port) < 65536 and "$" not in path else None


def _filled(written: str, service: Node) -> str:
    """Return *written* with the variables of the container's environment filled in; unknown ones stay."""
    values = environment_of(service)
    return _VARIABLE.sub(lambda found: values.get(found[1] or found[2], found[3] or found[0]), written)


def probes_http(service: Node) -> bool:
    """Tell whether the file's own healthcheck of *service* asks it over HTTP, in whatever way."""
    line = " ".join(unescaped(word) for word in sequence(mapping(service.get("healthcheck")).get("test")))
    return bool(_URL.search(line))


def interval_of(service: Node, facts: ImageFacts) -> float:
    """Return the seconds between two runs of the healthcheck."""
    return compose_seconds(mapping(service.get("healthcheck")).get("interval"), facts.interval) or 30.0


def retries_of(service: Node, facts: ImageFacts) -> int:
    """Return how many failures in a row make the service unhealthy."""
    return number(mapping(service.get("healthcheck")).get("retries")) or facts.retries or 3


def patience(service: Node, facts: ImageFacts) -> float:
    """Return the seconds after its start at which the owner's own healthcheck has given up, if it never passed.

    That is ``retries`` intervals after the start period, and a little more for a last probe to be seen.
    """
    begin = compose_seconds(mapping(service.get("healthcheck")).get("start_period"), facts.start_period)
    interval = interval_of(service, facts)
    return begin + retries_of(service, facts) * interval + min(interval, _LAST_LOOK)


def facts_of(name: str, evidence: Evidence) -> ImageFacts:
    """Return what is known of the image of *name*; nothing is known of one that isn't there yet."""
    return evidence.images.get(name, ImageFacts())
