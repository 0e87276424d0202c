"""What the owner calls a mount is understood, as the files and as Teal name it."""

from __future__ import annotations

import pytest

from teal.core.model.stack import Tree
from teal.core.services.safe_volumes import declared, known_names

MODEL: Tree = {
    "services": {
        "web": {
            "volumes": [
                {"type": "bind", "source": "/srv/shop/state/web/media", "target": "/srv/pictures"},
                {"type": "volume", "source": "index", "target": "/data"},
            ]
        },
        "mail": {"volumes": [{"type": "bind", "source": "/srv/shop/state/mail/media", "target": "/data"}]},
    },
    "volumes": {"index": {"name": "shop_index"}, "unused": {"name": "shop_unused"}},
}
PICTURES = ("web", "/srv/pictures")


@pytest.mark.parametrize(
    ("entry", "meant"),
    [
        ("/srv/pictures", {PICTURES}),
        ("/srv/pictures/", {PICTURES}),
        ("/srv/shop/state/web/media", {PICTURES}),
        ("state/web/media", {PICTURES}),
        ("./state/web/media/", {PICTURES}),
        ("pictures", {PICTURES}),
        ("web:/data", {("web", "/data")}),
        ("index", {("web", "/data")}),
        ("shop_index", {("web", "/data")}),
        ("/data", {("web", "/data"), ("mail", "/data")}),
    ],
)
def test_every_name_of_a_mount_is_accepted(entry: str, meant: set[tuple[str, str]]) -> None:
    assert declared([entry], [MODEL], "/srv/shop") == (frozenset(meant), ())


@pytest.mark.parametrize("entry", ["media", "data", "picture", "web", "/srv"])
def test_what_means_nothing_or_more_than_one_place_is_told(entry: str) -> None:
    assert declared([entry], [MODEL], "/srv/shop") == (frozenset(), (entry,))
    assert "state/web/media" in known_names([MODEL], "/srv/shop")


def test_a_volume_that_nobody_mounts_is_one_all_the_same() -> None:
    assert declared(["unused"], [MODEL], "/srv/shop") == (frozenset(), ())
