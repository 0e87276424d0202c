"""Fuzzes command lines: every command with words that its options expect, and with any others."""

from __future__ import annotations

import contextlib
import io
import json
from collections.abc import AsyncIterator

from hypothesis import strategies as st

from teal.cli.commands.compose_args import ComposePlace, split, take_apart, unknown
from teal.cli.group import ENTRIES
from teal.cli.main import plugin_arguments, run
from teal.cli.options import OpenStack, Purpose
from teal.cli.session import Session
from teal.errors import Refused
from tests.fuzz.judging import CONTROL, STATUSES, Target
from tests.fuzz.text import durations, services, words

_OPTIONS = (
    *("--json", "-q", "--quiet", "-f", "-p", "--project-name", "--project-directory", "--env-file", "--profile"),
    *("--pull", "--no-build", "--force", "--force-memory", "--strategy", "--keep", "--dry-run", "--health-timeout"),
    *("--drain-timeout", "--color", "--tail", "--since", "--follow", "-n", "--yes", "--volumes", "--help", "--version"),
    *("--", "-", "-y", "-t", "-e", "--index", "blue", "green", "0", "-1", "12", "1e3"),
)
_NAMES = (*ENTRIES, "deplpy", "statsu", "--deploy")
_words = st.one_of(st.sampled_from(_OPTIONS), services, words, durations.map(str))
_lines = st.tuples(
    st.lists(_words, max_size=2), st.lists(st.sampled_from(_NAMES), max_size=1), st.lists(_words, max_size=5)
).map(lambda parts: [word for part in parts for word in part])


@contextlib.asynccontextmanager
async def _closed(session: Session, purpose: Purpose) -> AsyncIterator[OpenStack]:
    """Refuse every stack: what is fuzzed here ends before one is opened."""
    raise Refused("there is no stack", hint="there is none in this test")
    yield


def _read_line(arguments: list[str]) -> None:
    if "plugin" in arguments:  # it links into the home directory
        return
    out, err = io.StringIO(), io.StringIO()
    became: list[object] = []
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = run(arguments, Session(opener=_closed, become=lambda *given: became.append(given)))
    assert status in STATUSES
    assert not became
    said = err.getvalue()
    assert "bug in Teal" not in said + out.getvalue(), said + out.getvalue()
    assert "Traceback" not in said
    assert not CONTROL.search(said), said
    if status == 0:
        return
    if said:
        assert len(said.strip().splitlines()) >= 2, f"no remedy: {said}"
    else:
        error = json.loads(out.getvalue().splitlines()[-1])["error"]
        assert error["message"], error
        assert error["hint"], error


def _take_apart(arguments: list[str]) -> None:
    """Take Compose's words apart; none may be lost, and what is no service must stay as it was typed."""
    taken = take_apart(arguments)
    assert sorted([*taken.before, *taken.services, *taken.after]) == sorted(arguments)
    color = ComposePlace("shop-blue", {"web": "web-blue"}, file="/var/lib/teal/shop/releases/1/blue.json")
    places = (color, ComposePlace("shop", {name: name for name in ("web", "db")}))
    unknown(taken, places)
    for place, words_ in split(taken, places):
        argv = place.argv(words_)
        assert argv[:3] == ["docker", "compose", "-p"]
    plugin_arguments(["docker-teal", "teal", *arguments])


TARGETS = (
    Target("command lines", _lines, _read_line),
    Target("words for Compose", st.lists(_words, max_size=6), _take_apart),
)
