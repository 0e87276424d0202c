"""A front that leads users past the stack's own prepared Caddy: "ready" would not be true."""

from __future__ import annotations

from dataclasses import replace

from teal.core.checks.beside import passed_by
from teal.core.model.entrance import Entrance, Labelled, Named, Published
from teal.core.model.own_proxy import OwnProxy
from teal.core.model.stack import Stack
from tests.unit.stacks import stack_of

STACK = stack_of({"front": {"image": "nginx:1.27"}, "web": {"image": "web"}, "proxy": {"image": "caddy:2"}})
BY_NAME = Named("web", 5000, "web", 5000, ("default",), "front")
BY_LABELS = Labelled("web", 5000, {"traefik.http.routers.web.rule": "Host(`x`)"}, {}, ("default",), "")


def seen(*entrances: Entrance, **more: object) -> Stack:
    return replace(STACK, entrances=entrances, **more)  # type: ignore[arg-type]


def test_what_is_called_by_a_name_that_no_color_has_is_refused_with_both_ways_out() -> None:
    (found,) = passed_by(seen(BY_NAME))
    assert found.level == "error"
    assert found.message == "front passes requests to web:5000, a name that no color has: users would find nobody"
    assert "let front pass to proxy, or" in found.remedy
    assert "`proxy: own`" in found.remedy
    assert found.proposal is not None
    assert found.proposal.proposed.line == "proxy: own"


def test_labels_that_no_color_has_are_refused() -> None:
    (found,) = passed_by(seen(BY_LABELS))
    assert "traefik.http.routers.web.rule" in found.message


def test_what_the_prepared_caddy_or_no_front_calls_is_told_elsewhere() -> None:
    shared = replace(BY_NAME, by="db")
    assert [*passed_by(seen(Published("web", 5000, 80), replace(BY_NAME, by="proxy"), shared))] == []


def test_with_teals_own_proxy_it_is_taken_over() -> None:
    assert [*passed_by(seen(BY_NAME, BY_LABELS, own=OwnProxy()))] == []
