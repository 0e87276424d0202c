"""The load's counter is alive: a server does wrong a known number of times, and each time is counted."""

import time
from collections.abc import Iterator

import pytest

from proof.load import Action, Load, Mix, Report
from proof.load.mix import deck
from tests.proof.load_server import Server

SHORT = Mix(
    get=400, post=380, chain=120, slow=20, upload=0, events=40, ws=40, plain_only=True,
    slow_seconds=0.3, events_seconds=(0.5, 1.0), events_interval=0.1, ws_seconds=(0.6, 1.0), ws_interval=0.1,
)  # fmt: skip
WRONGS = {"/echo": ("drop", "502", "wrong", "unmarked", "truncate"), "/chain": ("mixed", "missing")}
WRONGS |= {"/events": ("cut", "short"), "/ws": ("close", "kill", "502"), "/slow": ("drop",)}
PERIOD = {"/echo": 50, "/chain": 8, "/events": 4, "/ws": 5, "/slow": 3}

pytestmark = pytest.mark.load  # real processes and seconds of real requests: not for `make check`


def misdeeds(path: str, number: int) -> str:
    """Do each wrong of a path once in its period."""
    place = number % PERIOD[path]
    return f"{path} {WRONGS[path][place]}" if place < len(WRONGS[path]) else ""


class Misbehaving(Server):
    """Notes what it did by path, and does it."""

    def _wrong(self, request: object) -> str:
        return super()._wrong(request).partition(" ")[2]  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def run() -> Iterator[tuple[Report, Server]]:
    """One run against a server that does every kind of wrong."""
    with Misbehaving(misdeeds) as server, Load(http=server.origin, rate=250, mix=SHORT, workers=2) as load:
        time.sleep(2.5)
        yield load.finish(), server


def test_every_request_is_sent_once_and_accounted_for(run: tuple[Report, Server]) -> None:
    report, server = run
    assert report.sent == sum(server.asked.values()) >= 600


def test_each_dropped_connection_is_a_reset(run: tuple[Report, Server]) -> None:
    """Also those that aiohttp would send again unasked."""
    report, server = run
    assert server.did["/echo drop"] >= 8
    assert report.faults["reset"] == server.did["/echo drop"] + server.did["/slow drop"] + server.did["/ws kill"]


def test_each_bad_status_is_counted(run: tuple[Report, Server]) -> None:
    report, server = run
    assert report.faults["status"] == server.did["/echo 502"] + server.did["/ws 502"] >= 10


def test_each_wrong_body_is_counted(run: tuple[Report, Server]) -> None:
    report, server = run
    assert report.faults["wrong"] == server.did["/echo wrong"] + server.did["/chain missing"] >= 10


def test_each_truncated_body_and_stream_is_counted(run: tuple[Report, Server]) -> None:
    report, server = run
    cut_streams = server.did["/events cut"] + server.did["/events short"]
    assert report.faults["truncated"] == server.did["/echo truncate"] + cut_streams
    assert report.cut_streams == server.did["/echo truncate"] + cut_streams + server.did["/slow drop"] >= 15


def test_each_answer_without_marks_is_counted(run: tuple[Report, Server]) -> None:
    report, server = run
    assert report.faults["unmarked"] == server.did["/echo unmarked"] >= 8


def test_each_websocket_closed_early_is_counted(run: tuple[Report, Server]) -> None:
    report, server = run
    assert report.faults["closed"] == server.did["/ws close"] >= 3
    assert report.cut_websockets == server.did["/ws close"] + server.did["/ws kill"] >= 6


def test_each_mixed_answer_is_counted(run: tuple[Report, Server]) -> None:
    report, server = run
    assert report.mixed == server.did["/chain mixed"] >= 5


def test_nothing_else_is_counted(run: tuple[Report, Server]) -> None:
    report, server = run
    wrongs = sum(times for what, times in server.did.items() if what)
    assert report.failed + report.mixed == wrongs
    assert report.failed == sum(report.faults.values()) == sum(kind.failed for kind in report.kinds.values())
    assert not report.clean


def test_the_first_example_of_each_wrong_is_shown(run: tuple[Report, Server]) -> None:
    report, _ = run
    assert {"reset", "status", "wrong", "truncated", "closed", "mixed"} <= {one.what for one in report.examples}
    assert "d blue 6" in report.table()
    assert report.json().startswith('{"since":')


def test_answers_of_an_inactive_release_are_late_and_those_of_a_coming_one_early() -> None:
    mix = Mix(get=10, post=10, chain=0, slow=0, upload=0, events=0, ws=0, plain_only=True)
    with Server() as server, Load(http=server.origin, rate=200, mix=mix, workers=1) as load:
        load.switched(0.0, release=7)
        server.fault = lambda _, number: "release 8" if number % 20 == 0 else ""
        time.sleep(0.7)
        server.fault = lambda path, number: ""
        time.sleep(0.3)
        load.switched(time.time(), release=8)
        server.release = "8"
        time.sleep(0.3)
        server.fault = lambda _, number: "release 7" if number % 10 == 0 else ""
        time.sleep(0.7)
        report = load.finish()
    assert report.early == server.did["release 8"] >= 5
    assert report.late == server.did["release 7"] >= 8
    assert report.failed == report.mixed == 0


def test_a_stalled_server_delays_all_requests_that_were_due_meanwhile() -> None:
    """An open loop: 0.3 s at 200 a second are 60 late answers, not one."""
    mix = Mix(get=10, post=10, chain=0, slow=0, upload=0, events=0, ws=0, plain_only=True)
    stall = lambda _, number: "stall" if number == 200 else ""  # noqa: E731
    with Server(stall) as server, Load(http=server.origin, rate=200, mix=mix, workers=1) as load:
        time.sleep(2)
        report = load.finish()
        slow = [one for one in load.samples if one.latency > 0.1]
    assert report.fast.max >= 0.29
    assert len(slow) >= 30
    assert report.failed == 0


def test_an_answer_that_never_comes_is_a_timeout() -> None:
    mix = Mix(get=1, post=0, chain=0, slow=0, upload=0, events=0, ws=0, plain_only=True)
    hang = lambda _, number: "hang" if number == 3 else ""  # noqa: E731
    with Server(hang) as server, Load(http=server.origin, rate=20, mix=mix, workers=1, timeout=1) as load:
        time.sleep(0.5)
        report = load.finish()
    assert report.faults == {"timeout": 1}


def test_a_server_that_is_not_there_refuses_every_request() -> None:
    mix = Mix(plain_only=True, slow=0, upload=0)
    with Load(http="http://127.0.0.1:9", rate=100, mix=mix, workers=1) as load:
        time.sleep(1)
        report = load.finish()
    assert report.faults == {"refused": report.sent}


def test_uploads_are_sent_slowly_and_cut_ones_counted() -> None:
    mix = Mix(get=0, post=0, chain=0, slow=0, upload=1, events=0, ws=0, upload_seconds=(0.5, 0.8), plain_only=True)
    cut = lambda _, number: "truncate" if number % 4 == 0 else ""  # noqa: E731
    with Server(cut) as server, Load(http=server.origin, rate=10, mix=mix, workers=1) as load:
        time.sleep(1)
        report = load.finish()
        shortest = min(one.latency for one in load.samples)
    assert shortest >= 0.5
    assert report.faults == {"truncated": server.did["truncate"]}
    assert report.cut_streams == server.did["truncate"] >= 2


def test_jobs_that_were_accepted_are_known_by_id_and_the_others_as_doubtful() -> None:
    mix = Mix(get=0, post=0, chain=0, slow=0, upload=0, events=0, ws=0, job=1, plain_only=True)
    refuse = lambda _, number: "500" if number % 4 == 0 else ""  # noqa: E731
    with Server(refuse) as server, Load(http=server.origin, rate=40, mix=mix, workers=1) as load:
        time.sleep(0.5)
        report = load.finish()
        accepted, doubtful = load.jobs
    assert sorted(accepted) == sorted(server.enqueued)
    assert len(doubtful) == report.failed == server.did["500"] >= 3


def test_standing_connections_stay_until_the_end_and_come_again_when_the_server_ends_them() -> None:
    mix = Mix(get=1, post=0, chain=0, slow=0, upload=0, events=0, ws=0, plain_only=True,
              standing_ws=3, standing_events=3, events_interval=0.05, ws_interval=0.05)  # fmt: skip
    ends = {("/events", 2): "short", ("/ws", 3): "close"}
    fault = lambda path, number: ends.get((path, number), "")  # noqa: E731
    with Server(fault) as server, Load(http=server.origin, rate=10, mix=mix, workers=2) as load:
        time.sleep(1.5)
        report = load.finish()
    assert server.asked["/ws"] == server.asked["/events"] == 4
    assert report.faults == {"truncated": 1, "closed": 1}
    assert (report.cut_streams, report.cut_websockets) == (1, 1)


def test_the_schedule_holds_the_mix_exactly_and_is_shared_out_among_workers() -> None:
    mix = Mix()
    cards = deck(mix, 0, 0)
    assert len(cards) == 1000
    assert sum(action is Action.CHAIN for action, _ in cards) == mix.chain
    assert {way for _, way in cards} == {
        "h1 kept", "h1 fresh", "h1s kept", "h1s fresh", "h2 kept", "h2 fresh"
    }  # fmt: skip
