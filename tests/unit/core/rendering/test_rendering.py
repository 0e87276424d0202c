"""The rendering: what stays as its owner wrote it, what is dropped, suffixed, added, and why."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from teal.adapters.process import clean
from teal.core.model.compose import mapping, sequence
from teal.core.model.migrations import Migrations, Phase
from teal.core.model.release import RequiredVolume, to_json
from teal.core.model.side import Side
from teal.core.model.stack import Evidence, Role, Stack, Tree
from teal.core.rendering.files import live_mounts
from teal.core.rendering.project import render, render_both, render_once
from teal.core.services.images import mounted_images
from tests.unit.stacks import making, stack_of

NASTY = json.loads((Path(__file__).parent / "nasty.json").read_text(encoding="utf-8"))
EXPECTED = Path(__file__).parent / "nasty.blue.json"


def nasty() -> Stack:
    """Return a stack with something of everything that real files hold."""
    told = Evidence(proxy="proxy", routes={"web": 3000}, declared={"sidecar": Role.WORKER})
    top = {key: value for key, value in NASTY.items() if key not in {"name", "services"}}
    return stack_of(NASTY["services"], told, copies=frozenset({"/srv/shop/settings.toml"}), **top)


def service(stack: Stack, name: str = "web", side: Side = Side.BLUE, **facts: object) -> Tree:
    tree = render(stack, side, making(stack, **facts)).tree
    return dict(mapping(mapping(tree["services"])[f"{name}-{side}"]))


def web(**more: object) -> Stack:
    return stack_of({"web": {"image": "app", **more}, "proxy": {"image": "caddy"}})


def test_a_nasty_stack_renders_as_it_was_looked_at_once() -> None:
    """The file beside was read line by line against the rules; a change to it is a change to every release."""
    assert render(nasty(), Side.BLUE, making(nasty())).text == EXPECTED.read_text(encoding="utf-8").rstrip("\n")


def test_both_colors_are_rendered_alike_but_for_the_color() -> None:
    both = render_both(nasty(), making(nasty()))
    green = both[Side.GREEN].text.replace("green", "blue")
    assert json.loads(green) == json.loads(both[Side.BLUE].text)


def test_no_name_of_the_stack_is_left_without_its_color_on_the_shared_network() -> None:
    networks = mapping(service(web(container_name="shop-web", hostname="www"))["networks"])
    assert networks["default.shared"] is None
    assert networks["default"] == {"aliases": ["shop-web", "web", "www"], "gw_priority": 1}


def test_private_networks_outrank_shared_ones_by_whatever_the_owner_ranks() -> None:
    ranked = {"a": {"gw_priority": 5}, "b": {"gw_priority": -3}}
    services: Tree = {"web": {"image": "app", "networks": ranked}, "proxy": {"image": "caddy", "networks": ranked}}
    stack = stack_of(services, networks={"a": {"name": "shop_a"}, "b": {"name": "shop_b"}})
    ranks = {key: mapping(options)["gw_priority"] for key, options in mapping(service(stack)["networks"]).items()}
    assert min(ranks["a"], ranks["b"]) > max(ranks["a.shared"], ranks["b.shared"])
    assert ranks["a"] > ranks["b"]


def test_an_older_engine_gets_no_key_that_it_does_not_know() -> None:
    stack = web(healthcheck={"test": ["CMD", "x"]})
    old = service(stack, engine=(24, 0))
    assert "gw_priority" not in str(old)
    assert "start_interval" not in str(old)


def test_a_network_of_rotating_services_alone_is_not_shared_and_an_external_one_is() -> None:
    services: Tree = {
        "web": {"image": "app", "networks": {"front": None, "own": None, "other": None}},
        "proxy": {"image": "caddy", "networks": {"front": None}},
    }
    top = {"networks": {"front": {"name": "f"}, "own": {"name": "o"}, "other": {"name": "x", "external": True}}}
    rendered = render(stack_of(services, **top), Side.BLUE, making(stack_of(services, **top)))
    assert rendered.shared_networks["web"] == {"f": ("web-blue",), "x": ("web-blue",)}
    networks = [mapping(each) for each in mapping(rendered.tree["networks"]).values()]
    own = [each["name"] for each in networks if not each.get("external")]
    assert own == ["shop-blue_front", "shop-blue_other", "shop-blue_own"]
    assert [each["name"] for each in networks if each.get("external")] == ["f", "x"]


def test_a_private_network_keeps_what_was_asked_for_and_not_what_only_one_can_have() -> None:
    network = {
        "name": "shop_default",
        "internal": True,
        "enable_ipv6": True,
        "driver_opts": {"com.docker.network.bridge.name": "br0", "com.docker.network.driver.mtu": "1400"},
        "ipam": {"config": [{"subnet": "10.9.0.0/24"}]},
    }
    stack = stack_of({"web": {"image": "app"}, "proxy": {"image": "caddy"}}, networks={"default": network})
    declared = mapping(render(stack, Side.GREEN, making(stack)).tree["networks"])
    assert declared["default"] == {
        "internal": True,
        "enable_ipv6": True,
        "driver_opts": {"com.docker.network.driver.mtu": "1400"},
        "name": "shop-green_default",
    }
    assert declared["default.shared"] == {"name": "shop_default", "external": True}


@pytest.mark.parametrize(
    ("plain", "overlay", "replicas", "expected"),
    [
        ("", "", 1, None),
        ("shop-web", "shop-web", 1, "shop-web-blue"),
        ("shop-web", "www-in-blue", 1, "www-in-blue"),
        ("", "www-in-blue", 1, "www-in-blue"),
        ("", "www-in-blue", 3, None),
    ],
)
def test_a_container_is_named_by_the_overlay_or_with_its_color(
    plain: str, overlay: str, replicas: int, expected: str | None
) -> None:
    base: Tree = {"image": "app", "deploy": {"replicas": replicas}}
    over = {side: {"web": {**base, "container_name": overlay}} for side in (Side.BLUE, Side.GREEN)}
    services: Tree = {"web": {**base, "container_name": plain}, "proxy": {"image": "caddy"}}
    stack = stack_of(services, overlays=over)  # type: ignore[arg-type]
    assert service(stack).get("container_name") == expected


@pytest.mark.parametrize(
    ("policy", "expected"), [("always", "unless-stopped"), ("on-failure:3", "on-failure:3"), ("no", "no"), (None, None)]
)
def test_always_would_revive_a_retired_color_and_the_rest_stays(policy: str | None, expected: str | None) -> None:
    assert service(web(restart=policy)).get("restart") == expected


def test_a_deploy_section_that_says_always_is_made_unless_stopped_too() -> None:
    deploy = mapping(service(web(deploy={"replicas": 2, "restart_policy": {"condition": "any"}}))["deploy"])
    assert deploy == {"replicas": 2, "restart_policy": {"condition": "unless-stopped"}}


def test_null_takes_a_variable_of_the_image_away_and_the_shell_can_fill_in_nothing_later() -> None:
    given = {"A": None, "B": "$$x", "TEAL_COLOR": "red", "HTTP_PROXY": None, "HOME": None}
    environment = service(web(environment=given))["environment"]
    assert environment == {"A": None, "B": "$$x", "TEAL_COLOR": "blue", "TEAL_RELEASE": "7"}
    assert clean(dict.fromkeys(given, "from the shell")).keys() == {"HTTP_PROXY", "HOME"}


def test_a_proxy_that_reads_labels_or_variables_must_not_see_a_color() -> None:
    labels = {"traefik.enable": "true", "caddy_0": "x", "caddy.reverse_proxy": "y", "caddyshack": "film", "a.b": "c"}
    rendered = service(web(labels=labels, environment={"VIRTUAL_HOST": "x", "VIRTUAL_HOST_NOTE": "y", "HOST": "z"}))
    assert {k for k in mapping(rendered["labels"]) if not k.startswith("teal.")} == {"caddyshack", "a.b"}
    assert set(mapping(rendered["environment"])) == {"VIRTUAL_HOST_NOTE", "HOST", "TEAL_COLOR", "TEAL_RELEASE"}


def test_a_limit_of_zero_which_config_leaves_out_is_put_back() -> None:
    limits = {"core": {}, "nofile": {"hard": 5}, "nproc": 3}
    assert service(web(ulimits=limits))["ulimits"] == {
        "core": {"soft": 0, "hard": 0},
        "nofile": {"soft": 0, "hard": 5},
        "nproc": 3,
    }


def test_the_limits_of_a_device_are_spelled_as_compose_reads_them() -> None:
    limits = {"weight": 300, "device_read_bps": [{"Path": "/dev/sda", "Rate": "12mb"}]}
    assert service(web(blkio_config=limits))["blkio_config"] == {
        "weight": 300,
        "device_read_bps": [{"path": "/dev/sda", "rate": "12mb"}],
    }


def test_secrets_and_configs_are_files_of_the_release_whatever_they_came_from() -> None:
    stack = stack_of(
        {"web": {"image": "app", "secrets": [{"source": "key"}, {"source": "tls"}], "configs": [{"source": "note"}]}},
        secrets={"key": {"content": "a$$b"}, "tls": {"file": "/etc/tls.pem"}, "unused": {"file": "/x"}},
        configs={"note": {"name": "n", "content": "costs $$5"}},
    )
    rendered = render(stack, Side.BLUE, making(stack))
    assert {(file.name.split("-", 1)[-1], file.source, file.content) for file in rendered.files} == {
        ("secret-key", "", "a$b"),
        ("config-note", "", "costs $5"),
        ("tls.pem", "/etc/tls.pem", ""),
    }
    assert set(mapping(rendered.tree["secrets"])) == {"key", "tls"}
    assert mapping(mapping(rendered.tree["secrets"])["key"])["file"] == "/rel/7/files/blue-secret-key"


def test_a_value_is_a_file_for_each_owner_and_mode_and_an_empty_one_is_none() -> None:
    asked = [
        {"source": "key", "target": "a", "uid": "1000", "mode": "0400"},
        {"source": "key", "target": "/b", "uid": "1000", "mode": "0400"},
        {"source": "key"},
        {"source": "file", "uid": "1000", "mode": "0400"},
        {"source": "empty"},
    ]
    values = {"key": {"content": "x"}, "file": {"file": "/etc/x.pem"}, "empty": {"content": ""}}
    stack = stack_of({"web": {"image": "app", "secrets": asked}}, secrets=values)
    rendered = render(stack, Side.BLUE, making(stack))
    assert service(stack)["secrets"] == [
        {"source": "key.1000-0-400", "target": "a"},
        {"source": "key.1000-0-400", "target": "/b"},
        {"source": "key", "target": "/run/secrets/key"},
        {"source": "file", "target": "/run/secrets/file"},
    ]
    assert set(mapping(rendered.tree["secrets"])) == {"key", "key.1000-0-400", "file"}
    values_ = {file.name: (file.uid, file.gid, file.mode) for file in rendered.files if file.content}
    assert values_ == {"blue-secret-key": (0, 0, 0o444), "blue-secret-key.1000-0-400": (1000, 0, 0o400)}


def test_an_owner_that_is_asked_for_is_the_services_own_user_as_the_engine_has_it() -> None:
    def owners(user: str, **asked: str) -> set[tuple[int, int]]:
        one: Tree = {"image": "app", "user": user, "configs": [{"source": "note", **asked}]}
        stack = stack_of({"web": one}, configs={"note": {"content": "x"}})
        return {(file.uid, file.gid) for file in render(stack, Side.BLUE, making(stack)).files}

    assert owners("1234:5678", uid="33") == owners("1234:5678", gid="33") == {(1234, 5678)}
    assert owners("1234:5678", mode="0400") == {(0, 0)}
    assert owners("www-data", uid="33", gid="34") == {(33, 34)}


def test_a_secret_that_is_a_folder_is_mounted_as_it_is() -> None:
    stack = replace(
        stack_of({"web": {"image": "app", "secrets": [{"source": "keys"}]}}, secrets={"keys": {"file": "/srv/keys"}}),
        folders=frozenset({"/srv/keys"}),
    )
    rendered = render(stack, Side.BLUE, making(stack))
    assert (rendered.tree["secrets"], rendered.files) == ({"keys": {"file": "/srv/keys"}}, ())
    assert list(live_mounts(stack)) == [("web", "/srv/keys", "/run/secrets/keys")]


def test_a_seccomp_profile_is_a_file_of_the_release_wherever_the_rendering_lies() -> None:
    said = ["no-new-privileges:true", "seccomp:./strict.json", "seccomp=unconfined", "seccomp=/etc/x.json"]
    options = service(web(security_opt=said))["security_opt"]
    assert isinstance(options, list)
    assert [option.partition("/files/")[2].partition("-")[2] for option in options] == ["", "strict.json", "", "x.json"]
    assert (options[0], options[2]) == (said[0], said[2])
    rendered = render(web(security_opt=said), Side.BLUE, making(web()))
    assert {file.source for file in rendered.files} == {"/srv/shop/strict.json", "/etc/x.json"}


def test_swap_without_a_limit_is_a_number_which_config_prints_as_text() -> None:
    assert service(web(memswap_limit="-1"))["memswap_limit"] == -1
    assert service(web(memswap_limit="1073741824"))["memswap_limit"] == "1073741824"


def test_a_volume_is_required_with_the_labels_and_options_that_its_owner_wrote() -> None:
    mount = {"type": "volume", "source": "data", "target": "/data"}
    options = {"driver": "local", "driver_opts": {"o": "size=$$1"}, "labels": {"a": "$$b"}}
    stack = stack_of({"web": {"image": "app", "volumes": [mount]}}, volumes={"data": {"name": "shop_data", **options}})
    (found,) = render(stack, Side.BLUE, making(stack)).volumes
    assert found == RequiredVolume("shop_data", "data", False, "local", {"o": "size=$1"}, {"a": "$b"})


def test_what_an_owner_asks_of_a_network_holds_on_the_colors_own_and_its_way_out_is_the_same() -> None:
    asked = {"interface_name": "app0", "mac_address": "06:00:00:00:00:01", "link_local_ips": ["169.254.8.1"]}
    networks: Tree = {"b": asked, "a": {"ipv4_address": "10.0.0.7"}, "c": {"gw_priority": 3}}
    services: Tree = {"web": {"image": "app", "networks": networks}, "proxy": {"image": "caddy", "networks": networks}}
    stack = stack_of(services, networks={"a": {"name": "z"}, "b": {"name": "y"}, "c": {"name": "x"}})
    found = mapping(service(stack)["networks"])
    assert mapping(found["b"]).items() >= asked.items()
    assert "ipv4_address" not in mapping(found["a"])
    ways = sorted(found, key=lambda key: -int(str(mapping(found[key]).get("gw_priority", 0))))
    assert ways[:4] == ["c", "b", "a", "c.shared"]


def test_the_services_own_mac_address_is_that_of_its_first_network() -> None:
    networks: Tree = {"b": {"priority": 5}, "a": None}
    stack = stack_of({"web": {"image": "app", "networks": networks, "mac_address": "06:00:00:00:00:01"}})
    rendered = service(stack)
    assert "mac_address" not in rendered
    own = {key: mapping(each).get("mac_address") for key, each in mapping(rendered["networks"]).items()}
    assert own == {"a": None, "b": "06:00:00:00:00:01"}


def test_a_one_shot_keeps_what_only_one_can_have_since_only_one_runs() -> None:
    own: Tree = {"hostname": "loader", "mac_address": "06:00:00:00:00:01", "volumes_from": ["container:box"]}
    own |= {"networks": {"default": {"ipv4_address": "10.0.0.7", "aliases": ["x"], "gw_priority": 4}}}
    services: Tree = {"migrate": {"image": "app", **own}, "db": {"image": "postgres"}, "proxy": {"image": "caddy"}}

    def once(**facts: object) -> Tree:
        stack = stack_of(services)
        return dict(mapping(mapping(render_once(stack, Side.BLUE, making(stack, **facts)).tree["services"])["migrate"]))

    assert once().items() >= own.items()
    assert once(engine=(27, 0))["networks"] == {"default": {"ipv4_address": "10.0.0.7", "aliases": ["x"]}}
    services["db"] = {"image": "postgres", "hostname": "loader", "networks": {"default": {"aliases": ["x"]}}}
    assert "hostname" not in once()
    assert once()["networks"] == {"default": {"ipv4_address": "10.0.0.7", "gw_priority": 4}}


def test_a_job_of_the_migrations_answers_to_no_name_of_the_service_whose_image_it_runs() -> None:
    own: Tree = {"hostname": "www", "mac_address": "06:00:00:00:00:01", "networks": {"default": {"aliases": ["api"]}}}
    services: Tree = {"web": {"image": "app", **own}, "proxy": {"image": "caddy", "networks": {"default": None}}}
    stack = replace(stack_of(services), migrations=Migrations("web", commands={Phase.EXPAND: ("up",)}))
    made = mapping(mapping(render_once(stack, Side.BLUE, making(stack)).tree["services"])["teal-migrate-expand"])
    assert (made["networks"], made["command"]) == ({"default": None}, ["up"])
    assert made.keys().isdisjoint(own.keys() - {"networks"})


@pytest.mark.parametrize(("internal", "mode"), [(True, "none"), (False, "bridge")])
def test_a_one_shot_that_would_meet_nobody_gets_out_only_where_it_could(internal: bool, mode: str) -> None:
    services: Tree = {"migrate": {"image": "app", "networks": {"own": None}}, "proxy": {"image": "caddy"}}
    stack = stack_of(services, networks={"own": {"name": "shop_own", "internal": internal}})
    once = mapping(mapping(render_once(stack, Side.BLUE, making(stack)).tree["services"])["migrate"])
    assert (once.get("network_mode"), once.get("networks")) == (mode, None)


def test_two_files_of_one_name_are_two_copies() -> None:
    mounts = [
        {"type": "bind", "source": f"/srv/shop/{folder}/app.conf", "target": f"/{folder}", "read_only": True}
        for folder in ("a", "b")
    ]
    stack = stack_of(
        {"web": {"image": "app", "volumes": mounts}}, copies=frozenset(f"/srv/shop/{x}/app.conf" for x in "ab")
    )
    assert len({file.name for file in render(stack, Side.BLUE, making(stack)).files}) == 2


def test_an_image_that_is_mounted_is_the_one_of_the_release() -> None:
    mount = {"type": "image", "source": "words:now", "target": "/words", "image": {"subpath": "en"}}
    stack = web(volumes=[mount])
    assert mounted_images(stack) == ("words:now",)
    mounted = {"words:now": "sha256:words"}
    assert service(stack, mounted_images=mounted)["volumes"] == [{**mount, "source": "sha256:words"}]


def test_a_folder_with_a_dollar_is_written_as_compose_reads_it() -> None:
    stack = stack_of({"web": {"image": "app", "secrets": [{"source": "s"}]}}, secrets={"s": {"content": "x"}})
    tree = render(stack, Side.BLUE, making(stack, folder="/srv/$x")).tree
    assert mapping(mapping(tree["secrets"])["s"])["file"] == "/srv/$$x/files/blue-secret-s"


def test_one_shots_meet_the_shared_services_and_are_in_no_color() -> None:
    rendered = render_once(nasty(), Side.GREEN, making(nasty()))
    migrate = mapping(mapping(rendered.tree["services"])["migrate"])
    assert rendered.project == "shop-once"
    assert set(mapping(rendered.tree["services"])) == {"migrate"}
    assert migrate["image"] == "sha256:migrate"
    assert migrate["restart"] == "no"
    assert migrate["networks"] == {"back": None}
    assert "depends_on" not in migrate
    assert "teal.side" not in mapping(migrate["labels"])
    assert mapping(rendered.tree["networks"]) == {"back": {"name": "shop_back", "external": True}}
    assert "migrate-blue" not in mapping(render(nasty(), Side.BLUE, making(nasty())).tree["services"])


def test_the_text_is_read_the_same_by_json_and_yaml_readers() -> None:
    odd = {"a": '😀 \u007f \u0085 \u2028 \ufeff \x00 \t " \\ $$ é'}
    text = to_json(odd)
    assert json.loads(text) == odd
    assert "😀" in text
    assert not set("\u007f\u0085\u2028\ufeff") & set(text)


def test_a_link_to_a_shared_service_under_another_name_leads_to_its_container() -> None:
    services: Tree = {
        "web": {"image": "app", "links": ["db:database", "db", "jobs:work"], "external_links": ["box:other"]},
        "jobs": {"image": "app"},
        "db": {"image": "postgres"},
        "proxy": {"image": "caddy"},
    }
    made = service(stack_of(services))
    assert made["external_links"] == ["box:other", "shop-db-1:database"]
    assert made["links"] == ["jobs-blue:work"]
    named: Tree = {**services, "db": {"image": "postgres", "container_name": "the-db"}}
    assert "the-db:database" in sequence(service(stack_of(named))["external_links"])


def test_where_one_runs_at_a_time_it_keeps_the_ports_that_no_proxy_can_switch() -> None:
    ssh: Tree = {"target": 22, "published": "2222", "protocol": "tcp"}
    ports: list[Tree] = [ssh, {"target": 3000, "published": "80"}, {"target": 53, "protocol": "udp"}]
    assert "ports" not in service(web(ports=ports))
    alone = replace(web(ports=ports), strategy="recreate")
    assert service(alone)["ports"] == [ssh]
    dropped = replace(alone, evidence=replace(alone.evidence, published_ports={"web": "drop"}))
    assert "ports" not in service(dropped)
