"""Decides: whether a container has proved itself, still may, or never will. Time is an input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from teal.core.model.observed import Container
from teal.core.model.stack import HttpProbe, Service

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


def judge(service: Service, container: Container, *, answers: bool | None, now: float) -> Verdict:
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
    return PASSED if now - container.started >= service.health.steady else WAITING


def _hopeless(service: Service, container: Container, now: float) -> str:
    """Return why waiting any longer is of no use, or ""."""
    if container.oom:
        return "was killed: out of memory"
    if container.state in {"exited", "dead", "removing"} and container.started:
        after = max(0.0, (container.finished or now) - container.started)
        # Not every engine says that it was for memory: with cgroups of version 1 "OOMKilled" stays false (seen).
        why = " (killed: out of memory, or by a hand)" if container.exit_code == KILLED else ""
        return f"exited with status {container.exit_code}{why}, {after:.0f} s after its start"
    if container.restarts >= LOOP:
        ended = "" if container.running else f"status {container.exit_code}, "  # one that runs again has none
        return f"restarts in a loop ({ended}{container.restarts} restarts)"
    # Between two lives of a container the engine calls it unhealthy, too: no healthcheck has said so.
    if container.running and container.health == "unhealthy" and service.health.kind == "engine":
        return f"is unhealthy: its healthcheck used up all its retries{_at_last(container)}"
    if _waited(service, container, now):
        seconds = f"{service.patience:.0f} s, in which its healthcheck's own retries would have ended"
        return f"was never healthy in {seconds}{_at_last(container)}"
    return ""


def _at_last(container: Container) -> str:
    return f", at last with {container.unwell}" if container.unwell else ""


def _waited(service: Service, container: Container, now: float) -> bool:
    """Tell whether the owner's own healthcheck would have given up: a rendering's longer start period hides that."""
    starting = service.health.kind == "engine" and container.running and container.health == "starting"
    return starting and 0 < service.patience < now - container.started


def errs(probed: Probed | None) -> bool:
    """Tell whether an answer came, and was an error of the server's."""
    return probed is not None and not probed.passed and 500 <= probed.status < 600


def is_broken(service: Service, probed: Probed, seconds: float) -> bool:
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


def patience(service: Service, container: Container | None, seconds: float, probed: Probed | None = None) -> str:
    """Return how a wait that has lasted its *seconds* is explained."""
    if container is None:
        return "has no container"
    seen = f": {said}" if (said := unready(service, container, probed)) else ""
    if service.health.kind == "engine":
        return f"is still {container.health} after {seconds:.0f} s{seen}"
    if service.health.kind == "probe":
        return f"does not pass its probe after {seconds:.0f} s{seen}"
    return f"did not stay up for {service.health.steady:.0f} s within {seconds:.0f} s"
