"""What `Observed` answers by itself: which services run where, and which container is a plain service's."""

from __future__ import annotations

from dataclasses import replace

from teal.core.model.observed import running_plain
from teal.core.model.side import Side
from tests.unit.worlds import BLUE_7, STACK


def test_running_names_services_of_one_side_and_leaves_out_what_has_stopped() -> None:
    up = BLUE_7.running(Side.BLUE)
    assert up == {container.service for container in BLUE_7.on(Side.BLUE)}
    first = min(up)
    stopped = tuple(
        replace(each, state="exited") if (each.side, each.service) == (Side.BLUE, first) else each
        for each in BLUE_7.containers
    )
    assert replace(BLUE_7, containers=stopped).running(Side.BLUE) == up - {first}
    assert BLUE_7.running(Side.BLUE, frozenset({first, "nobody"})) == {first}
    assert BLUE_7.running(Side.GREEN) == frozenset()


def test_the_proxy_is_its_running_plain_container() -> None:
    proxy = BLUE_7.running_plain(STACK.proxy)
    assert proxy is not None
    assert (proxy.service, proxy.side) == (STACK.proxy, Side.PLAIN)
    colored = replace(proxy, side=Side.BLUE)
    assert running_plain((colored, replace(proxy, state="exited")), STACK.proxy) is None
    assert STACK.rotating_names == {each.name for each in STACK.services if each.role.rotates}
