"""Pages of an older release work on: what they ask for goes where they came from, and its files stay served.

One stack, in the order of the file.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.engine.leaf import STAYS, Leaf, opened_leaf

pytestmark = [pytest.mark.engine, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def leaf(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Leaf]:
    with opened_leaf(tmp_path_factory.mktemp("leaf")) as found:
        yield found


def test_pages_stay_on_their_release_and_nobody_meets_another(leaf: Leaf) -> None:
    """With a window that is longer than anybody stays on a page: nothing is wrong. Without: something is."""
    leaf.said("pages: 5s\n")
    leaf.make()
    leaf.teal.run("deploy")
    with leaf.browsers(20) as met:
        time.sleep(1)
        leaf.make()
        began = time.monotonic()
        leaf.teal.run("deploy")
        assert time.monotonic() - began > 5
        time.sleep(STAYS)
    assert met.asked > 200
    assert met.wrong == {}
    state = (leaf.teal.home / leaf.stack.project / "proxy" / "state").read_text()
    assert state in {f"blue.{leaf.made}", f"green.{leaf.made}"}
    leaf.said("")
    with leaf.browsers(20) as met:
        time.sleep(1)
        leaf.make()
        leaf.teal.run("deploy")
        time.sleep(STAYS)
    assert met.wrong["chunk"] + met.wrong["interface"] > 0


def test_files_of_older_releases_stay_served_and_the_application_s_own_answers_are_its_own(leaf: Leaf) -> None:
    said = "assets:\n  web:\n    /assets/: /app/dist/assets\n    /strict/assets/: /app/dist/assets\n"
    leaf.said(said)
    first = leaf.make()
    leaf.teal.run("deploy")
    for _ in range(3):
        leaf.make()
        leaf.teal.run("deploy")
        for place in ("/assets", "/strict/assets"):  # an application that answers with its page, and one with 404
            got = leaf.stack.get(f"{place}/{leaf.chunk(first)}")
            assert (got.status_code, got.text) == (200, f"// lazy of {first}\n")
            assert "javascript" in got.headers["content-type"]
            head = leaf.stack.get(f"{place}/{leaf.chunk(first)}", headers={"Range": "bytes=3-6"})
            assert head.text == "lazy"
    unknown = leaf.stack.get("/strict/assets/nobody-0a1b2c3d.js")
    assert (unknown.status_code, unknown.text) == (404, "the application does not have it")
    page = leaf.stack.get("/assets/nobody-0a1b2c3d.js")
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert f'data-release="{leaf.made}"' in page.text
    posted = leaf.stack.post(f"/strict/assets/{leaf.chunk(first)}", content=b"x")
    assert (posted.status_code, posted.text) == (404, "posted to the application")
    for way in ("..%2f..%2fstate", "%2e%2e/%2e%2e/state", "..;/state", "../.kept"):
        assert leaf.stack.get(f"/strict/assets/{way}").status_code == 404


def test_what_was_copied_is_what_the_image_has_and_the_image_is_not_touched(leaf: Leaf) -> None:
    store = leaf.teal.home / leaf.stack.project / "proxy" / "assets"
    chunk = leaf.chunk(leaf.made)
    inside = leaf.stack.docker("run", "--rm", leaf.stack.project, "sha256sum", f"/app/dist/assets/{chunk}").split()[0]
    assert hashlib.sha256((store / "web" / "assets" / chunk).read_bytes()).hexdigest() == inside
    assert (store / ".kept" / str(_newest(store)) / "web" / "assets" / chunk).samefile(store / "web" / "assets" / chunk)
    assert not leaf.stack.docker("ps", "--all", "--quiet", "--filter", "label=teal.assets")
    assert leaf.teal.run("check").status == 0


def _newest(store: Path) -> int:
    return max(int(each.name) for each in (store / ".kept").iterdir())


def test_a_folder_that_the_image_has_not_is_told_and_stops_no_deploy(leaf: Leaf) -> None:
    leaf.said("assets: {web: {/assets/: /app/build}}\n")
    leaf.make()
    done = leaf.teal.run("deploy")
    assert done.status == 0
    assert "assets of web: the image has no folder /app/build" in done.told
