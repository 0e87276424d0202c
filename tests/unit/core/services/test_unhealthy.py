"""What is said of unhealthy shared services, and when one stands in the way of a deploy, as a table."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.core.model.observed import Container, Observed
from teal.core.model.side import Side
from teal.core.model.stack import Stack, Tree
from teal.core.services.unhealthy import ailing
from tests.unit.worlds import API, BLUE_7, DB, MIGRATE, PROXY, QUEUE, SHARED, STACK, WEB, color

DATABASE, CADDY = SHARED
SICK = replace(DATABASE, health="unhealthy", unwell="status 1: Could not connect")
VISITING = replace(SICK, networks={"shop_default": "n1", "shop-blue_default": "n2"})
NETWORKS = {"shop_default": "n1", "shop-blue_default": "n2"}
HEALTHY = {"db": "service_healthy"}
NOBODY_WAITS = replace(STACK, services=(PROXY, WEB, QUEUE, DB))


def beside(*shared: Container) -> Observed:
    return replace(BLUE_7, containers=(*shared, *color(Side.BLUE, 7)), networks=NETWORKS)


@pytest.mark.parametrize(
    ("observed", "stack", "level", "words"),
    [
        pytest.param(beside(*SHARED), STACK, "", "", id="all is well"),
        pytest.param(beside(replace(DATABASE, health="starting")), STACK, "", "", id="it has just begun"),
        pytest.param(beside(replace(SICK, state="exited")), STACK, "", "", id="it does not run"),
        pytest.param(
            beside(SICK, CADDY),
            NOBODY_WAITS,
            "warning",
            "db is unhealthy: its healthcheck says status 1: Could not connect: no deploy touches it",
            id="nobody waits for it",
        ),
        pytest.param(
            beside(SICK, CADDY), STACK, "error", "and api waits for it to be healthy (depends_on)", id="a worker waits"
        ),
        pytest.param(
            beside(SICK, CADDY),
            replace(STACK, services=(PROXY, API, replace(MIGRATE, depends_on=HEALTHY), DB)),
            "error",
            "and api, migrate wait for it",
            id="a one-shot waits, too",
        ),
        pytest.param(
            beside(SICK, CADDY),
            replace(NOBODY_WAITS, services=(replace(PROXY, depends_on=HEALTHY), DB)),
            "warning",
            "no deploy touches it",
            id="the proxy, which runs, is not started",
        ),
        pytest.param(
            beside(SICK),
            replace(NOBODY_WAITS, services=(replace(PROXY, depends_on=HEALTHY), DB)),
            "error",
            "and proxy waits for it",
            id="the proxy, which does not run, waits",
        ),
        pytest.param(
            beside(VISITING, CADDY),
            STACK,
            "warning",
            "an older Teal put it on blue's networks",
            id="since Teal did that",
        ),
    ],
)
def test_an_unhealthy_shared_service_is_named_with_what_its_check_says(
    observed: Observed, stack: Stack, level: str, words: str
) -> None:
    found = list(ailing(observed, stack))
    assert [each.level for each in found] == ([level] if level else [])
    assert words in "".join(each.text for each in found)


def test_who_can_do_without_does_not_wait() -> None:
    tree: Tree = {"services": {"api": {"depends_on": {"db": {"condition": "service_healthy", "required": False}}}}}
    (found,) = ailing(beside(SICK, CADDY), replace(STACK, models=dict.fromkeys(Side, tree)))
    assert found.level == "warning"


def test_a_guest_is_a_shared_service_on_a_network_of_the_colors_own() -> None:
    assert BLUE_7.guests_of(Side.BLUE, "shop") == ()
    assert beside(VISITING, CADDY).guests_of(Side.BLUE, "shop") == (VISITING,)
    assert beside(VISITING, CADDY).guests_of(Side.GREEN, "shop") == ()
    assert beside(VISITING, CADDY).guests_of(Side.PLAIN, "shop") == ()
