"""The state directory is made once and never made anew."""

from __future__ import annotations

import os
import pwd
import stat
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from teal.adapters.state.directory import Home
from teal.errors import Refused


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_prepare_makes_what_is_missing_whatever_the_umask(tmp_path):
    home = Home(tmp_path / "teal", "tale")
    before = os.umask(0o077)
    try:
        home.prepare()
    finally:
        os.umask(before)
    assert (mode(home.folder), mode(home.proxy), mode(home.releases)) == (0o755, 0o755, 0o700)
    assert home.folder == tmp_path / "teal" / "tale"
    assert home.missing() == ""


def test_the_directory_that_the_proxy_mounts_stays_the_same(tmp_path):
    home = Home(tmp_path, "tale")
    home.proxy.mkdir(parents=True, mode=0o700)
    inode = home.proxy.stat().st_ino
    home.prepare()
    home.prepare()
    assert home.proxy.stat().st_ino == inode
    assert mode(home.proxy) == 0o700


def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "tale").write_text("")
    with pytest.raises(Refused):
        Home(tmp_path, "tale").prepare()


CLOSED = """
import os, sys
from pathlib import Path
from teal.adapters.state.directory import Home
from teal.errors import Refused
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
os.environ.pop("SUDO_USER", None)
home = Home(Path(sys.argv[1]), "tale")
print(home.missing())
try:
    home.prepare()
except Refused as refused:
    print(refused.message)
    print(refused.hint)
"""


INSTALL = "sudo install -d -o nobody -m 0755 {root}/tale {root}/tale/proxy"


@pytest.mark.parametrize(
    ("there", "wanted"),
    [
        ((), INSTALL),
        (("tale/proxy",), INSTALL),
        (("tale/proxy", "tale/releases"), "sudo chown -R nobody {root}/tale"),
    ],
    ids=["nothing-there", "proxy-made-by-the-engine", "another-user-has-deployed"],
)
def test_a_user_without_permission_gets_the_one_command(there, wanted):
    with tempfile.TemporaryDirectory(prefix="teal-home-") as name:
        root = Path(name)
        for each in there:
            (root / each).mkdir(parents=True)
        for folder in (*root.rglob("*"), root):
            folder.chmod(0o555)
        try:
            argv = [sys.executable, "-c", CLOSED, name]
            lines = subprocess.run(argv, capture_output=True, text=True, check=True).stdout.splitlines()
        finally:
            for folder in (root, *root.rglob("*")):
                folder.chmod(0o755)
        command, message, hint = lines
        user = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        assert command == wanted.format(root=root).replace("nobody", user)
        assert "not writable" in message
        assert hint == f"prepare it once: {command}"


@pytest.mark.parametrize("name", ["", "proxy", "releases"])
def test_a_place_that_everybody_may_write_to_is_refused_with_the_way_out(tmp_path, name):
    home = Home(tmp_path, "tale")
    home.prepare()
    place = home.folder / name
    place.chmod(0o777)
    with pytest.raises(Refused, match="everybody may write") as refused:
        home.prepare()
    assert refused.value.hint == f"run: sudo chmod o-w {place}"
    assert home.missing() == refused.value.hint
    place.chmod(0o755)
    home.prepare()


@pytest.mark.parametrize("name", ["proxy", "releases", "lock", "journal.db"])
def test_a_link_out_of_the_state_directory_is_refused(tmp_path, name):
    home = Home(tmp_path / "home", "tale")
    home.prepare()
    place, outside = home.folder / name, tmp_path / "outside"
    if place.is_dir():
        place.rmdir()
        outside.mkdir()
    else:
        outside.write_text("precious")
    place.symlink_to(outside)
    with pytest.raises(Refused, match="is a symbolic link"):
        home.prepare()
    assert not outside.is_file() or outside.read_text() == "precious"


def test_root_does_not_trust_a_directory_of_somebody_else_unless_they_called_sudo(tmp_path, monkeypatch):
    home = Home(tmp_path, "tale")
    home.prepare()
    if os.geteuid() == 0:
        os.chown(home.folder, 65534, 65534)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.delenv("SUDO_UID", raising=False)
    with pytest.raises(Refused, match="who is neither root nor you"):
        home.prepare()
    monkeypatch.setenv("SUDO_UID", str(home.folder.stat().st_uid))
    home.folder.chmod(0o755)
    home.prepare()
