"""How a service proves that it is ready, and whether a container has proved it, still may, or never will.

A service proves itself, the first that there is:

1. by the probe that its owner declares (``probe``);
2. by the healthcheck of its file or image, which the engine runs (``engine``);
3. as a route by any answer below 500 at its port (``probe``);
4. by staying up for a while without a restart (``running``).

Waiting for a container is hopeless once it was killed for memory, has ended, restarts in a loop, used up the retries
of its healthcheck, or was not healthy in the time that its owner's own values allow. Time is an input.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from teal.core.model.compose import Node, environment_of, mapping, number, sequence, unescaped
from teal.core.model.duration import compose_seconds
from teal.core.model.observed import Container
from teal.core.model.stack import Evidence, Health, HttpProbe, ImageFacts, Service, TcpProbe
from teal.core.model.units import Moment, Seconds

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


def interval_of(service: Node, facts: ImageFacts) -> Seconds:
    """Return the seconds between two runs of the healthcheck."""
    return Seconds(compose_seconds(mapping(service.get("healthcheck")).get("interval"), facts.interval) or 30.0)


def retries_of(service: Node, facts: ImageFacts) -> int:
    """Return how many failures in a row make the service unhealthy."""
    return number(mapping(service.get("healthcheck")).get("retries")) or facts.retries or 3


def healthy_deadline(service: Node, facts: ImageFacts) -> Seconds:
    """Return the seconds after its start at which the owner's own healthcheck has given up, if it never passed.

    That is ``retries`` intervals after the start period, and a little more for a last probe to be seen.
    """
    begin = compose_seconds(mapping(service.get("healthcheck")).get("start_period"), facts.start_period)
    interval = interval_of(service, facts)
    return Seconds(begin + retries_of(service, facts) * interval + min(interval, _LAST_LOOK))


def facts_of(name: str, evidence: Evidence) -> ImageFacts:
    """Return what is known of the image of *name*; nothing is known of one that isn't there yet."""
    return evidence.images.get(name, ImageFacts())


Standing = Literal["waiting", "passed", "failed"]
KILLED = 128 + 9  # the exit status of what SIGKILL has ended
LOOP = 3  # restarts after which a container is taken to be in a crash loop
EARLY = 5.0  # seconds of the same bad answer after which it is told that one waits, and for what
STEADY = 30.0  # seconds of answers with an error of its own after which a service is taken to be broken
_MAY_COME = {502, 503, 504}  # what an application, or the server before it, answers while it boots


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of one container, and why."""

    standing: Standing
    why: str = ""


@dataclass(frozen=True, slots=True)
class Probed:
    """What a probe over the network came to."""

    passed: bool
    status: int = 0  # of the answer, 0 where none came
    said: str = ""  # the answer's first words, or why none came

    @property
    def words(self) -> str:
        """Return it in words."""
        return ": ".join(part for part in (f"status {self.status}" * bool(self.status), self.said) if part)


WAITING = Verdict("waiting")
PASSED = Verdict("passed")


def judge_container(service: Service, container: Container, *, answers: bool | None, now: Moment) -> Verdict:
    """Judge *container* of *service* at *now*.

    *answers*: whether the service's probe just passed over the network; None where it has none or wasn't asked.
    A first ``unhealthy`` within the start period is the engine's own business: it reports ``starting`` then.
    """
    hopeless = _hopeless(service, container, now)
    if hopeless:
        return Verdict("failed", hopeless)
    if not container.running:
        return WAITING
    if service.health.kind == "engine":
        return PASSED if container.health == "healthy" or answers else WAITING
    if service.health.kind == "probe":
        return PASSED if answers else WAITING
    return PASSED if now - container.started >= service.health.min_healthy_time else WAITING


def _hopeless(service: Service, container: Container, now: Moment) -> str:
    """Return why waiting any longer is of no use, or ""."""
    if container.oom:
        return "was killed: out of memory"
    if container.state in {"exited", "dead", "removing"} and container.started:
        after = max(0.0, (container.finished or now) - container.started)
        # Not every engine says that it was for memory: with cgroups of version 1 "OOMKilled" stays false (seen).
        why = " (killed: out of memory, or by someone)" if container.exit_code == KILLED else ""
        return f"exited with status {container.exit_code}{why}, {after:.0f} s after its start"
    if container.restarts >= LOOP:
        ended = "" if container.running else f"status {container.exit_code}, "  # one that runs again has none
        return f"restarts in a loop ({ended}{container.restarts} restarts)"
    # Between two lives of a container the engine calls it unhealthy, too: no healthcheck has said so.
    if container.running and container.health == "unhealthy" and service.health.kind == "engine":
        return f"is unhealthy: its healthcheck used up all its retries{_at_last(container)}"
    if _waited(service, container, now):
        within = f"{service.healthy_deadline:.0f} s (its start_period and retries)"
        return f"did not become healthy within {within}{_at_last(container)}"
    return ""


def _at_last(container: Container) -> str:
    return f", at last with {container.unwell}" if container.unwell else ""


def _waited(service: Service, container: Container, now: Moment) -> bool:
    """Tell whether the owner's own healthcheck would have given up: a rendering's longer start period hides that."""
    starting = service.health.kind == "engine" and container.running and container.health == "starting"
    return starting and 0 < service.healthy_deadline < now - container.started


def errs(probed: Probed | None) -> bool:
    """Tell whether an answer came, and was an error of the server's."""
    return probed is not None and not probed.passed and 500 <= probed.status < 600


def is_broken(service: Service, probed: Probed, seconds: Seconds) -> bool:
    """Tell whether *service*, which has answered so for *seconds* while nothing else was waited for, will stay so.

    What it may answer while it boots says nothing, nor any answer where its own healthcheck decides.
    """
    own = errs(probed) and probed.status not in _MAY_COME
    return own and service.health.kind == "probe" and seconds >= STEADY


def asks(service: Service) -> str:
    """Return in words what the probe of *service* asks."""
    probe = service.health.probe
    return (
        f"GET {probe.path} on port {probe.port}"
        if isinstance(probe, HttpProbe)
        else f"port {probe.port if probe else 0}"
    )


def unready(service: Service, container: Container, probed: Probed | None) -> str:
    """Return what is seen of a service that has not proved itself: what its healthcheck and its probe said last."""
    said = [f"its healthcheck: {container.unwell}"] if container.unwell else []
    if probed is not None and not probed.passed:
        said.append(f"{asks(service)}: {probed.words}")
    return "; ".join(said)


def timeout_reason(
    service: Service, container: Container | None, seconds: Seconds, probed: Probed | None = None
) -> str:
    """Return how a wait that has lasted its *seconds* is explained."""
    if container is None:
        return "has no container"
    seen = f": {said}" if (said := unready(service, container, probed)) else ""
    if service.health.kind == "engine":
        return f"is still {container.health} after {seconds:.0f} s{seen}"
    if service.health.kind == "probe":
        return f"does not pass its probe after {seconds:.0f} s{seen}"
    return f"did not stay up for {service.health.min_healthy_time:.0f} s within {seconds:.0f} s"
