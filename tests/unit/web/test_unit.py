"""The unit that systemd reads: every word reaches the command as it is."""

from __future__ import annotations

import re
import shlex

import pytest

from teal.web.unit import quoted, unit


def test_a_page_that_is_stopped_takes_no_deploy_with_it() -> None:
    text = unit(["/usr/bin/teal", "dashboard"], user="ann", folder="/srv/shop", home="/var/lib/teal", read_only=False)
    assert "KillMode=process" in text
    assert "User=ann" in text
    assert "ProtectSystem" not in text  # a deploy writes and builds


def test_a_page_that_only_looks_may_write_nowhere() -> None:
    text = unit(["teal"], user="ann", folder="/srv", home="/home", read_only=True)
    assert "ProtectSystem=strict" in text
    assert "NoNewPrivileges=yes" in text


WORDS = ["plain", "two words", 'a "quote"', "100%", "$HOME", "back\\slash", "; rm -rf /", "it's", ""]


@pytest.mark.parametrize("word", WORDS)
def test_a_word_is_read_back_as_it_was(word: str) -> None:
    written = quoted(word)
    assert not re.search(r"(?<!%)%(?!%)", written.replace("%%", ""))
    assert shlex.split(written.replace("%%", "%").replace("$$", "$").replace("\\\\", "\\\\")) == [word]
