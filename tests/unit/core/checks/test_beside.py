"""A front that leads users past the stack's own prepared Caddy: "ready" would not be true."""

from __future__ import annotations

from dataclasses import replace

from teal.core.checks.beside import by_default_rule, guessed_ports, passed_by
from teal.core.model.entrance import Entrance, Labelled, Named, Published
from teal.core.model.own_proxy import OwnProxy
from teal.core.model.stack import Evidence, ImageFacts, Role, Stack
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


def traefik(*words: str, **more: object) -> Stack:
    front = {"image": "traefik:v3.4", "command": ["--providers.docker", *words], "networks": {"default": None}}
    web = {"image": "web", "expose": ["3000"], "networks": {"default": None}, **more}
    return stack_of({"front": front, "web": web, "proxy": {"image": "caddy:2"}})


def test_a_traefik_that_leads_to_what_has_no_label_is_warned_of() -> None:
    (found,) = by_default_rule(traefik())
    assert found.level == "warning"
    assert found.message == "front leads users to web by its default rule, for want of labels: no color has that name"
    assert "`traefik.http.routers.web.rule: …`" in found.remedy


def test_one_that_wants_labels_or_finds_them_is_not() -> None:
    assert [*by_default_rule(traefik("--providers.docker.exposedByDefault=false"))] == []
    assert [*by_default_rule(traefik(labels={"traefik.http.routers.x.rule": "Host(`x`)"}))] == []
    assert [*by_default_rule(traefik(networks={"back": None}))] == []
    assert [*by_default_rule(STACK)] == []


def labelled(images: dict[str, ImageFacts], **labels: str) -> Stack:
    web = {"image": "web:1", "labels": {"traefik.http.routers.web.rule": "Host(`x`)", **labels}}
    evidence = Evidence(declared={"web": Role.ROUTE}, images=images)
    found = stack_of({"web": web}, evidence)
    return replace(found, services=tuple(replace(each, port=each.port or 80) for each in found.services))


def test_a_port_that_nothing_shows_is_said_to_be_a_guess() -> None:
    (found,) = guessed_ports(labelled({}))
    assert found.message == "port 80 of web is a guess: its labels name none, nor does an image that is here"
    assert "`docker pull web:1`" in found.remedy
    assert [*guessed_ports(labelled({"web": ImageFacts(exposed=(3000,))}))] == []
    assert [*guessed_ports(labelled({}, **{"traefik.http.services.web.loadbalancer.server.port": "3000"}))] == []
