"""Which stacks the page shows, and how it calls a command for each."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from teal.cli.wiring import desks
from teal.config.options import Options, Overrides
from teal.errors import TealError

GOLDEN = Path(__file__).parents[2] / "golden" / "1-first"
SHOWN = Overrides()


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state directory with two stacks that have releases, something that is none, and nobody's checkout around."""
    found = tmp_path / "home"
    shutil.copytree(GOLDEN, found)
    (found / "never-deployed").mkdir()
    (found / "a-file").write_text("")
    monkeypatch.setenv("TEAL_HOME", str(found))
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    return found


def test_every_stack_with_a_release_is_shown_from_anywhere(home: Path) -> None:
    assert sorted(desks(Options(), SHOWN, alone=False)) == ["probes", "shop"]


def test_a_stack_is_called_where_it_was_deployed_from_and_by_its_name(home: Path) -> None:
    shop = desks(Options(), SHOWN, alone=False)["shop"]
    assert shop.argv[-2:] == ("--project-name", "shop")
    assert "-P" in shop.argv  # a file of the checkout that is called like a module is not imported
    assert shop.cwd.startswith("/srv/")


def test_the_stack_of_this_folder_comes_first_and_alone_if_that_is_wanted(home: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere" / "compose.yml").write_text("name: forum\nservices: {web: {image: web}}\n")
    assert list(desks(Options(), SHOWN, alone=False)) == ["forum", "probes", "shop"]
    assert list(desks(Options(), SHOWN, alone=True)) == ["forum"]


def test_what_was_asked_for_and_is_not_there_is_no_reason_to_show_others(home: Path) -> None:
    for options, alone in ((Options(), True), (Options(files=("nowhere.yml",)), False)):
        with pytest.raises(TealError):
            desks(options, SHOWN, alone=alone)


def test_what_changed_on_disk_is_seen_by_its_stamp(home: Path) -> None:
    shop = desks(Options(), SHOWN, alone=False)["shop"]
    before, told = shop.stamp(), shop.told()
    assert (shop.stamp(), shop.told()) == (before, told)
    (home / "shop" / "lock").write_text("somebody")
    assert shop.stamp() != before
    (home / "shop" / "runs").mkdir(exist_ok=True)
    (home / "shop" / "runs" / "99.jsonl").write_text("{}\n")
    assert shop.told() != told
