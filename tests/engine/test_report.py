"""What a deploy says of its users on the real engine: counted as the load generator counts, faults as planted."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from proof.load import Action, Load, Mix, Sample
from teal.core.model.units import Moment, Seconds
from teal.core.report.seen import Probe, faults, longest, pauses
from tests.engine.sandbox import docker, remove
from tests.engine.stack import Stack, copy_stack
from tests.engine.teal import Ended, Running, Teal

pytestmark = [pytest.mark.engine, pytest.mark.load, pytest.mark.timeout(240)]
SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"
SHORT = Mix(
    participants=2, plain_only=True, upload=0, ws=0, slow=20, events=20, chain=60,
    slow_seconds=0.3, events_seconds=(0.3, 0.6),
)  # fmt: skip
TEAL_YML = """\
measure: on
hooks:
  post-switch: ["sleep 3"]
"""


class Pair:
    """The stack, its Caddy with `metrics`, and its reports."""

    def __init__(self, stack: Stack, teal: Teal) -> None:
        self.stack, self.teal = stack, teal
        self.notes = 0

    def deploying(self, *, boot: float) -> Any:
        """Return a deploy of a new release whose services take *boot* seconds to start."""
        self.notes += 1
        return self.teal.running("deploy", "--yes", NOTE=f"n{self.notes}", BOOT_SECONDS=str(boot))

    def report(self, ended: Ended) -> dict[str, Any]:
        found = self.teal.run("report", str(ended.result["run"])).result
        assert found["run"] == ended.result["run"]
        return found

    def web(self) -> str:
        """Return the container of `web` that serves users."""
        color = self.teal.status()["active"]
        return f"{self.stack.project}-{color}-web-{color}-1"


@pytest.fixture(scope="module")
def pair(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pair]:
    folder = tmp_path_factory.mktemp("report")
    stack = copy_stack("pair", folder / "pair", PAIR_NET="10.213.9", TEAL_HOME=str(folder / "home"))
    shutil.copy(SNIPPET, stack.folder)
    caddyfile = stack.folder / "Caddyfile"
    caddyfile.write_text(caddyfile.read_text(encoding="utf-8").replace("{\n", "{\n\tmetrics\n", 1), encoding="utf-8")
    (stack.folder / "teal.yml").write_text(TEAL_YML, encoding="utf-8")
    made = Pair(stack, Teal(stack.folder, folder / "home"))
    try:
        made.teal.run("deploy", "--yes")
        yield made
    finally:
        made.teal.run("down", "--volumes", "--yes")
        tags = docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference=teal/{stack.project}/*")
        remove(tags, "rmi")
        stack.remove()


def met(samples: list[Sample]) -> list[Probe]:
    """Return what the generator's own fast requests have met, as the prober would tell it."""
    fast = [sample for sample in samples if sample.action in {Action.GET, Action.POST}]
    what = {sample: f"status {sample.status}" if sample.status >= 500 else sample.fault.value for sample in fast}
    return [Probe("", Moment(s.begun), Seconds(s.ended - s.begun), what[s], s.status) for s in fast]


def pause(samples: list[Sample]) -> float:
    """Return the longest pause that the generator's own fast requests have met."""
    probes = met(samples)
    found = longest(pauses(probes, end=max(each.answered for each in probes)))
    assert found is not None
    return found.seconds


def test_users_of_a_deploy_are_counted_as_the_load_generator_counts_them(pair: Pair) -> None:
    with pair.deploying(boot=2) as running:
        counted_from(running)
        with Load(http=pair.stack.url, rate=60, mix=SHORT) as load:
            running.until_step("run-hook")
            time.sleep(1)
            sent = load.finish()
        ended = running.end()
    report = pair.report(ended)
    assert sent.clean, sent.table()
    users = report["users"]
    assert (users["requests"], users.get("errors", 0), sent.failed) == (sent.sent, 0, 0)
    assert users["colors"].keys() == {"blue", "green"}
    assert report["prober"]["web"]["failed"] == {}
    assert "holes" not in report
    theirs, ours = pause(load.samples), report["prober"]["web"]["pause"]
    print(f"{sent.sent} requests; longest pause: generator {theirs * 1000:.0f} ms, report {ours * 1000:.0f} ms")
    said = ended.result["noticed"]["said"]  # a machine that is busy elsewhere makes users wait, and that is said, too
    assert f": {sent.sent:,} requests, 0 failed" in said
    assert ("Users noticed nothing" in said) == ("faults" not in report)
    assert ended.result["noticed"]["whole"]
    page = subprocess.run(
        [*pair_teal(), "report", "--format", "html"],
        cwd=pair.stack.folder, env=pair.teal.environment(), capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert f": {sent.sent:,} requests, 0 failed" in page
    assert len(json.dumps(report)) < 20_000
    path = pair.teal.home / pair.stack.project / "reports" / f"{report['run']}.json"
    assert path.stat().st_mode & 0o777 == 0o600


def test_planted_faults_are_named_with_their_start_and_length(pair: Pair) -> None:
    web, planted = pair.web(), dict[str, tuple[float, float]]()
    with pair.deploying(boot=9) as running:
        counted_from(running)
        running.until_step("start")
        with Load(http=pair.stack.url, rate=30, mix=Mix(get=1000, **dict.fromkeys(OTHERS, 0), plain_only=True)) as load:
            time.sleep(0.7)
            began = time.time()
            asked = urllib.request.Request(f"{pair.stack.url}/fail?seconds=1", data=b"")
            urllib.request.urlopen(asked, timeout=5).close()
            planted["status 500"] = began, 1.0
            time.sleep(2.5)
            began = time.time()
            docker("pause", web)
            time.sleep(2.7)
            docker("unpause", web)
            planted["waited"] = began, time.time() - began
            time.sleep(1)
            sent = load.finish()
        ended = running.end()
    report = pair.report(ended)
    users_met = faults(met(load.samples))  # what was planted; on a machine that is busy elsewhere it lasts longer
    for what, (at, length) in planted.items():
        found = min(
            (fault for fault in report["faults"] if fault["what"] == what),
            key=lambda fault: abs(report["began"] + fault["since"] - at),
        )
        begun = report["began"] + found["since"]
        print(f"{what}: planted for {length:.2f} s, met {begun - at:+.2f} s later for {found['seconds']:.2f} s")
        users = min((each for each in users_met if each.what == what), key=lambda each: abs(each.since - at))
        assert begun == pytest.approx(at, abs=0.3)
        assert found["seconds"] >= length - 0.3
        assert found["seconds"] == pytest.approx(users.until - users.since, abs=0.3)
    theirs, ours = pause(load.samples), report["prober"]["web"]["pause"]
    print(f"longest pause: generator {theirs * 1000:.0f} ms, report {ours * 1000:.0f} ms")
    assert ours == pytest.approx(theirs, abs=0.25)
    assert report["users"]["errors"] == sum(sample.status == 500 for sample in load.samples) == sent.failed > 10
    assert ended.result["noticed"]["said"].startswith("Users noticed: ")


OTHERS = ("post", "chain", "slow", "upload", "events", "ws")


def counted_from(running: Running) -> None:
    """Return once the run has read the proxy's counts for the first time."""
    running.until(lambda line: line.get("event") == "step-ended" and line["step"] == "preflight", "preflight is over")


def pair_teal() -> list[str]:
    from tests.engine.teal import TEAL

    return [str(TEAL)]
