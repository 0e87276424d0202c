"""Which files of an image are kept, and for how long."""

from __future__ import annotations

import pytest

from teal.core.model.assets import KEPT_BYTES, KEPT_SECONDS, KeptRelease, expired, is_hashed, place_of
from teal.core.model.units import Moment, ReleaseId

HASHED = (
    *("app-BdX3k9qL.js", "main.2f3a4b5c.css", "chunk-vendors.8f3c1a2b.js", "app.5d41402abc4b.css", "index-D_x2-9aB.js"),
    *("static/chunks/pages/_app-0123456789abcdef.js", "static/V8x2kLm9QrStUv/_buildManifest.js", "logo-BdXkQqLm.svg"),
)
PLAIN = (
    "app.js",
    "bootstrap.min.css",
    "fonts/OpenSans-Regular.woff2",
    "favicon.ico",
    "manifest.json",
    "robots.txt",
    "v2/x",
)


@pytest.mark.parametrize("name", HASHED)
def test_a_name_with_a_hash_never_means_another_content(name: str) -> None:
    assert is_hashed(name)


@pytest.mark.parametrize("name", PLAIN)
def test_a_word_is_no_hash(name: str) -> None:
    assert not is_hashed(name)


@pytest.mark.parametrize(
    ("name", "place"),
    [
        ("./a/b.js", "a/b.js"),
        ("a//b", "a/b"),
        ("../x", ""),
        ("a/../../x", ""),
        (".", ""),
        ("/etc/passwd", "etc/passwd"),
    ],
)
def test_no_entry_of_an_archive_leads_out_of_its_folder(name: str, place: str) -> None:
    assert place_of(name) == place


def kept(number: int, days: float, size: int = 1) -> KeptRelease:
    return KeptRelease(ReleaseId(number), Moment(1e9 - days * 86400), size)


def test_five_releases_stay_and_all_that_are_younger_than_a_fortnight() -> None:
    old = [kept(number, 100 - number) for number in range(1, 9)]
    assert expired(old, Moment(1e9)) == (1, 2, 3)
    young = [kept(number, 10 - number) for number in range(1, 9)]
    assert expired(young, Moment(1e9)) == ()
    assert expired([kept(1, KEPT_SECONDS), *young], Moment(1e9)) == (1,)


def test_what_is_too_much_goes_from_the_oldest_on_but_the_newest_stays() -> None:
    assert expired([kept(1, 3, KEPT_BYTES // 2), kept(2, 2, KEPT_BYTES // 2), kept(3, 1, 5)], Moment(1e9)) == (1,)
    assert expired([kept(7, 1, KEPT_BYTES * 3)], Moment(1e9)) == ()
