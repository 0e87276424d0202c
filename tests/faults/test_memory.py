"""A machine whose memory is nearly used up, as Teal's process alone sees it: the preflight says so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.engine.teal import TEAL
from tests.faults.world import QUICK, World

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.row("memory")]
LEFT = 40  # MB: less than a second color takes


def nearly_full(folder: Path) -> list[str]:
    """Return how to run ``teal`` where /proc/meminfo tells of little memory that is available."""
    told = Path("/proc/meminfo").read_text(encoding="ascii")
    file = folder / "meminfo"
    file.write_text(re.sub(r"(MemAvailable:\s+)\d+", rf"\g<1>{LEFT * 1024}", told), encoding="ascii")
    script = 'mount --bind "$0" /proc/meminfo && exec "$@"'
    return ["unshare", "--mount", "sh", "-c", script, str(file), str(TEAL)]


def test_a_second_color_that_does_not_fit_is_refused_before_anything_is_done(tale: World, tmp_path: Path) -> None:
    with tale.untouched(), tale.teal.running(*QUICK, argv=nearly_full(tmp_path)) as run:
        ended = run.end()
        assert ended.status == 1, ended.told
        assert re.fullmatch(rf"a second color needs about .* of memory, {LEFT} MB is available", ended.error["message"])
        assert "--strategy recreate" in ended.error["hint"]


@pytest.mark.long
def test_who_knows_better_may_try(tale: World, tmp_path: Path) -> None:
    before = tale.active
    with tale.teal.running(*QUICK, "--force-memory", argv=nearly_full(tmp_path)) as run:
        ended = run.end()
    assert ended.status == 0, ended.told
    assert tale.whole() != before
