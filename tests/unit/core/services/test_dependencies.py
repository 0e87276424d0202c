"""What must run before the switch: what routes depend on, and whoever is asked by name or over HTTP."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.core.model.compose import Node
from teal.core.model.stack import Evidence
from teal.core.services.dependencies import behind, stop_waves
from tests.unit.stacks import stack_of
from tests.unit.worlds import API, CLOCK, QUEUE, WEB


def opening(services: dict[str, Node], evidence: Evidence | None = None) -> set[str]:
    model = {"web": {"image": "app"}, **services}
    return {each.name for each in stack_of(model, evidence).services if each.before_switch}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "web",
    [
        {"depends_on": {"rag": {"condition": "service_started"}}},
        {"environment": {"RAG_URL": "http://rag:3001/x"}},
        {"environment": {"RAG_URL": "http://rag/x"}},
        {"environment": {"RAG_HOST": "rag"}},
        {"environment": {"SERVERS": "cache:1,rag:3001"}},
        {"environment": {"QUEUE": "amqp://me:secret@rag/v"}},
        {"environment": {"API": "http://rag-container:80"}},
        {"command": ["serve", "--rag=rag:3001"]},
    ],
)
def test_a_worker_that_a_route_asks_for_starts_before_the_switch(web: Node) -> None:
    rag = {"image": "app", "container_name": "rag-container"}
    assert opening({"web": {"image": "app", **web}, "rag": rag}) == {"web", "rag"}


@pytest.mark.parametrize(
    "web",
    [
        {"environment": {"ROLE": "rag"}},
        {"environment": {"RAG_URL": "http://fragment:3001/x"}},
        {"environment": {"RAG_URL": "http://rag.example.org/x"}},
        {"environment": {"RAG_URL": "http://rag-api:80/x"}},
        {"environment": {"PATH": "/srv/rag/bin"}},
        {"command": ["serve", "rag"]},
    ],
)
def test_a_queue_worker_that_nobody_calls_starts_last(web: Node) -> None:
    assert opening({"web": {"image": "app", **web}, "rag": {"image": "app"}}) == {"web"}


@pytest.mark.parametrize(
    "own",
    [
        {"expose": ["3001"]},
        {"ports": [{"target": 3001, "protocol": "tcp"}]},
        {"healthcheck": {"test": ["CMD-SHELL", "curl -fs http://127.0.0.1:3001/health | grep ok"]}},
    ],
)
def test_a_worker_that_takes_requests_starts_before_the_switch(own: Node) -> None:
    assert opening({"rag": {"image": "app", **own}}) == {"web", "rag"}


def test_needs_are_followed_over_several_steps_and_never_to_a_singleton_or_one_shot() -> None:
    started = {"condition": "service_started"}
    services: dict[str, Node] = {
        "web": {
            "image": "app",
            "depends_on": {"a": started, "migrate": {"condition": "service_completed_successfully"}},
        },
        "a": {"image": "app", "depends_on": {"b": started, "beat": started}},
        "b": {"image": "app"},
        "beat": {"image": "app"},
        "migrate": {"image": "app"},
        "jobs": {"image": "app", "depends_on": {"web": started}},
    }
    assert opening(services) == {"web", "a", "b"}


def test_the_owner_says_what_a_route_needs() -> None:
    evidence = Evidence(proxy="proxy", routes={"web": 3000}, needs={"web": ("jobs",)})
    assert opening({"jobs": {"image": "app"}}, evidence) == {"web", "jobs"}


def test_behind_a_service_is_what_it_depends_on_and_behind_a_route_all_that_routes_need() -> None:
    cache = replace(QUEUE, name="cache", depends_on={"store": "service_started"})
    jobs = replace(QUEUE, depends_on={"cache": "service_healthy", "db": "service_healthy"})
    every = {each.name: each for each in (WEB, API, jobs, cache)}
    assert behind("queue", every) == ("cache", "db", "store")
    assert behind("web", every) == ("api", "db")
    assert behind("web", {**every, "web": replace(WEB, depends_on={})}) == ("api",)


def test_dependants_stop_before_what_they_need_and_mere_workers_last() -> None:
    waves = [[each.name for each in wave] for wave in stop_waves((API, QUEUE, WEB))]
    assert waves == [["web"], ["api"], ["queue"]]
    assert [len(wave) for wave in stop_waves((QUEUE, CLOCK))] == [2]
