"""A release that is watched after its switch: the bad ones go back by themselves, the good ones stay.

One stack behind Teal's own proxy, in the order of the file; users ask 20 times a second.
"""

from __future__ import annotations

import json
import signal
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from urllib.error import HTTPError

import pytest

from tests.engine.lone import Lone, lone
from tests.engine.sandbox import docker
from tests.engine.stack import wait_until
from tests.engine.teal import Ended

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.timeout(180)]
RATE = 20.0


class Crowd:
    """Users who ask all the time, every fourth time with POST."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self.answers = Counter[int]()  # status -> answers, 0 for none
        self.last_bad = 0.0  # when the last request that failed had begun, monotonic
        self.over = threading.Event()
        self.asking = threading.Thread(target=self._ask_on)
        self.one = threading.Lock()

    def _ask_on(self) -> None:
        number = 0
        while not self.over.wait(1 / RATE):
            number += 1
            threading.Thread(target=self._ask, args=(b"x" if number % 4 == 0 else None,), daemon=True).start()

    def _ask(self, body: bytes | None) -> None:
        began, status = time.monotonic(), 0
        try:
            with urllib.request.urlopen(urllib.request.Request(self.url, data=body), timeout=10) as answer:
                status = answer.status
        except HTTPError as error:
            status = error.code
        except OSError:
            pass
        with self.one:
            self.answers[status] += 1
            if status != 200:
                self.last_bad = max(self.last_bad, began)


@pytest.fixture(scope="module")
def oven(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lone]:
    """The stack, of which release 1 serves."""
    made = lone("oven", tmp_path_factory.mktemp("oven"))
    try:
        made.teal.run("deploy", "--yes")
        yield made
    finally:
        made.remove()


@contextmanager
def crowd(oven: Lone) -> Iterator[Crowd]:
    """Let users ask as long as the block takes, and a moment longer."""
    users = Crowd(oven.port)
    users.asking.start()
    try:
        time.sleep(1)
        yield users
        time.sleep(1)
    finally:
        users.over.set()
        users.asking.join()
        time.sleep(0.5)


def release(oven: Lone) -> int:
    """Return which release users are answered by."""
    return int(oven.teal.status()["release"])


def goes_back(oven: Lone, why: str, **ill: str) -> tuple[Ended, Crowd, float]:
    """Deploy a release that is *ill*; return how that ended, what users met, and when the command was over."""
    before = release(oven)
    with crowd(oven) as users:
        ended = oven.teal.run("deploy", "--force", "--bake", "60s", status=6, **ill)
        over = time.monotonic()
    assert why in ended.error["message"]
    assert "users were on release" in ended.error["hint"]
    assert "again" in ended.error["hint"]
    assert release(oven) == before
    assert users.last_bad < over - 0.5, "nobody met an error after the way back"
    return ended, users, over


def test_a_release_that_fails_goes_back_and_the_same_again_is_refused(oven: Lone) -> None:
    _, users, _ = goes_back(oven, "requests failed", ILL="all")
    assert 20 < users.answers[500] < 600
    assert set(users.answers) == {200, 500}
    again = oven.teal.run("deploy", "--bake", "60s", status=1, ILL="all")
    assert "this is just what was taken back before" in again.error["message"]
    assert "`teal deploy --force`" in again.error["hint"]
    kept = oven.teal.status()["kept"]
    assert [each["state"] for each in kept if each["release"] == kept[0]["release"]] == ["taken-back"]
    history = oven.teal.run("history").result
    assert "rolled-back" in str(history)


@pytest.mark.long
def test_a_release_of_which_a_share_fails_goes_back(oven: Lone) -> None:
    goes_back(oven, "requests failed", ILL="some")


@pytest.mark.long
def test_a_release_that_ends_by_itself_goes_back_without_any_request(oven: Lone) -> None:
    before = release(oven)
    ended = oven.teal.run("deploy", "--force", "--bake", "60s", status=6, ILL="dies")
    assert "web" in ended.error["message"]
    assert release(oven) == before


@pytest.mark.long
def test_a_release_whose_memory_runs_out_goes_back(oven: Lone) -> None:
    goes_back(oven, "web", ILL="leaks")


def test_a_worker_that_ends_again_and_again_takes_its_release_back(oven: Lone) -> None:
    ended, users, _ = goes_back(oven, "mill was started again 2 times", MILL_ILL="loops")
    assert users.answers[500] == 0
    assert ended.error["status"] == 6


def test_a_store_that_is_down_blames_nobody_and_the_next_command_watches_on(oven: Lone) -> None:
    before = release(oven)
    store = f"{oven.stack.project}-store-1"
    with crowd(oven) as users:
        with oven.teal.running("deploy", "--force", "--bake", "20s") as deploy:
            deploy.until_step("bake")
            docker("stop", "--time", "1", store)
            ended = deploy.end()
        assert ended.status == 4, ended.told
        assert "store does not stand, which both releases share" in ended.error["message"]
        assert "`teal promote` keeps it" in ended.error["hint"]
        new = release(oven)
        assert new > before, "users are where they were: going back would not help"
        docker("start", store)
        oven.teal.run("cleanup", "--yes")  # any command goes on with what is left
    assert users.answers[500] > 20
    assert release(oven) == new
    assert oven.teal.status()["interrupted"] == ""
    clocks = docker("ps", "--filter", f"name={oven.stack.project}.*clock", "--format", "{{.Names}}")
    assert len(clocks.split()) == 1, "the singleton changed hands once the watch was over"


def test_a_watch_that_is_killed_is_taken_up_with_what_is_left(oven: Lone) -> None:
    before = release(oven)
    with crowd(oven) as users:
        with oven.teal.running("deploy", "--force", "--bake", "12s") as deploy:
            deploy.until_step("bake")
            time.sleep(6)
            deploy.send(signal.SIGKILL)
            deploy.process.wait()
        began = time.monotonic()
        said = oven.teal.run("cleanup", "--yes").result["healed"]
        took = time.monotonic() - began
    assert "interrupted while its release was watched" in said
    assert 4 < took < 45, "what was left, and the hand-over"
    assert release(oven) > before
    assert set(users.answers) == {200}


def test_a_killed_watch_over_a_bad_release_goes_back_by_the_next_command(oven: Lone) -> None:
    before = release(oven)
    with crowd(oven):
        with oven.teal.running("deploy", "--force", "--bake", "60s", ILL="some") as deploy:
            deploy.until(lambda line: line.get("event") == "baking", "users are seen")
            deploy.send(signal.SIGKILL)
            deploy.process.wait()
        said = oven.teal.run("cleanup", "--yes").result["healed"]
    assert "was taken back after" in said
    assert release(oven) == before


def test_somebody_keeps_a_release_or_takes_it_back(oven: Lone) -> None:
    before = release(oven)
    with oven.teal.running("deploy", "--force", "--bake", "90s") as deploy:
        deploy.until_step("bake")
        kept = oven.teal.run("promote").result
        ended = deploy.end()
    new = kept["release"]
    assert new > before
    assert (kept["decided"], kept["serves"]) == ("promote", new)
    assert (ended.status, ended.result["baked"]["outcome"]) == (0, "promoted"), ended.told
    with oven.teal.running("deploy", "--force", "--bake", "90s") as deploy:
        deploy.until_step("bake")
        gone = oven.teal.run("abort").result
        ended = deploy.end()
    assert (gone["decided"], gone["serves"], gone["release"]) == ("abort", new, new + 1)
    assert ended.status == 6
    assert release(oven) == new
    nothing = oven.teal.run("abort", status=1)
    assert "no release is being watched" in nothing.error["message"]


@pytest.mark.long
def test_a_signal_or_a_rollback_takes_back_what_is_watched(oven: Lone) -> None:
    before = release(oven)
    with oven.teal.running("deploy", "--force", "--bake", "90s") as deploy:
        deploy.until_step("bake")
        deploy.send(signal.SIGINT)
        ended = deploy.end()
    assert ended.status == 130, ended.told
    assert "while the release was watched" in ended.error["message"]
    assert release(oven) == before
    with oven.teal.running("deploy", "--force", "--bake", "90s") as deploy:
        deploy.until(lambda line: line.get("event") == "baking", "users are seen")
        locked = oven.teal.run("rollback", status=3)
        assert "`teal abort`" in locked.error["hint"]
        deploy.send(signal.SIGKILL)
        deploy.process.wait()
    back = oven.teal.run("rollback").result
    assert (back["release"], back["outcome"]) == (before, "done")
    assert release(oven) == before


def test_a_good_release_passes_and_says_what_its_users_met(oven: Lone) -> None:
    before = release(oven)
    with crowd(oven) as users:
        ended = oven.teal.run("deploy", "--force", "--bake", "12s")
    baked = ended.result["baked"]
    assert baked["outcome"] == "passed"
    assert 100 <= baked["requests"] <= 12 * RATE * 2
    assert baked["failed"] == 0
    assert release(oven) > before
    assert set(users.answers) == {200}


class Guests:
    """People with a bucket each (a cookie that names nobody), who ask one after the other; who answered whom."""

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}/"
        self.buckets = [f"{number:02x}" for number in range(0, 256, 4)]

    def ask(self) -> dict[str, str]:
        """Return bucket -> color for one round."""
        found = {}
        for bucket in self.buckets:
            request = urllib.request.Request(self.url, headers={"Cookie": f"teal_bucket={bucket}"})
            with urllib.request.urlopen(request, timeout=10) as answer:
                found[bucket] = json.load(answer)["color"]
        return found

    def post(self) -> None:
        """Let each of them send something, whatever comes of it."""
        for bucket in self.buckets:
            cookie = {"Cookie": f"teal_bucket={bucket}"}
            with suppress(OSError):
                urllib.request.urlopen(urllib.request.Request(self.url, data=b"x", headers=cookie), timeout=10).close()
            time.sleep(1 / RATE)


def test_a_canary_leads_each_user_once_and_back_at_once(oven: Lone) -> None:
    old, guests = oven.active, Guests(oven.port)
    new = "green" if old == "blue" else "blue"
    assert set(guests.ask().values()) == {old}
    with crowd(oven) as users, oven.teal.running("deploy", "--force", "--canary", "10%") as deploy:
        deploy.until_step("canary")
        wait_until(lambda: new in guests.ask().values(), "some are led to the new release")
        tenth = guests.ask()
        assert sum(color == new for color in tenth.values()) == 7  # of 64: buckets below 26 of 256
        assert "10% of users are led to release" in oven.teal.status()["watched"]
        assert oven.teal.run("canary", "50%").result["decided"] == "canary"
        wait_until(lambda: sum(color == new for color in guests.ask().values()) == 32, "half of them")
        half = guests.ask()
        assert all(half[bucket] == new for bucket, color in tenth.items() if color == new), "nobody goes back and forth"
        oven.teal.run("abort")
        assert set(guests.ask().values()) == {old}
        ended = deploy.end()
    assert ended.status == 6, ended.told
    assert "some users were on release" in ended.error["hint"]
    assert set(users.answers) == {200}, "who has no bucket stays on the old release"


@pytest.mark.long
def test_a_canary_in_stages_ends_in_the_switch_and_a_bad_one_goes_back(oven: Lone) -> None:
    old = oven.active
    with crowd(oven) as users:
        ended = oven.teal.run("deploy", "--force", "--canary", "40% for 4s")
    assert oven.active != old
    assert ended.result["baked"]["outcome"] == "passed-unseen"
    assert set(users.answers) == {200}
    now, guests = oven.active, Guests(oven.port)
    with oven.teal.running("deploy", "--force", "--canary", "40%", ILL="posts", MILL_ILL="loops") as deploy:
        deploy.until_step("canary")
        stop = threading.Event()
        asking = threading.Thread(target=lambda: [guests.post() for _ in iter(stop.is_set, True)])
        asking.start()
        try:
            ended = deploy.end()
        finally:
            stop.set()
            asking.join()
    assert ended.status == 6, ended.told
    assert "requests failed" in ended.error["message"]
    assert oven.active == now


@pytest.mark.long
def test_a_canary_that_is_killed_is_undone_by_the_next_command(oven: Lone) -> None:
    old, guests = oven.active, Guests(oven.port)
    with oven.teal.running("deploy", "--force", "--canary", "30%") as deploy:
        deploy.until_step("canary")
        wait_until(lambda: len(set(guests.ask().values())) == 2, "some are led to the new release")
        deploy.send(signal.SIGKILL)
        deploy.process.wait()
    assert oven.teal.run("promote", status=1).error["message"].endswith("and all are back")
    assert set(guests.ask().values()) == {old}
    assert oven.teal.status()["interrupted"] == ""


@pytest.mark.long
def test_a_slow_release_stays_and_is_warned_of(oven: Lone) -> None:
    before = release(oven)
    with crowd(oven):
        time.sleep(30)  # so that it is known how fast the old one was
        ended = oven.teal.run("deploy", "--force", "--bake", "50s", ILL="slow")
    assert "answers are slower than before" in str(ended.result["notes"])
    assert release(oven) > before
