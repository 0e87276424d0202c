"""Kept releases come back as they were, whole or not at all."""

from __future__ import annotations

import json
import os
import stat
from pathlib import Path

import pytest

from teal.adapters.state.releases import ReleaseFolders
from teal.core.model.release import Release, ReleaseFile, Rendered, RequiredVolume
from teal.core.model.side import Side
from teal.core.model.stack import Assigned, Health, HttpProbe, Role, Service, TcpProbe
from teal.errors import NewerFormat, Refused, Unavailable

SERVICES = (
    Service(
        "web",
        Assigned(Role.ROUTE, "named in compose.blue.yml"),
        image="tale-web",
        builds=True,
        port=3000,
        required_by_routes=True,
        health=Health("probe", HttpProbe(3000, "/health"), min_healthy_time=5.0),
        depends_on={"db": "service_healthy"},
        grace=30.0,
        replicas=2,
    ),
    Service("queue", Assigned(Role.WORKER, "no port"), health=Health("engine", TcpProbe(6379))),
    Service("beat", Assigned(Role.SINGLETON, "its name")),
)


def release(number: int) -> Release:
    meets = {"web": {"tale_default": ("web-blue", "www")}}
    volumes = (RequiredVolume("tale_media", "media", external=False, driver="local", options={"type": "tmpfs"}),)
    return Release(number, Side.BLUE, 1764000000.5, {"web": "sha256:1"}, SERVICES, "abc", meets, volumes)


def rendered(name: str, *files: ReleaseFile) -> Rendered:
    return Rendered(f"tale-{name}", Side.BLUE, {"name": f"tale-{name}", "services": {}}, files, (), {})


def keep(releases: ReleaseFolders, number: int, *files: ReleaseFile) -> None:
    colors = {side: rendered(side, *files) for side in (Side.BLUE, Side.GREEN)}
    releases.keep(release(number), colors, rendered("once", *files[:1]))


@pytest.fixture
def files(tmp_path: Path) -> tuple[ReleaseFile, ...]:
    entry, site = tmp_path / "entry", tmp_path / "site.conf"
    entry.write_bytes(b"#!/bin/sh\nexec web\n")
    entry.chmod(0o755)
    site.write_bytes(b"listen 80;\xff")
    site.chmod(0o600)
    return (
        ReleaseFile("nginx/site.conf", source=str(site)),
        ReleaseFile("bin/entry", source=str(entry)),
        ReleaseFile("blue-secret-token", content="héllo\n"),
    )


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "releases"


@pytest.fixture
def releases(root: Path) -> ReleaseFolders:
    return ReleaseFolders(root)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nothing_is_kept_where_there_is_no_folder(releases):
    assert releases.all() == ()
    assert releases.notes == ()


def test_releases_come_back_as_they_were_the_oldest_first(releases):
    for number in (10, 9, 1):
        keep(releases, number)
    assert releases.all() == (release(1), release(9), release(10))


def test_renderings_and_files_lie_where_they_are_said_to(releases, root, files):
    keep(releases, 3, *files)
    assert json.loads(Path(releases.rendering(3, Side.GREEN)).read_text())["name"] == "tale-green"
    assert json.loads(Path(releases.once(3)).read_text())["name"] == "tale-once"
    assert releases.folder(3) == str(root / "3")
    assert (root / "3/files/nginx/site.conf").read_bytes() == b"listen 80;\xff"
    assert (root / "3/files/blue-secret-token").read_text() == "héllo\n"


def test_secrets_are_closed_on_the_host_and_keep_their_own_mode_in_containers(releases, root, files):
    keep(releases, 3, *files)
    folder = root / "3"
    assert mode(folder) == 0o700
    assert {mode(folder / name) for name in ("release.json", "blue.json", "green.json", "once.json")} == {0o600}
    assert (mode(folder / "files"), mode(folder / "files/nginx")) == (0o755, 0o755)
    assert mode(folder / "files/nginx/site.conf") == 0o600
    assert mode(folder / "files/bin/entry") == 0o755
    assert mode(folder / "files/blue-secret-token") == 0o444


def test_what_is_given_by_value_has_the_owner_and_mode_that_are_asked_for(releases, root):
    keep(releases, 3, ReleaseFile("key", content="x", uid=os.getuid(), gid=os.getgid(), mode=0o400))
    found = (root / "3/files/key").stat()
    assert (found.st_uid, found.st_gid, stat.S_IMODE(found.st_mode)) == (os.getuid(), os.getgid(), 0o400)


def test_what_only_root_could_give_to_somebody_is_readable_for_all(releases, root, files, monkeypatch):
    def denied(*_: object) -> None:
        raise PermissionError

    monkeypatch.setattr(os, "chown", denied)
    keep(releases, 3, *files, ReleaseFile("key", content="x", uid=4711, gid=4711, mode=0o400))
    assert [mode(root / "3/files" / name) for name in ("key", "nginx/site.conf", "bin/entry")] == [0o444, 0o644, 0o755]


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "a/../../out", "", ".", "a\0b"])
def test_no_file_leaves_the_release(releases, root, path):
    with pytest.raises(Refused):
        keep(releases, 3, ReleaseFile(path, content="x"))
    assert not root.exists()


def test_keeping_twice_equals_keeping_once_and_spares_the_logs(releases, root, files):
    keep(releases, 3, *files)
    log = Path(releases.keep_log(3, "web", "boom\n"))
    keep(releases, 3, ReleaseFile("other", content="x"))
    assert log.read_text() == "boom\n"
    assert not (root / "3/files/blue-secret-token").exists()
    assert releases.all() == (release(3),)
    assert [each.name for each in root.iterdir()] == ["3"]


def test_a_log_alone_is_no_release(releases, root):
    path = Path(releases.keep_log(5, "../web", "last words"))
    assert path == root / "5/logs/web.log"
    assert (mode(path), mode(root / "5")) == (0o600, 0o700)
    assert releases.all() == ()
    assert releases.notes == ()


def test_dropping_twice_equals_dropping_once(releases, root, files):
    keep(releases, 3, *files)
    releases.drop(3)
    releases.drop(3)
    assert releases.all() == ()
    assert list(root.iterdir()) == []


def test_what_a_killed_command_left_half_written_is_ignored_and_cleaned(releases, root):
    keep(releases, 1)
    (root / "1").rename(root / ".half-2-abcd")
    assert releases.all() == ()
    keep(releases, 3)
    assert [each.name for each in root.iterdir()] == ["3"]


def _without_number(text: str) -> str:
    return json.dumps({**json.loads(text), "number": "three"})


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: "",
        lambda _: "nonsense",
        lambda _: "[" * 100_000,
        lambda _: "[]",
        lambda text: text[: len(text) // 2],
        lambda text: text.replace('"blue"', '"mauve"'),
        lambda text: text.replace('"number": 3', '"number": 4'),
        lambda text: text.replace('"route"', '["route"]'),
        _without_number,
    ],
)
def test_garbage_is_passed_over_with_a_note(releases, root, spoil):
    keep(releases, 2)
    keep(releases, 3)
    path = root / "3/release.json"
    path.write_text(spoil(path.read_text()))
    assert releases.all() == (release(2),)
    assert releases.notes[0].startswith("release 3 can't be read and is skipped")


def test_a_key_that_is_not_known_is_passed_over(releases, root):
    keep(releases, 3)
    path = root / "3/release.json"
    written = json.loads(path.read_text())
    written["services"][0]["mood"] = written["mood"] = {"fine": True}
    path.write_text(json.dumps(written))
    assert releases.all() == (release(3),)
    assert releases.notes == ()


def test_a_newer_format_is_refused_by_its_number(releases, root):
    keep(releases, 3)
    path = root / "3/release.json"
    path.write_text(path.read_text().replace('"format": 1', '"format": 8'))
    with pytest.raises(NewerFormat, match=r"release\.json has format 8, written by a newer Teal"):
        releases.all()


def test_a_full_disk_is_unavailable_and_leaves_nothing(releases, root):
    root.write_text("a file where the folder should be")
    with pytest.raises(Unavailable):
        keep(releases, 1)
