"""Refusals and warnings: one row per thing that two colors can't share, with its way out."""

from dataclasses import replace

import pytest

from teal.core.checks.stack import lost, problems
from teal.core.model.migrations import Migrations, Phase
from teal.core.model.mounts import Seen
from teal.core.model.problem import demand
from teal.core.model.proxy_config import Dial
from teal.core.model.side import Side
from teal.core.model.stack import Evidence, ImageFacts, Role, Stack, Tree
from teal.errors import Refused
from tests.unit import worlds
from tests.unit.stacks import stack_of

SOUND: Tree = {
    "web": {"image": "app", "restart": "unless-stopped", "healthcheck": {"test": ["CMD", "ready"]}},
    "proxy": {"image": "caddy:2"},
    "db": {"image": "postgres:17", "healthcheck": {"test": ["CMD", "pg_isready"]}},
}


def with_web(evidence: Evidence | None = None, **more: object) -> Stack:
    return stack_of({**SOUND, "web": {**SOUND["web"], **more}}, evidence)  # type: ignore[dict-item]


def said(stack: Stack) -> list[tuple[str, str]]:
    return [(problem.level, problem.message) for problem in problems(stack)]


def volume(source: str, kind: str = "volume", **more: object) -> dict[str, object]:
    return {"type": kind, "source": source, "target": f"/data/{source}", **more}


def test_a_variable_that_the_last_release_had_and_nobody_sets_now_is_an_error() -> None:
    stack = replace(stack_of(SOUND), unset=frozenset({"GONE", "NEW"}))
    last = replace(worlds.release(7, Side.BLUE), variables=("GONE", "THERE"))
    assert [problem.message for problem in lost(stack, last)] == ["GONE is no longer set: release 7 had it"]
    assert list(lost(stack, None)) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"links": ["web"]}, "migrate runs before its release starts, so it can't wait for web"),
        (
            {"ipc": "service:db"},
            "migrate runs in a project of its own, so it can't take network or volumes from another service",
        ),
        (
            {"volumes_from": ["db"]},
            "migrate runs in a project of its own, so it can't take network or volumes from another service",
        ),
        ({"volumes_from": ["container:box"]}, ""),
        ({"links": ["db", "db:store"]}, ""),
    ],
)
def test_a_one_shot_has_nothing_of_a_service_in_another_project(more: dict[str, object], message: str) -> None:
    stack = stack_of({**SOUND, "migrate": {"image": "app", **more}})
    assert [text for level, text in said(stack) if level == "error"] == ([message] if message else [])


def test_hooks_of_what_runs_once_are_warned_of_and_those_of_others_are_run() -> None:
    hooks = {"post_start": [{"command": ["x"]}], "pre_stop": [{"command": ["y"]}]}
    services: Tree = {**SOUND, "web": {**SOUND["web"], **hooks}, "migrate": {"image": "app", **hooks}}  # type: ignore[dict-item]
    (found,) = [problem for problem in problems(stack_of(services)) if "hook" in problem.message]
    assert (found.level, found.service) == ("warning", "migrate")


@pytest.mark.parametrize(
    ("definition", "key"),
    [
        ({"external": True}, "external"),
        ({"driver": "vault", "file": "x"}, "driver"),
        ({"template_driver": "golang", "content": "x"}, "template_driver"),
        ({"content": "x"}, ""),
    ],
)
@pytest.mark.parametrize("name", ["web", "db"])
@pytest.mark.parametrize("kind", ["secrets", "configs"])
def test_what_only_a_swarm_has_is_refused_as_compose_would(kind: str, name: str, definition: Tree, key: str) -> None:
    services = {**SOUND, name: {**SOUND[name], kind: [{"source": "token"}]}}  # type: ignore[dict-item]
    stack = stack_of(services, **{kind: {"token": definition}})
    message = f"{name} uses {kind[:-1]} token, whose `{key}` only a swarm has"
    assert [text for level, text in said(stack) if level == "error"] == ([message] if key else [])


def test_a_service_that_a_provider_makes_is_refused_and_a_tool_is_not() -> None:
    services = {**SOUND, "model": {"provider": {"type": "model"}}}
    message = "model is made by the provider model, which Teal does not call"
    assert ("error", message) in said(stack_of(services))
    told = Evidence(proxy="proxy", routes={"web": 3000}, declared={"model": Role.TOOL})
    assert said(stack_of(services, told)) == []


def test_a_sound_stack_has_no_problem() -> None:
    assert said(stack_of(SOUND)) == []


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"volumes": [volume("things")], "depends_on": {"db": {}}},
            "web writes to /data/things, and two releases would at once: its name tells nothing",
        ),
        ({"ports": [{"target": 80, "published": "8000"}]}, "web publishes port 8000, which two colors can't both have"),
        (
            {"ports": [{"target": 10000, "published": "10000", "protocol": "udp"}]},
            "web publishes port 10000/udp (UDP), which two colors can't both have, and no HTTP proxy can switch",
        ),
        (
            {"networks": {"default": {"ipv4_address": "10.0.0.9"}}},
            "web has the fixed address 10.0.0.9, which two colors can't both have",
        ),
        ({"network_mode": "service:db"}, "web uses the network of db, which is shared"),
        ({"pid": "service:db"}, "web uses the PID namespace of db, which is shared"),
        ({"volumes_from": ["db:ro"]}, "web takes the volumes of db, which is shared"),
    ],
)
def test_what_two_colors_cant_both_have_is_an_error(more: Tree, message: str) -> None:
    assert ("error", message) in said(with_web(**more))


def test_what_two_services_mount_is_one_finding() -> None:
    both = {name: {"image": name, "volumes": [volume("index")]} for name in ("web", "worker")}
    (found,) = [m for level, m in said(replace(stack_of({**SOUND, **both}), strategy="blue-green")) if level == "error"]
    assert found.startswith("web writes to /data/index (to the same volume: worker), and two releases would at once")
    code = {"type": "bind", "source": "/srv/shop/src", "target": "/app"}
    stack = stack_of({**SOUND, **{name: {"image": name, "volumes": [code]} for name in ("web", "worker")}})
    stack = replace(stack, sources=frozenset({("web", "/srv/shop/src"), ("worker", "/srv/shop/src")}))
    (message,) = [message for level, message in said(stack) if level == "error"]
    assert message.startswith("src, mounted at /app, is the source of web and worker: an edit is live")


def test_the_hosts_network_is_refused() -> None:
    assert "web is on the host's network: both colors want its ports" in [
        m for _, m in said(with_web(network_mode="host"))
    ]


@pytest.mark.parametrize(
    "more",
    [
        {"volumes": [volume("media", read_only=True)]},
        {"volumes": [{"type": "volume", "target": "/cache"}]},
        {"volumes": [{"type": "tmpfs", "target": "/tmp"}]},
        {"volumes": [volume("/etc/localtime", "bind")]},
        {"links": ["db"]},
        {"network_mode": "none"},
    ],
)
def test_what_each_color_can_have_for_itself_is_no_problem(more: Tree) -> None:
    assert [message for _, message in said(with_web(**more)) if "no network in common" not in message] == []


@pytest.mark.parametrize("name", ["media", "shop_media"])
def test_data_that_two_may_write_is_declared_by_either_of_its_names(name: str) -> None:
    services = {**SOUND, "web": {**SOUND["web"], "volumes": [volume("media")]}}  # type: ignore[dict-item]
    stack = stack_of(services, safe=frozenset({name}), volumes={"media": {"name": "shop_media"}})
    assert said(stack) == []


@pytest.mark.parametrize("path", ["media", "./media", "/srv/shop/media"])
def test_a_bound_folder_is_declared_by_its_path(path: str) -> None:
    services = {**SOUND, "web": {**SOUND["web"], "volumes": [volume("/srv/shop/media", "bind")]}}  # type: ignore[dict-item]
    assert said(stack_of(services, safe=frozenset({path}))) == []


def test_one_writers_data_in_the_only_application_are_said_and_refuse_nothing() -> None:
    stack = with_web(volumes=[volume("index")])
    assert stack.strategy == "recreate"
    message = (
        "one process alone may write /data/index of web (its name says index): a deploy stops the old release before "
        "the new one starts, and holds requests meanwhile"
    )
    assert said(stack) == [("warning", message)]
    assert said(replace(stack, strategy_said=True)) == []


def test_who_wants_no_pause_is_refused_with_the_question() -> None:
    stack = replace(with_web(volumes=[volume("index")]), strategy="blue-green", strategy_said=True)
    (found,) = problems(stack)
    assert found.level == "error"
    assert found.proposal is not None
    assert [choice.line for choice in found.proposal.choices] == ["safe_volumes: [index]", "strategy: recreate"]
    assert found.proposal.proposed.line == "strategy: recreate"
    assert all(f"`{choice.line}`" in found.remedy for choice in found.proposal.choices)


def test_where_two_releases_never_run_at_once_nobody_is_asked() -> None:
    stack = with_web(volumes=[volume("things"), volume("index")], depends_on={"db": {}})
    assert [message for level, message in said(stack) if level == "error"] == []


def test_what_is_taken_as_safe_since_two_write_it_is_said_once() -> None:
    shared: Tree = {"volumes": [volume("things")], "depends_on": {"db": {}}}
    worker = {**SOUND["web"], **shared}  # type: ignore[dict-item]
    stack = stack_of({**SOUND, "web": {**SOUND["web"], **shared}, "worker": worker})  # type: ignore[dict-item]
    message = "/data/things of web was taken as safe for two releases at once: worker writes it already, beside web"
    assert [each for _, each in said(stack) if "taken as safe" in each] == [message]


def test_a_volume_without_a_name_is_warned_of_where_what_it_holds_may_matter() -> None:
    nameless: Tree = {"volumes": [{"type": "volume", "target": "/data"}], "depends_on": {"db": {}}}
    message = "/data of web is a volume without a name: each release begins with none"
    assert said(with_web(**nameless)) == [("warning", message)]


def test_configuration_is_a_note() -> None:
    seen = {"/srv/shop/app.toml": Seen("file")}
    services = {**SOUND, "web": {**SOUND["web"], "volumes": [volume("/srv/shop/app.toml", "bind")]}}  # type: ignore[dict-item]
    (found,) = problems(stack_of(services, seen=seen))
    assert found.level == "note"
    assert found.remedy == ("does web write it? Say so in teal.yml: `safe_volumes: [/data//srv/shop/app.toml]`")


def test_a_singleton_may_write_alone_since_two_never_run() -> None:
    beat = {"image": "app", "restart": "always", "volumes": [volume("schedule")], "healthcheck": {"test": ["CMD", "x"]}}
    assert said(stack_of({**SOUND, "beat": beat})) == []


def test_static_files_that_the_proxy_serves_have_a_message_of_their_own() -> None:
    services: Tree = {
        **SOUND,
        "web": {**SOUND["web"], "volumes": [volume("static")]},  # type: ignore[dict-item]
        "proxy": {"image": "caddy:2", "volumes": [volume("static", read_only=True)]},
    }
    message = "proxy serves static, which each release of web fills: while two run, their files mix"
    assert said(stack_of(services)) == [("warning", message)]
    assert said(stack_of(services, safe=frozenset({"static"}))) == []


def test_a_free_port_of_the_machine_collides_with_nothing_and_is_said() -> None:
    found = problems(with_web(ports=[{"target": 9000}, {"target": 9001, "published": "0"}]))
    assert [each.message for each in found if each.level == "error"] == []
    assert "web publishes port 9000, 9001 on any free port of the machine; a color publishes none" in [
        each.message for each in found if each.level == "note"
    ]


def test_a_published_port_is_fine_once_its_owner_says_what_becomes_of_it() -> None:
    evidence = Evidence(proxy="proxy", routes={"web": 3000}, published_ports={"web": "drop"})
    assert said(with_web(evidence, ports=[{"target": 3000, "published": "3000"}])) == []


@pytest.mark.parametrize(
    ("services", "message"),
    [
        ({"web-blue": {"image": "app"}}, "web-blue collides with the blue web"),
        ({"side": {"image": "redis", "network_mode": "service:web"}}, "side uses the network of web, which rotates"),
        (
            {"seed": {"image": "app", "depends_on": {"web": {"condition": "service_healthy"}}}},
            "seed runs before its release starts, so it can't wait for web",
        ),
    ],
)
def test_services_that_get_in_each_others_way_are_errors(services: Tree, message: str) -> None:
    assert ("error", message) in said(stack_of({**SOUND, **services}))


@pytest.mark.parametrize(
    ("service", "remedy"),
    [
        (
            {"command": ["sh", "-c", "python manage.py migrate --noinput && exec gunicorn app"]},
            'take it out: … `migrations: {service: web, expand: "python manage.py migrate --noinput"}` in teal.yml',
        ),
        (
            {"command": ["sh", "-c", "set -e; npx prisma migrate deploy; node server.js"]},
            'take it out: … `migrations: {service: web, expand: "npx prisma migrate deploy"}` in teal.yml',
        ),
        (
            {"entrypoint": ["sh", "-c", "/migrate && /serve"]},
            'take it out: … `migrations: {service: web, expand: "/migrate"}` in teal.yml',
        ),
        (
            {"environment": {"RUN_MIGRATIONS": "1"}},
            "switch RUN_MIGRATIONS off: … `migrations: {service: web, expand: COMMAND}` in teal.yml",
        ),
    ],
)
def test_a_migration_at_each_start_is_sent_to_the_section_that_runs_it_once(service: Tree, remedy: str) -> None:
    (found,) = (each.remedy for each in problems(with_web(**service)) if "migrates" in each.message)
    assert found == remedy.replace("…", "a deploy runs it once, before the release starts, with")
    section = Migrations(service="web", commands={Phase.EXPAND: ("./migrate",)})
    (found,) = (
        each.remedy for each in problems(replace(with_web(**service), migrations=section)) if "migrates" in each.message
    )
    assert found.endswith("`migrations` in teal.yml runs the expand phase, once for each release")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (
            {"volumes": [volume("/var/run/docker.sock", "bind")]},
            "what web starts outside Compose belongs to no color",
        ),
        ({"restart": "no"}, "web: no restart policy, so the active color stays down after the engine restarts"),
        (
            {"command": ["sh", "-c", "python manage.py migrate && gunicorn app"]},
            "web migrates in its start command (manage.py migrate), so also in each color, and at a rollback",
        ),
        (
            {"environment": {"RUN_MIGRATIONS": "1"}},
            "web migrates whenever it starts (RUN_MIGRATIONS), so also in each color, and at a rollback",
        ),
        (
            {"hostname": "mail.example.org"},
            "web loses its hostname mail.example.org: as a DNS name it would mean both colors",
        ),
        (
            {"healthcheck": {"disable": True}},
            "web has no healthcheck: any answer but a server error on its port 3000 counts as healthy",
        ),
    ],
)
def test_what_its_owner_should_know_is_a_warning(more: Tree, message: str) -> None:
    assert said(with_web(**more)) == [("warning", message)]


@pytest.mark.parametrize("more", [{"environment": {"RUN_MIGRATIONS": "0"}}, {"command": ["migratory", "birds"]}])
def test_what_only_sounds_like_a_migration_is_none(more: Tree) -> None:
    assert said(with_web(**more)) == []


def test_a_shared_service_that_calls_a_rotating_one_is_told_that_the_name_is_gone() -> None:
    watch = {"image": "grafana/grafana", "environment": {"TARGET": "http://web:3000/metrics"}}
    message = "watch is shared and calls web by this name, which no color answers to"
    assert said(stack_of({**SOUND, "watch": watch})) == [("warning", message)]


def test_waiting_for_health_that_nobody_checks_is_told_once_the_image_is_known() -> None:
    waiting = {"web": {**SOUND["web"], "depends_on": {"cache": {"condition": "service_healthy"}}}}  # type: ignore[dict-item]
    services = {**SOUND, "cache": {"image": "redis"}, **waiting}
    told = Evidence(proxy="proxy", routes={"web": 3000}, images={"cache": ImageFacts()})
    message = "web waits until cache is healthy, and cache has no healthcheck: `up` would fail"
    assert said(stack_of(services, told)) == [("warning", message)]
    assert said(stack_of(services)) == []


def test_data_that_only_the_image_knows_of_is_told() -> None:
    told = Evidence(proxy="proxy", routes={"web": 3000}, images={"web": ImageFacts(volumes=("/data", "/cache"))})
    stack = with_web(told, volumes=[{"type": "volume", "target": "/cache"}])
    message = "the image of web keeps /data in a volume without a name: each release begins with none"
    assert said(stack) == [("warning", message)]


def test_requests_past_the_snippet_are_refused_with_the_line_to_write() -> None:
    told = Evidence(proxy="proxy", direct_upstreams={"web": 3000}, dials=(Dial("web:3000", place="Caddyfile:2"),))
    found = problems(stack_of(SOUND, told))
    assert [(p.level, p.place, p.remedy) for p in found] == [
        ("error", "Caddyfile:2", "write `import teal web 3000` in place of that reverse_proxy")
    ]


def test_a_route_without_a_port_and_a_stack_without_a_proxy_are_refused() -> None:
    found = said(stack_of({"web": SOUND["web"]}, Evidence(declared={"web": Role.ROUTE})))
    assert ("error", "the port on which web listens is not known") in found
    assert ("error", "no service runs Caddy: something must switch the traffic") in found


def over(**more: object) -> dict[Side, Tree]:
    web: Tree = {**SOUND["web"], **more}  # type: ignore[dict-item]
    return {
        Side.BLUE: {"web": {**web, "environment": {"COLOR": "blue"}}},
        Side.GREEN: {"web": {**web, "environment": {"COLOR": "green"}}},
    }


def test_overlays_that_give_both_colors_one_container_name_are_refused() -> None:
    told = Evidence(proxy="proxy", routes={"web": 3000}, in_overlays=frozenset({"web"}))
    stack = stack_of(SOUND, told, overlays=over(container_name="shop-web"))
    assert said(stack) == [("error", "both overlays call the container of web shop-web")]


def test_overlays_that_differ_in_more_than_the_color_are_told() -> None:
    told = Evidence(proxy="proxy", routes={"web": 3000}, in_overlays=frozenset({"web"}))
    overlays = over()
    overlays[Side.GREEN]["web"]["mem_limit"] = "1"  # type: ignore[index]
    message = "the overlays give web different mem_limit: the two colors would not run the same"
    assert said(stack_of(SOUND, told, overlays=overlays)) == [("warning", message)]


@pytest.mark.parametrize(
    ("name", "engine", "refused"),
    [("a", (27, 5), True), ("a", (28, 0), False), ("shop_default", (27, 5), False), ("zoo", (27, 5), False)],
)
def test_an_engine_that_goes_by_names_needs_names_in_that_order(
    name: str, engine: tuple[int, int], refused: bool
) -> None:
    stack = stack_of(SOUND, networks={"default": {"name": name}})
    assert [problem.level for problem in problems(stack, engine)] == ["error"] * 2 * refused


def test_an_error_refuses_with_its_place_and_its_remedy() -> None:
    stack = replace(with_web(ports=[{"target": 1, "published": "1"}]), places={"web": "compose.yml:3"})
    with pytest.raises(Refused) as refused:
        demand(problems(stack))
    assert refused.value.message == "compose.yml:3: web publishes port 1, which two colors can't both have"
    assert refused.value.hint.startswith("where the proxy serves it anyway: `ports: {web: drop}` in teal.yml")


def test_several_errors_are_all_listed_at_once() -> None:
    with pytest.raises(Refused) as refused:
        demand(problems(with_web(ports=[{"target": 1, "published": "1"}], pid="service:db")))
    assert refused.value.message.endswith("(and 1 more, above)")
    assert len(refused.value.detail.splitlines()) == 2


def test_warnings_alone_refuse_nothing() -> None:
    assert [problem.level for problem in demand(problems(with_web(restart="no")))] == ["warning"]


def test_every_problem_says_what_to_do() -> None:
    stack = with_web(volumes=[volume("things")], ports=[{"target": 1}], restart="no", network_mode="host")
    assert all(problem.remedy for problem in problems(stack))
