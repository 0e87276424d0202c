"""What leave would change for users: images come back to their names, all else that today's files change is named."""

from __future__ import annotations

from dataclasses import replace

import pytest

from teal.core.model.release import Release, snapshot
from teal.core.model.side import Side
from teal.core.model.stack import Assigned, Role, Service, Stack, Tree
from teal.core.planning.leave import changed_by_leaving, definitions, named, own_names

WEB: Tree = {
    "image": "shop-web",
    "build": {"context": "."},
    "environment": {"KEY": "s3cret", "LEVEL": "1"},
    "command": ["serve"],
    "secrets": [{"source": "key"}],
    "volumes": [
        {"type": "bind", "source": "/srv/shop/web.toml", "target": "/web.toml", "read_only": True},
        {"type": "image", "source": "data:now", "target": "/data"},
    ],
}
SQL: Tree = {"image": "shop-web"}


def service(name: str, role: Role, image: str) -> Service:
    return Service(name, Assigned(role, "said so"), image=image)


def stack(model_of_web: Tree = WEB, *, contents: str = "1", fingerprint: str = "now", **images: str) -> Stack:
    services = (
        service("web", Role.ROUTE, images.get("web", "shop-web")),
        service("queue", Role.WORKER, images.get("queue", "redis:8")),
        service("migrate", Role.ONE_SHOT, "shop-web:latest"),
    )
    model: Tree = {
        "services": {"web": model_of_web, "queue": {"image": images.get("queue", "redis:8")}, "migrate": SQL},
        "secrets": {"key": {"content": "hush"}},
    }
    made = Stack("shop", "/srv/shop", (), dict.fromkeys(Side, model), services, "proxy", fingerprint=fingerprint)
    return replace(made, definitions=definitions(made, {"/srv/shop/web.toml": contents}))


IDS = {"web": "sha256:web", "queue": "sha256:queue", "migrate": "sha256:web"}


def release(of: Stack) -> Release:
    return Release(
        3,
        Side.BLUE,
        5.0,
        IDS,
        of.rotating,
        fingerprint="then",
        definitions=of.definitions,
        stack=snapshot(of),
        mounted_images={"data:now": "sha256:data"},
    )


@pytest.mark.parametrize(
    ("now", "said"),
    [
        pytest.param(stack(), (), id="nothing that a container is made of"),
        pytest.param(stack({**WEB, "build": {"context": "other"}}), (), id="another build: its image is put back"),
        pytest.param(
            stack({**WEB, "command": ["x"], "environment": {"LEVEL": "2", "NEW": ""}}),
            ("web: command, environment KEY, environment LEVEL, environment NEW",),
            id="command and environment",
        ),
        pytest.param(stack(contents="2"), ("web: file web.toml",), id="a file that is copied"),
        pytest.param(stack(queue="redis:9"), ("queue: image redis:8 → redis:9",), id="another version's tag"),
        pytest.param(stack(web="shop-web:latest"), (), id="the same name, written otherwise"),
        pytest.param(stack(fingerprint="then", contents="2"), (), id="the very files"),
    ],
)
def test_what_todays_files_change_is_named_by_service_and_key_and_no_value_is_said(
    now: Stack, said: tuple[str, ...]
) -> None:
    assert changed_by_leaving(release(stack()), 3, now) == said


def test_services_that_come_go_or_change_their_role_are_named() -> None:
    before, now = stack(), stack()
    shared = replace(now, services=(now.services[0], service("queue", Role.SHARED, "redis:8")))
    assert changed_by_leaving(release(before), 3, shared) == (
        "queue is shared in today's files: leave does not start it",
    )
    gone = replace(now, services=now.services[:1])
    assert changed_by_leaving(release(before), 3, gone) == ("queue is not in today's files: it would not run any more",)
    alone = replace(release(before), services=before.services[:1])
    assert changed_by_leaving(alone, 3, now) == ("queue is not in the release: it would be new",)


def test_a_release_of_which_too_little_is_known_is_a_difference() -> None:
    assert "release 3 is not kept" in changed_by_leaving(None, 3, stack())[0]
    old = replace(release(stack()), definitions={})
    assert "kept by an older Teal" in changed_by_leaving(old, 3, stack())[0]
    assert changed_by_leaving(old, 3, stack(fingerprint="then")) == ()


def test_digests_hide_what_they_are_of() -> None:
    assert "s3cret" not in repr(stack().definitions)
    assert "hush" not in repr(stack().definitions)


def test_images_come_back_to_the_names_that_mean_the_same_in_both() -> None:
    kept = release(stack())
    own = {"shop-web:latest": "sha256:web", "redis:8": "sha256:queue", "data:now": "sha256:data"}
    assert own_names(kept, stack()) == own
    assert "redis:9" not in own_names(kept, stack(queue="redis:9"))
    pinned = "redis@sha256:0123"
    assert own_names(release(stack(queue=pinned)), stack(queue=pinned)) == {
        k: v for k, v in own.items() if k != "redis:8"
    }


@pytest.mark.parametrize(
    ("written", "full"),
    [
        ("web", "web:latest"),
        ("web:1", "web:1"),
        ("box:5000/web", "box:5000/web:latest"),
        ("box:5000/web:1", "box:5000/web:1"),
        ("web@sha256:12", "web@sha256:12"),
    ],
)
def test_a_name_without_a_tag_means_latest(written: str, full: str) -> None:
    assert named(written) == full
