"""Decides: whether a container has proved itself, still may, or never will. Time is an input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from teal.core.observed import Container
from teal.core.stack import Service

Standing = Literal["waiting", "passed", "failed"]
KILLED = 128 + 9  # the exit status of what SIGKILL has ended
LOOP = 3  # restarts after which a container is taken to be in a crash loop


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the gate says of one container, and why."""

    standing: Standing
    why: str = ""


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
        return "is unhealthy: its healthcheck used up all its retries"
    if _waited(service, container, now):
        return f"was never healthy in {service.patience:.0f} s, in which its healthcheck's own retries would have ended"
    return ""


def _waited(service: Service, container: Container, now: float) -> bool:
    """Tell whether the owner's own healthcheck would have given up: a rendering's longer start period hides that."""
    starting = service.health.kind == "engine" and container.running and container.health == "starting"
    return starting and 0 < service.patience < now - container.started


def patience(service: Service, container: Container | None, seconds: float) -> str:
    """Return how a wait that has lasted its *seconds* is explained."""
    if container is None:
        return "has no container"
    if service.health.kind == "engine":
        return f"is still {container.health} after {seconds:.0f} s"
    if service.health.kind == "probe":
        return f"does not answer its probe after {seconds:.0f} s"
    return f"did not stay up for {service.health.steady:.0f} s within {seconds:.0f} s"
