"""Decides: how often a starting container is asked whether it is ready.

The engine first runs a healthcheck one ``interval`` after the start; asking often during a start period shows
readiness as soon as it is there. Two bounds:

- All containers of a color together are probed at most five times a second, since each probe is a process: with n
  of them each is asked every n/5 s; one that Teal also asks over the network no more than once a second.
- Failures within ``start_period`` don't count, so a longer one would hide a hopeless start. The period rendered
  ends when the owner's own values would have said unhealthy, which is ``Service.patience``
  (``start_period + retries * interval``): then the gate gives up on a container that was never healthy. From then on,
  as after the first success, ``interval`` and ``retries`` are the owner's alone.
"""

from __future__ import annotations

from collections.abc import Sequence

from teal.core.health import interval_of
from teal.core.model.compose import Node, mapping
from teal.core.model.stack import ImageFacts, Service, Tree

STARTS = (25, 0)  # the first engine that knows start_interval
_PROBES_PER_SECOND = 5.0
_WATCHED = 1.0  # seconds between probes of what Teal asks over the network meanwhile


def healthcheck(service: Node, wanted: Service, facts: ImageFacts, together: int, engine: tuple[int, int]) -> Tree:
    """Return the healthcheck to render, empty where the file's, or the image's, stays as it is."""
    check: Tree = dict(mapping(service.get("healthcheck")))
    if wanted.patience <= 0 or check.get("disable") or check.get("start_interval") or engine < STARTS:
        return check
    fastest = max(together, 1) / _PROBES_PER_SECOND
    often = max(fastest, _WATCHED) if wanted.health.kind == "engine" and wanted.health.probe else fastest
    if often >= interval_of(service, facts):
        return check
    return {**check, "start_period": _written(wanted.patience), "start_interval": _written(often)}


def probed(services: Sequence[Service]) -> int:
    """Return how many containers of *services* the engine probes."""
    return sum(each.replicas for each in services if each.patience > 0)


def _written(seconds: float) -> str:
    return f"{max(1, round(seconds * 1000))}ms"
