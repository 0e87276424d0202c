"""Kept releases come back as they were, whole or not at all."""

from __future__ import annotations

import json
import stat
from dataclasses import replace
from pathlib import Path

import pytest

from teal.adapters.releases import ReleaseFolders, as_compose_json
from teal.core.release import Release
from teal.core.roles import Assigned, Role
from teal.core.side import Side
from teal.core.stack import Health, HttpProbe, Service, TcpProbe
from teal.errors import Refused, Unavailable
from teal.ports import Kept

SERVICES = (
    Service(
        "web",
        Assigned(Role.ROUTE, "named in compose.blue.yml"),
        image="tale-web",
        builds=True,
        port=3000,
        needed=True,
        health=Health("probe", HttpProbe(3000, "/health"), steady=5.0),
        after={"db": "service_healthy"},
        grace=30.0,
        replicas=2,
    ),
    Service("queue", Assigned(Role.WORKER, "no port"), health=Health("engine", TcpProbe(6379))),
    Service("beat", Assigned(Role.SINGLETON, "its name")),
)


def release(number: int) -> Release:
    networks = {"web": {"tale_default": ("web-blue", "www")}}
    return Release(number, Side.BLUE, 1764000000.5, {"web": "sha256:1"}, SERVICES, "abc", networks)


KEPT = Kept(
    {Side.BLUE: {"name": "tale-blue", "services": {}}, Side.GREEN: {"name": "tale-green", "services": {}}},
    once={"name": "tale-blue", "services": {"migrate": {}}},
    written={"secret": b"\x00\xff"},
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "releases"


@pytest.fixture
def releases(root: Path) -> ReleaseFolders:
    return ReleaseFolders(root)


def with_copies(folder: Path) -> Kept:
    site, entry = folder / "site.conf", folder / "entry"
    site.write_text("listen 80;")
    site.chmod(0o640)
    entry.write_text("#!/bin/sh\n")
    entry.chmod(0o750)
    return replace(KEPT, copied={"nginx/site.conf": str(site), "bin/entry": str(entry)})


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_nothing_is_kept_where_there_is_no_folder(releases):
    assert releases.all() == ()
    assert releases.notes == ()


def test_releases_come_back_as_they_were_the_oldest_first(releases):
    for number in (10, 9, 1):
        releases.keep(release(number), KEPT)
    assert releases.all() == (release(1), release(9), release(10))


def test_renderings_and_files_lie_where_they_are_said_to(releases, root, tmp_path):
    kept = with_copies(tmp_path)
    releases.keep(release(3), kept)
    assert json.loads(Path(releases.rendering(3, Side.GREEN)).read_text()) == KEPT.renderings[Side.GREEN]
    assert json.loads(Path(releases.once(3)).read_text()) == KEPT.once
    assert releases.folder(3) == str(root / "3")
    for path, source in kept.copied.items():
        assert (root / "3/files" / path).read_bytes() == Path(source).read_bytes()
    assert (root / "3/files/secret").read_bytes() == b"\x00\xff"


def test_secrets_are_closed_on_the_host_and_readable_in_containers(releases, root, tmp_path):
    releases.keep(release(3), with_copies(tmp_path))
    folder = root / "3"
    assert mode(folder) == 0o700
    assert {mode(folder / name) for name in ("release.json", "blue.json", "green.json", "once.json")} == {0o600}
    assert (mode(folder / "files"), mode(folder / "files/nginx")) == (0o755, 0o755)
    assert mode(folder / "files/nginx/site.conf") == 0o444
    assert mode(folder / "files/bin/entry") == 0o555
    assert mode(folder / "files/secret") == 0o444


@pytest.mark.parametrize("path", ["../out", "/etc/passwd", "a/../../out", "", ".", "a\0b"])
def test_no_file_leaves_the_release(releases, root, path):
    with pytest.raises(Refused):
        releases.keep(release(3), replace(KEPT, written={path: b""}))
    with pytest.raises(Refused):
        releases.keep(release(3), replace(KEPT, copied={path: "/etc/hostname"}))
    assert not root.exists()


def test_keeping_twice_equals_keeping_once_and_spares_the_logs(releases, root):
    releases.keep(release(3), KEPT)
    log = Path(releases.keep_log(3, "web", "boom\n"))
    releases.keep(release(3), replace(KEPT, written={"other": b"x"}))
    assert log.read_text() == "boom\n"
    assert not (root / "3/files/secret").exists()
    assert releases.all() == (release(3),)
    assert [each.name for each in root.iterdir()] == ["3"]


def test_a_log_alone_is_no_release(releases, root):
    path = Path(releases.keep_log(5, "../web", "last words"))
    assert path == root / "5/logs/web.log"
    assert (mode(path), mode(root / "5")) == (0o600, 0o700)
    assert releases.all() == ()
    assert releases.notes == ()


def test_dropping_twice_equals_dropping_once(releases, root):
    releases.keep(release(3), KEPT)
    releases.drop(3)
    releases.drop(3)
    assert releases.all() == ()
    assert list(root.iterdir()) == []


def test_what_a_killed_command_left_half_written_is_ignored_and_cleaned(releases, root):
    releases.keep(release(1), KEPT)
    (root / "1").rename(root / ".half-2-abcd")
    assert releases.all() == ()
    releases.keep(release(3), KEPT)
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
        lambda text: text.replace('"fingerprint"', '"fingerprunt"'),
        lambda text: text.replace('"route"', '["route"]'),
        _without_number,
    ],
)
def test_garbage_is_passed_over_with_a_note(releases, root, spoil):
    releases.keep(release(2), KEPT)
    releases.keep(release(3), KEPT)
    path = root / "3/release.json"
    path.write_text(spoil(path.read_text()))
    assert releases.all() == (release(2),)
    assert releases.notes[0].startswith("release 3 can't be read and is passed over")


def test_a_release_without_one_shots_has_no_file_for_them(releases):
    releases.keep(release(3), replace(KEPT, once={}))
    assert not Path(releases.once(3)).exists()


def test_a_file_that_is_gone_is_named_and_nothing_is_kept(releases, root):
    with pytest.raises(Unavailable, match="/absent/site.conf"):
        releases.keep(release(3), replace(KEPT, copied={"site.conf": "/absent/site.conf"}))
    assert list(root.iterdir()) == []


def test_a_full_disk_is_unavailable_and_leaves_nothing(releases, root):
    root.write_text("a file where the folder should be")
    with pytest.raises(Unavailable):
        releases.keep(release(1), KEPT)


def test_compose_json_keeps_what_yaml_would_misread(tmp_path):
    odd = {"a": 'emoji \U0001f30d, DEL \x7f, BOM \ufeff, line \u2028, $$ "quoted"\n\t'}
    text = as_compose_json(odd)
    assert json.loads(text) == odd
    assert "\U0001f30d" in text
    assert not set("\x7f\ufeff\u2028") & set(text)
