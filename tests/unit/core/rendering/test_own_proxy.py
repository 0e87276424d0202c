"""Teal's own proxy as files: who it passes to, and what it leaves as it came."""

from __future__ import annotations

import json
from dataclasses import replace

from teal.core.model.entrance import Entrance, Named, Published
from teal.core.model.own_proxy import OwnProxy
from teal.core.model.side import Side
from teal.core.rendering.own_proxy import render_own
from tests.unit.stacks import stack_of

EDGE = {"web": {"image": "web", "networks": {"default": None, "edge": {"aliases": ["shop"]}}}}
BY_NAME = Named("web", 3000, "shop", 3000, ("edge",))


def rendered(*entrances: Entrance, external: bool = True, replicas: int = 1) -> dict[str, str]:
    stack = stack_of(EDGE)
    services = tuple(replace(each, replicas=replicas) for each in stack.services)
    networks = {"edge": {"name": "edge", "external": external}, "default": {}}
    models = {side: {**model, "networks": networks} for side, model in stack.models.items()}
    full = replace(stack, services=services, models=models, entrances=entrances, own=OwnProxy())
    return render_own(full, folder="/kept", state="/state", image="caddy:2")


def links(files: dict[str, str], service: str = "proxy") -> list[str]:
    return list(json.loads(files["compose.json"])["services"][service]["external_links"])


def test_on_another_projects_network_each_color_is_the_one_container_of_this_stack() -> None:
    stack = stack_of(EDGE).project
    expected = [f"{stack}-web-1:web-plain"]
    expected += [f"{stack}-{side}-web-{side}-1:web-{side}" for side in (Side.BLUE, Side.GREEN)]
    assert links(rendered(BY_NAME)) == expected


def test_on_a_network_of_the_stacks_own_and_with_replicas_a_color_is_found_by_its_name() -> None:
    assert len(links(rendered(BY_NAME, external=False))) == 1
    assert len(links(rendered(BY_NAME, replicas=2))) == 1


def test_where_it_has_names_alone_it_refuses_for_a_second_before_it_goes_and_holds_no_port_longer() -> None:
    def ends(files: dict[str, str], service: str) -> bool:
        return "sleep 1; exit" in json.loads(files["compose.json"])["services"][service]["entrypoint"][2]

    assert ends(rendered(BY_NAME), "proxy")
    both, published = rendered(BY_NAME, Published("web", 3000, 80)), rendered(Published("web", 3000, 80))
    assert [ends(both, "proxy"), ends(both, "proxy-unpublished")] == [False, True]
    assert [ends(published, "proxy"), ends(published, "proxy-unpublished")] == [False, False]


def test_what_users_are_told_of_proxies_before_it_is_kept_and_what_strangers_say_of_users_only_by_a_name() -> None:
    by_name, published = rendered(BY_NAME)["Caddyfile"], rendered(Published("web", 3000, 80))["Caddyfile"]
    assert by_name.count("header_up Via {header.Via}") == by_name.count("import teal web 3000") == 2
    assert published.count("header_up Via {header.Via}") == published.count("import teal web 3000") == 2
    assert published.count("header_up X-Forwarded-For {header.X-Forwarded-For}") == 1, "the inner one alone"
