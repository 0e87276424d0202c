"""What a deploy says of the difference to the release that serves, what it asks first, and whom it tells of its end."""

from __future__ import annotations

import hashlib
import hmac
import http.server
import json
import os
import shutil
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from tests.engine.sandbox import docker, remove
from tests.engine.stack import Stack, copy_stack, wait_until
from tests.engine.teal import TEAL, Teal

pytestmark = pytest.mark.engine
SNIPPET = Path(__file__).parents[2] / "src" / "teal" / "adapters" / "caddy" / "teal.caddy"


class Mini:
    """The smallest stack, with a file that its owner edits."""

    def __init__(self, stack: Stack, teal: Teal) -> None:
        self.stack, self.teal = stack, teal
        self.file = stack.folder / "compose.yml"

    def edit(self, old: str, new: str) -> None:
        text = self.file.read_text(encoding="utf-8")
        assert old in text
        self.file.write_text(text.replace(old, new), encoding="utf-8")

    def typed(self, *words: str, answer: str) -> tuple[int, str]:
        """Run a command in a terminal, where a person types *answer*; return its status and what stood there."""
        master, slave = os.openpty()
        env = self.teal.environment(TERM="dumb", NO_COLOR="1")
        process = subprocess.Popen(
            [str(TEAL), *words], cwd=self.stack.folder, env=env, stdin=slave, stdout=slave, stderr=slave
        )
        os.close(slave)
        os.write(master, answer.encode())
        seen = b""
        with suppress(OSError):  # EIO: the other end is closed
            while piece := os.read(master, 4096):
                seen += piece
        os.close(master)
        return process.wait(), seen.decode()


@pytest.fixture(scope="module")
def mini(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mini]:
    """The stack with release 1."""
    folder = tmp_path_factory.mktemp("told")
    stack = copy_stack("mini", folder / "mini")
    shutil.copy(SNIPPET, stack.folder)
    made = Mini(stack, Teal(stack.folder, folder / "home"))
    made.edit('BOOT_SECONDS: "${BOOT_SECONDS:-0}"', 'BOOT_SECONDS: "0", API_TOKEN: "planted-4711"')
    try:
        made.teal.run("deploy")
        yield made
    finally:
        made.teal.run("down", "--volumes", "--yes")
        tags = docker("images", "--format", "{{.Repository}}:{{.Tag}}", "--filter", f"reference=teal/{stack.project}/*")
        remove(tags, "rmi")
        stack.remove()


def test_what_differs_is_said_by_key_and_a_person_is_asked_before_it_goes(mini: Mini) -> None:
    assert mini.teal.run("diff").result["diff"]["changes"] == []
    mini.edit(', API_TOKEN: "planted-4711"', ', NEW_TOKEN: "planted-4712"')
    (mini.stack.folder / "app.py").open("a", encoding="utf-8").write("# edited\n")
    found = mini.teal.run("diff").result["diff"]
    told = [(each["service"], each["what"], each["key"], each["how"]) for each in found["changes"]]
    assert sorted(told) == [
        ("web", "file", "app.py", "changed"),
        ("web", "variable", "API_TOKEN", "removed"),
        ("web", "variable", "NEW_TOKEN", "added"),
    ]
    assert mini.teal.run("plan").result["changes"]["warnings"] == found["warnings"]
    status, screen = mini.typed("deploy", answer="\n")
    assert status == 130, screen
    assert "! web: the variable API_TOKEN is gone" in screen
    assert "Deploy it anyway? [y/N]:" in screen
    assert mini.teal.run("status").result["release"] == 1
    status, screen = mini.typed("deploy", answer="y\n")
    assert status == 0, screen
    assert mini.teal.run("status").result["release"] == 2
    assert "planted" not in screen
    both = mini.teal.run("diff", "1", "2")
    assert both.result["diff"]["changes"] == found["changes"]
    assert "planted" not in both.told


def test_without_a_terminal_it_is_a_warning_and_the_deploy_goes_on(mini: Mini) -> None:
    mini.edit('BOOT_SECONDS: "0", NEW_TOKEN: "planted-4712"', 'BOOT_SECONDS: "0"')
    mini.edit('      test: [CMD, "true"]\n      interval: 2s\n      start_period: 10s\n', "      disable: true\n")
    ended = mini.teal.run("deploy")
    warnings = [line["text"] for line in ended.lines if line.get("event") == "said" and line["kind"] == "warning"]
    assert warnings[-2:] == ["web: the variable NEW_TOKEN is gone", "worker: its healthcheck is gone"]
    assert [each["kind"] for each in ended.result["changes"]["warnings"]] == ["variable", "healthcheck"]
    assert any("since release" in line.get("text", "") for line in ended.lines)


def test_the_release_that_served_at_a_moment_comes_back(mini: Mini) -> None:
    runs = [run for run in mini.teal.run("history").result["runs"] if run["outcome"] == "done"]
    first = runs[-1]
    when = first["started"] + first["seconds"] + 0.9  # seconds of a moment are whole
    stamp = subprocess.run(
        ["date", "--utc", f"--date=@{int(when + 1)}", "+%Y-%m-%dT%H:%M:%SZ"], capture_output=True, text=True, check=True
    ).stdout.strip()
    ended = mini.teal.run("rollback", "--to", stamp, "--dry-run")
    assert (ended.result["outcome"], ended.result["release"]) == ("planned", 1)
    refused = mini.teal.run("rollback", "--to", "2020-01-01 10:00", status=1)
    assert refused.error["message"] == "no release served then, as far as the journal knows"


@contextmanager
def receiver(answer: int = 200, pause: float = 0.0) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A server on this machine that takes what is posted, and answers with *answer* after *pause* seconds."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((dict(self.headers), self.rfile.read(int(self.headers["Content-Length"]))))
            time.sleep(pause)
            self.send_response(answer)
            self.send_header("Content-Length", "0")
            with suppress(OSError):
                self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    class Server(http.server.ThreadingHTTPServer):
        block_on_close = False
        daemon_threads = True

    server = Server(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", got
    finally:
        server.shutdown()


def notified(mini: Mini, *urls: str) -> None:
    every = "[deployed, failed, rolled-back, needs-person, held, healed]"
    first, *others = urls
    lines = [
        f"  - {{url: $HOOK_HOME, secret: planted-4714, on: {every}}}",
        *(f"  - {{url: '{u}', on: {every}}}" for u in others),
    ]
    (mini.stack.folder / "teal.yml").write_text("notify:\n" + "\n".join(lines) + "\n", encoding="utf-8")
    env = mini.stack.folder / ".env"
    kept = [line for line in env.read_text(encoding="utf-8").splitlines() if not line.startswith("HOOK_HOME")]
    env.write_text("\n".join([*kept, f"HOOK_HOME={first}", ""]), encoding="utf-8")


def everything_kept(mini: Mini) -> bytes:
    """Return all that is in the journal, the logs of runs and the file of who was told."""
    home = mini.teal.home / mini.stack.project
    return b"".join(path.read_bytes() for path in [*home.glob("journal.db*"), *home.glob("runs/*"), home / "told.json"])


def test_who_can_not_be_told_costs_no_time_and_no_status(mini: Mini) -> None:
    """One receiver is well, one is dead, one says 500, one is silent for a minute."""
    told = mini.teal.home / mini.stack.project / "told.json"
    with receiver() as (well, got), receiver(500) as (sick, tries), receiver(pause=60) as (slow, _):
        notified(
            mini,
            f"{well}/planted-4713",
            f"{sick}/planted-4713",
            f"{slow}/planted-4713",
            "http://127.0.0.1:9/planted-4713",
        )
        began = time.monotonic()
        ended = mini.teal.run("deploy", "--force", "--no-build")
        assert time.monotonic() - began < 50, "the command waited for a receiver"
        wait_until(lambda: bool(got), "the notification arrives")
        wait_until(lambda: told.exists() and b'"why"' in told.read_bytes(), "who could not be told is known", within=30)
        status = mini.teal.run("status")
        quiet, loud = zip(*((_seconds(mini, tells=False), _seconds(mini, tells=True)) for _ in range(5)), strict=True)
        assert min(loud) - min(quiet) <= 0.1, (quiet, loud)
    headers, body = got[0]
    sent = json.loads(body)
    assert sent["on"] == "deployed"
    assert sent["text"].startswith(f"{mini.stack.project}: **release {ended.result['release']} serves**. ")
    assert sent["report"], sent  # what the run did to users was measured
    signed = hmac.new(b"planted-4714", body, hashlib.sha256).hexdigest()
    assert headers["Teal-Signature"] == f"sha256={signed}"
    assert len(tries) == 2
    assert "not told of the last run: json at 127.0.0.1 (it answered 500)" in status.said
    assert "not told of the last run: json at 127.0.0.1 (no answer within 5 s)" in status.said
    assert "not told of the last run: json at 127.0.0.1 (connection refused)" in status.said
    assert "planted" not in status.told + ended.told + body.decode()
    assert b"planted" not in everything_kept(mini)


def _seconds(mini: Mini, *, tells: bool) -> float:
    """Return how long a command takes that tells somebody, or nobody; what tells is over before the next one."""
    said = mini.stack.folder / "teal.yml"
    text = said.read_text(encoding="utf-8")
    said.write_text(text if tells else "", encoding="utf-8")
    began = time.monotonic()
    mini.teal.run("cleanup", "--yes")
    took = time.monotonic() - began
    said.write_text(text, encoding="utf-8")
    time.sleep(2)
    return took


def test_a_failure_is_told_with_what_serves_and_a_killed_run_by_the_next_command(mini: Mini) -> None:
    serving = mini.teal.run("status").result["release"]
    with receiver() as (well, got):
        notified(mini, f"{well}/planted-4713")
        mini.edit("command: [python, -u, app.py]", "command: [python, -c, 'raise SystemExit(3)']")
        failed = mini.teal.run("deploy", status=1)
        wait_until(lambda: len(got) == 1, "the failure is told")
        sent = json.loads(got[0][1])
        assert (sent["on"], sent["outcome"]) == ("failed", "aborted")
        assert sent["text"].startswith(f"{mini.stack.project}: **release {serving} serves**. The deploy of release ")
        assert failed.error["message"].split(",")[0] in sent["text"]
        mini.edit("command: [python, -c, 'raise SystemExit(3)']", "command: [python, -u, app.py]")
        with mini.teal.running("deploy", "--force") as running:
            running.until_step("start")
            running.kill()
        assert mini.teal.run("cleanup", "--yes").status == 0
        wait_until(lambda: len(got) == 2, "the killed run is told")
        sent = json.loads(got[1][1])
        assert (sent["on"], sent["serving"], sent["by"]) == ("failed", f"release {serving}", "")
        mini.teal.run("notify", "test")
        assert json.loads(got[-1][1])["on"] == "test"


def spans(body: bytes) -> list[Any]:
    """Return the spans that an exporter has posted."""
    asked = ExportTraceServiceRequest.FromString(body)
    return [span for resource in asked.resource_spans for scope in resource.scope_spans for span in scope.spans]


def test_a_run_is_one_trace_also_where_it_was_killed_and_metrics_follow_each_command(mini: Mini) -> None:
    prom = mini.stack.folder / "mini.prom"
    (mini.stack.folder / "teal.yml").write_text(f"metrics: {prom}\n", encoding="utf-8")
    parent = f"00-{'ab' * 16}-{'cd' * 8}-01"
    with receiver() as (collector, got):
        told = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector, "TRACEPARENT": parent}
        ended = mini.teal.run("deploy", "--force", "--no-build", **told)
        wait_until(lambda: len(got) == 1, "the trace arrives")
        root, *steps = spans(got[0][1])
        began = [line["step"] for line in ended.lines if line.get("event") == "step-began"]
        assert [span.name for span in steps] == began
        assert {span.parent_span_id for span in steps} == {root.span_id}
        assert {span.trace_id.hex() for span in (root, *steps)} == {"ab" * 16}
        assert (root.name, root.parent_span_id.hex()) == (f"RUN {mini.stack.project}", "cd" * 8)
        wait_until(prom.exists, "the metrics are there")
        assert f'role="active"}} {ended.result["release"]}.0' in prom.read_text(encoding="utf-8")
        with mini.teal.running("deploy", "--force", **told) as running:
            running.until_step("start")
            running.kill()
        steps_of_it = [line["step"] for line in running.lines if line.get("event") == "step-began"]
        mini.teal.run("cleanup", "--yes", OTEL_EXPORTER_OTLP_ENDPOINT=collector)
        wait_until(lambda: len(got) == 2, "the killed run's trace arrives")
        found = spans(got[1][1])
        roots = [span for span in found if span.name.startswith("RUN")]
        killed = roots[0]
        assert [span.name for span in found if span.parent_span_id == killed.span_id] == steps_of_it
        assert len({span.trace_id for span in found}) == len(roots)
        assert "planted" not in str(found)
