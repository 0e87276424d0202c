"""Fuzzes what Teal itself keeps and finds again, whoever has edited it: state file, journal, releases, lock."""

from __future__ import annotations

import atexit
import json
import shutil
import sqlite3
import tempfile
from contextlib import closing, suppress
from pathlib import Path

import msgspec
from hypothesis import strategies as st

from teal.adapters.caddy.state_file import StateFile
from teal.adapters.state import lock
from teal.adapters.state.journal import SqliteJournal
from teal.adapters.state.lock import FileLock
from teal.adapters.state.releases import ReleaseFolders
from teal.cli.redaction import escape_control
from teal.cli.show.status import history as show_history
from teal.core.model.release import Release
from teal.core.model.side import Side
from teal.core.model.stack import Assigned, Health, HttpProbe, Role, Service
from teal.core.model.traffic import format_traffic
from teal.core.planning.past import past_of
from teal.core.planning.steps import Start, Switch
from teal.run.api import History
from teal.run.commands.status import history
from tests.fuzz.judging import CONTROL, Target, unchanged
from tests.fuzz.text import damaged, mapping_of, scalars, services, values, words

_MEMORY = Path("/dev/shm")  # the journal waits for the disk at each line: here there is none
ROOT = Path(tempfile.mkdtemp(prefix="teal-fuzz-records-", dir=_MEMORY if _MEMORY.is_dir() else None))
lock._PAUSE = 0.0  # it waits for a name that will never be written
atexit.register(shutil.rmtree, ROOT, ignore_errors=True)


def _fresh(*, folders: tuple[str, ...] = ()) -> None:
    for path in ROOT.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    for folder in folders:
        (ROOT / folder).mkdir(parents=True)


# The proxy's state file ------------------------------------------------------------------------------------------

_states = st.sampled_from(["blue", "green", "plain", "hold", "maintenance", "blue green k3y", "hold plain abc"])
_state = st.one_of(damaged(_states), words, st.binary(max_size=40))


def _read_state(content: str | bytes) -> None:
    _fresh()
    raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
    (ROOT / "state").write_bytes(raw)
    with unchanged(ROOT):
        traffic = StateFile(ROOT).read()
    if traffic is not None:  # it is understood only where Caddy reads the same
        assert format_traffic(traffic).encode() == raw.removesuffix(b"\n").removesuffix(b"\r")


# The journal -----------------------------------------------------------------------------------------------------

_SIDES = st.one_of(st.none(), st.sampled_from(["blue", "green", "plain", "", "red"]), words)
_STAMPS = st.one_of(st.floats(), st.just(1.7e9), st.integers(-(2**63), 2**63 - 1), st.none(), words)
_RUN = st.tuples(words, _SIDES, _SIDES, scalars, _STAMPS, _STAMPS, words, words)
_PAYLOAD = st.one_of(
    words,
    st.just(msgspec.json.encode(Switch(Side.BLUE, 3)).decode()),
    mapping_of(to=_SIDES, release=scalars).map(json.dumps),
)
_STEP = st.tuples(st.integers(1, 3), st.sampled_from(["switch", "run-once", "start", ""]), _PAYLOAD, _STAMPS, _STAMPS)


def _sql(value: object) -> object:
    """Return *value* as SQLite can take it."""
    if isinstance(value, int) and not -(2**63) <= value < 2**63:
        return float(value)
    return value.encode("utf-8", "surrogatepass").decode("utf-8", "replace") if isinstance(value, str) else value


def _read_rows(example: tuple[list[tuple[object, ...]], list[tuple[object, ...]], bool]) -> None:
    runs, steps, writing = example
    _fresh()
    path = ROOT / "journal.db"
    with closing(SqliteJournal(path, now=lambda: 1.7e9)) as journal:
        journal.started(journal.begin("deploy", None, Side.BLUE, 1), Start(Side.BLUE, 1, ("web",)))
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        for run in runs:
            with suppress(sqlite3.IntegrityError):
                raw.execute("INSERT INTO run VALUES (NULL, ?, ?, ?, ?, ?, ?, ?, ?)", [_sql(each) for each in run])
        for step in steps:
            with suppress(sqlite3.IntegrityError):
                raw.execute("INSERT INTO step VALUES (NULL, ?, ?, ?, ?, ?, 0)", [_sql(each) for each in step])
    _ask_all(path, writing=writing)


def _read_bytes(example: tuple[int, bytes, bool]) -> None:
    """Read a journal of which a piece was overwritten, or cut off."""
    at, piece, writing = example
    _fresh()
    path = ROOT / "journal.db"
    with closing(SqliteJournal(path, now=lambda: 1.7e9)) as journal:
        journal.finished(journal.started(journal.begin("deploy", None, Side.BLUE, 1), Switch(Side.BLUE, 1)))
        journal.end(1, "done")
    whole = path.read_bytes()
    place = at % len(whole)
    path.write_bytes(whole[:place] + piece + (whole[place + len(piece) :] if piece else b""))
    _ask_all(path, writing=writing)


def _ask_all(path: Path, *, writing: bool) -> None:
    with closing(SqliteJournal(path, now=lambda: 1.7e9)) as journal:
        if writing:
            journal.end(journal.begin("deploy", Side.BLUE, Side.GREEN, 2), "done")
        journal.unfinished()
        journal.ran_once("migrate", 1)
        served = past_of(journal.turns()).served_releases
        assert served == tuple(dict.fromkeys(served))
        assert journal.next_release() >= 1
        rows = history(type("Ports", (), {"journal": journal, "lock": FileLock(path.with_name("lock"))})(), 20)  # type: ignore[arg-type]
        msgspec.json.encode(rows)
        shown = escape_control(show_history(History(rows)))
        assert not CONTROL.search(shown), shown


# A release's record ----------------------------------------------------------------------------------------------

_RELEASE = Release(
    number=1,
    side=Side.BLUE,
    created=1.7e9,
    images={"web": "sha256:" + "ab" * 32},
    services=(Service("web", Assigned(Role.ROUTE, "named"), port=3000, health=Health("engine", HttpProbe(3000))),),
    shared_networks={"web": {"shop_default": ("web-blue",)}},
)
_TEXT = msgspec.json.encode(_RELEASE).decode()


@st.composite
def _records(draw: st.DrawFn) -> str:
    tree = json.loads(_TEXT)
    for _ in range(draw(st.integers(1, 2))):
        at = tree
        key = draw(st.sampled_from(sorted(tree)))
        while isinstance(at[key], dict | list) and at[key] and draw(st.booleans()):
            at = at[key]
            key = draw(st.sampled_from(sorted(at) if isinstance(at, dict) else range(len(at))))
        at[key] = draw(values)
    return json.dumps(tree)


def _read_release(content: str | bytes) -> None:
    _fresh(folders=("1", "2"))
    for folder in ("1", "2"):
        raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        (ROOT / folder / "release.json").write_bytes(raw)
    folders = ReleaseFolders(ROOT)
    with unchanged(ROOT):
        found = folders.all()
    assert len(found) <= 1
    for release in found:
        assert release.number in {1, 2}
        assert (release.before_switch, release.rotating) is not None
    for note in folders.notes:
        assert not CONTROL.search(note), note
        assert len(note) < 400, note


# The lock --------------------------------------------------------------------------------------------------------

_HOLDER = mapping_of(command=words, user=words, host=words, pid=scalars, since=_STAMPS)


def _read_lock(content: str | bytes) -> None:
    _fresh()
    path = ROOT / "lock"
    with FileLock(path).hold("deploy"):
        raw = content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass")
        path.write_bytes(raw)
        with unchanged(ROOT):
            assert FileLock(path).holder() is not None
            with FileLock(path).hold("rollback"):
                raise AssertionError("two hold the lock")


TARGETS = (
    Target("state file", _state, _read_state),
    Target(
        "journal rows",
        st.tuples(st.lists(_RUN, max_size=3), st.lists(_STEP, max_size=3), st.booleans()),
        _read_rows,
    ),
    Target("journal's bytes", st.tuples(st.integers(0, 10**6), st.binary(max_size=40), st.booleans()), _read_bytes),
    Target("release.json", st.one_of(_records(), damaged(st.just(_TEXT)), st.binary(max_size=40)), _read_release),
    Target(
        "lock file",
        st.one_of(_HOLDER.map(json.dumps), damaged(st.just('{"command":"deploy"}')), st.binary(max_size=40), services),
        _read_lock,
    ),
)
