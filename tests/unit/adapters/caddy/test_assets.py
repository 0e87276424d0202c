"""Files of releases below the proxy's directory: alike ones once, bounded, and nothing but plain files."""

from __future__ import annotations

import asyncio
import io
import os
import tarfile
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from teal.adapters.caddy import assets as store_module
from teal.adapters.caddy.assets import AssetStore
from teal.core.model.assets import Assets, KeptAssets
from teal.core.model.units import Moment, ReleaseId
from teal.errors import Unavailable

WEB = Assets("web", "/assets/", "/app/dist/assets")
ALL = Assets("web", "/assets/", "/app/dist/assets", everything=True)


def archive(files: Mapping[str, bytes], *odd: tarfile.TarInfo) -> bytes:
    spool = io.BytesIO()
    with tarfile.open(fileobj=spool, mode="w") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for member in odd:
            tar.addfile(member)
    return spool.getvalue()


def keep(folder: Path, number: int, content: bytes, assets: Assets = WEB) -> KeptAssets:
    async def pieces() -> AsyncIterator[bytes]:
        for at in range(0, len(content), 5000):
            yield content[at : at + 5000]

    return asyncio.run(AssetStore(folder).keep(ReleaseId(number), assets, pieces()))


def served(folder: Path) -> dict[str, bytes]:
    root = folder / "assets" / "web"
    return {str(each.relative_to(root)): each.read_bytes() for each in root.rglob("*") if each.is_file()}


def test_files_of_two_releases_are_served_and_what_they_share_lies_there_once(tmp_path: Path) -> None:
    first = keep(
        tmp_path, 1, archive({"./lazy-0a1b2c3d.js": b"one", "./vendor.99aabbcc.js": b"same", "./app.js": b"x"})
    )
    again = keep(tmp_path, 2, archive({"./lazy-4e5f6071.js": b"two", "./vendor.99aabbcc.js": b"same"}))
    assert (first, again) == (KeptAssets(2, 2, 7), KeptAssets(2, 1, 3))
    assert served(tmp_path) == {
        "assets/lazy-0a1b2c3d.js": b"one",
        "assets/lazy-4e5f6071.js": b"two",
        "assets/vendor.99aabbcc.js": b"same",
    }
    inodes = {each.stat().st_ino for each in (tmp_path / "assets").rglob("vendor*")}
    assert len(inodes) == 1


def test_the_same_release_kept_twice_is_as_it_was(tmp_path: Path) -> None:
    for _ in range(2):
        keep(tmp_path, 1, archive({"./lazy-0a1b2c3d.js": b"one"}))
    assert served(tmp_path) == {"assets/lazy-0a1b2c3d.js": b"one"}


def test_with_all_a_name_without_a_hash_means_the_newest_content(tmp_path: Path) -> None:
    keep(tmp_path, 1, archive({"./app.js": b"one"}), ALL)
    keep(tmp_path, 2, archive({"./app.js": b"two"}), ALL)
    assert served(tmp_path) == {"assets/app.js": b"two"}


def test_links_devices_and_ways_out_are_left_out(tmp_path: Path) -> None:
    link, device, out = (tarfile.TarInfo(name) for name in ("./l-0a1b2c3d", "./d-0a1b2c3d", "../../out-0a1b2c3d"))
    link.type, link.linkname, device.type = tarfile.SYMTYPE, "/etc/passwd", tarfile.CHRTYPE
    found = keep(tmp_path, 1, archive({"../../state-0a1b2c3d": b"blue", "./ok-0a1b2c3d.js": b"x"}, link, device, out))
    assert found.files == 1
    assert served(tmp_path) == {"assets/ok-0a1b2c3d.js": b"x"}
    assert not (tmp_path / "state-0a1b2c3d").exists()


def test_what_is_kept_is_bounded_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_module, "MOST_FILES", 10)
    found = keep(tmp_path, 1, archive({f"./{number:08x}.js": b"x" for number in range(30)}))
    assert (found.files, found.cut) == (10, True)
    monkeypatch.setattr(store_module, "KEPT_BYTES", 50_000)
    found = keep(tmp_path, 2, archive({f"./{number:08x}.css": b"y" * 15_000 for number in range(5)}))
    assert (found.files, found.cut) == (3, True)


def test_what_no_release_has_any_more_is_removed(tmp_path: Path) -> None:
    names = ["0a1b2c3d", "1a1b2c3d", "2a1b2c3d", "3a1b2c3d", "4a1b2c3d", "5a1b2c3d"]
    for number, name in enumerate(names, 1):
        keep(tmp_path, number, archive({f"./deep/lazy-{name}.js": name.encode(), "./shared-99aabbcc.js": b"same"}))
        os.utime(tmp_path / "assets" / ".kept" / str(number), (number, number))
    assert AssetStore(tmp_path).prune(Moment(1e9)) == (1,)
    assert set(served(tmp_path)) == {
        "assets/shared-99aabbcc.js",
        *(f"assets/deep/lazy-{name}.js" for name in names[1:]),
    }
    assert AssetStore(tmp_path).prune(Moment(1e9)) == ()


def test_a_full_disk_is_an_error_and_no_crash(tmp_path: Path) -> None:
    (tmp_path / "assets").write_bytes(b"a file in the way")
    with pytest.raises(Unavailable, match="can't be kept"):
        keep(tmp_path, 1, archive({"./lazy-0a1b2c3d.js": b"one"}))


def test_five_thousand_files_take_little_time(tmp_path: Path) -> None:
    content = archive({f"./{number % 50}/{number:08x}.js": b"x" * 2000 for number in range(5000)})
    assert keep(tmp_path, 1, content).files == 5000
