"""What differs between two releases is said by its keys, never by what they hold, and the dangerous part is named."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from teal.core.model.release import RenderInputs
from teal.core.model.side import Side
from teal.core.model.stack import Stack, Tree
from teal.core.model.units import Moment
from teal.core.planning.leave import definitions
from teal.core.rendering.diff import Compared, Difference, ImageSeen, difference, of_stack
from teal.core.rendering.diff_wording import in_short, services
from teal.core.rendering.project import render_both, render_once
from tests.unit.stacks import making, stack_of

WEB: Tree = {
    "image": "shop-web:1",
    "environment": {"DATABASE_URL": "postgres://u:hunter22@db/x", "SMTP_HOST": "mail"},
    "volumes": [{"type": "volume", "source": "uploads", "target": "/uploads"}],
    "healthcheck": {"test": ["CMD", "true"], "interval": "5s"},
    "extra_hosts": ["idp=10.0.0.7"],
    "labels": {"token": "s3cr3t-label"},
    "command": ["serve", "--key=s3cr3t-word"],
    "user": "1000",
    "mem_limit": "512m",
    "networks": {"default": None},
}
PROXY: Tree = {"image": "caddy:2", "networks": {"default": None}}
IMAGE = ImageSeen("sha256:one", "shop-web:1", Moment(1000.0), "app", "a1b2c3d", healthcheck=False)


def stack(web: Tree, **others: Tree) -> Stack:
    return stack_of({"web": web, "proxy": PROXY, **others}, volumes={"uploads": {"name": "shop_uploads"}})


def compared(
    of: Stack, images: Mapping[str, ImageSeen] | None = None, contents: Mapping[str, str] | None = None
) -> Compared:
    made: RenderInputs = making(of)
    kept = replace(of, definitions=definitions(of, contents or {}))
    return of_stack(kept, render_both(kept, made), render_once(kept, Side.BLUE, made), made.folder, images or {})


def between(before: Tree, after: Tree, **images: ImageSeen) -> Difference:
    seen = [{"web": images[name]} if name in images else {} for name in ("old", "new")]
    return difference(compared(stack(before), seen[0]), compared(stack(after), seen[1]))


def without(key: str) -> Tree:
    return {name: value for name, value in WEB.items() if name != key}


def test_nothing_differs_between_a_stack_and_itself() -> None:
    found = between(WEB, WEB, old=IMAGE, new=IMAGE)
    assert found.changes == ()
    assert found.warnings == ()
    assert in_short(found) == "nothing differs"


def test_another_service_is_no_change_of_those_that_stay() -> None:
    """How often a starting container is asked depends on how many there are: that is Teal's affair."""
    more = compared(stack(WEB, worker={"image": "w", "networks": {"default": None}}))
    found = difference(compared(stack(WEB)), more)
    assert [(each.service, each.what, each.how) for each in found.changes] == [("worker", "service", "added")]


EDITS: list[tuple[str, Any, tuple[str, str, str]]] = [
    (
        "environment",
        {"DATABASE_URL": "postgres://u:hunter23@db/x", "SMTP_HOST": "mail"},
        ("variable", "DATABASE_URL", "changed"),
    ),
    ("environment", {**WEB["environment"], "NEW": "s3cr3t-new"}, ("variable", "NEW", "added")),  # type: ignore[dict-item]
    (
        "volumes",
        [{"type": "volume", "source": "uploads", "target": "/uploads", "read_only": True}],
        ("mount", "/uploads", "changed"),
    ),
    ("healthcheck", {"test": ["CMD", "false"], "interval": "5s"}, ("healthcheck", "", "changed")),
    ("extra_hosts", ["idp=10.0.0.8"], ("extra-host", "idp", "changed")),
    ("labels", {"token": "s3cr3t-other"}, ("label", "token", "changed")),
    ("command", ["serve", "--key=s3cr3t-next"], ("command", "command", "changed")),
    ("mem_limit", "1g", ("limit", "mem_limit", "changed")),
    ("working_dir", "/app", ("option", "working_dir", "added")),
    ("expose", ["9000"], ("port", "9000", "added")),
]


@pytest.mark.parametrize(("key", "value", "expected"), EDITS)
def test_an_edit_is_told_by_its_key_and_no_value_is_shown(key: str, value: Any, expected: tuple[str, str, str]) -> None:
    found = between(WEB, {**WEB, key: value})
    assert [(each.what, each.key, each.how) for each in found.changes] == [expected]
    said = msgspec.json.encode(found).decode() + in_short(found) + str(services(found))
    for secret in ("hunter2", "s3cr3t", "postgres:"):
        assert secret not in said


GONE = [
    (
        "environment",
        {"DATABASE_URL": WEB["environment"]["DATABASE_URL"]},
        "variable",
        "web: the variable SMTP_HOST is gone",
    ),  # type: ignore[index]
    ("volumes", None, "mount", "web: the mount at /uploads is gone"),
    ("extra_hosts", None, "extra-host", "web: extra_hosts names idp no more"),
    ("healthcheck", None, "healthcheck", "web: its healthcheck is gone"),
    ("healthcheck", {"disable": True}, "healthcheck", "web: its healthcheck is gone"),
    ("user", None, "root", "web: it would run as root, and does not today"),
    ("user", "0:0", "root", "web: it would run as root, and does not today"),
]


@pytest.mark.parametrize(("key", "value", "kind", "text"), GONE)
def test_what_has_taken_users_down_elsewhere_is_a_warning(key: str, value: Any, kind: str, text: str) -> None:
    after = {**WEB, key: value} if value is not None else without(key)
    root = ImageSeen("sha256:one", "shop-web:1", Moment(1000.0))
    found = between(WEB, after, old=root, new=root)
    assert [(each.kind, each.said) for each in found.warnings] == [(kind, text)]


def test_a_healthcheck_or_user_of_the_image_counts() -> None:
    own = ImageSeen("sha256:one", "shop-web:1", Moment(1000.0), "app", healthcheck=True)
    after = {name: value for name, value in WEB.items() if name not in {"healthcheck", "user"}}
    assert between(WEB, after, old=own, new=own).warnings == ()
    assert {each.kind for each in between(after, after, old=own, new=IMAGE_OF_ROOT).warnings} == {
        "healthcheck",
        "root",
        "older-image",
    }


IMAGE_OF_ROOT = ImageSeen("sha256:two", "shop-web:1", Moment(900.0))


def test_without_the_image_nothing_is_claimed_of_it() -> None:
    after = {name: value for name, value in WEB.items() if name not in {"healthcheck", "user"}}
    found = between(WEB, after, old=IMAGE)
    assert found.warnings == ()
    assert found.unknown == ("web",)


def test_an_older_image_is_a_warning_and_a_newer_one_is_none() -> None:
    newer = ImageSeen("sha256:two", "shop-web:2", Moment(2000.0), "app", "b2c3d4e")
    assert between(WEB, WEB, old=IMAGE, new=newer).warnings == ()
    back = between(WEB, WEB, old=newer, new=IMAGE)
    assert [each.kind for each in back.warnings] == ["older-image"]
    assert services(back) == {
        "web": (
            "image: shop-web:2 (two, of 1970-01-01 00:33 UTC, source b2c3d4e)"
            " → shop-web:1 (one, of 1970-01-01 00:16 UTC, source a1b2c3d)",
        )
    }


def test_a_published_port_and_a_file_that_go_are_known_from_what_a_release_keeps() -> None:
    bind = {"type": "bind", "source": "/srv/shop/app.toml", "target": "/app.toml", "read_only": True}
    port = {"target": 3000, "published": "8080", "mode": "ingress"}
    old = stack({**WEB, "ports": [port], "volumes": [bind]})
    before = compared(old, contents={"/srv/shop/app.toml": "aaaa"})
    edited = compared(old, contents={"/srv/shop/app.toml": "bbbb"})
    assert [(each.what, each.key, each.how) for each in difference(before, edited).changes] == [
        ("file", "app.toml", "changed")
    ]
    found = difference(before, compared(stack({**WEB, "volumes": [bind]}), contents={"/srv/shop/app.toml": "aaaa"}))
    assert [each.said for each in found.warnings] == ["web: the port that it published is gone"]


def test_a_service_that_goes_is_told_once() -> None:
    worker: Tree = {"image": "w", "networks": {"default": None}, "environment": {"A": "b"}}
    found = difference(compared(stack(WEB, worker=worker)), compared(stack(WEB)))
    assert in_short(found) == "worker: gone (was worker)"
    assert found.warnings == ()
