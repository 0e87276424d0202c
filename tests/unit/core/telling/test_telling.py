"""What is told of a run, in each form, and that addresses and secrets stay out of it."""

from __future__ import annotations

import hashlib
import hmac
import json
from pathlib import Path

import pytest
from msgspec.structs import replace

from teal.config.strict_yaml import decode
from teal.config.teal_yml import TealYml
from teal.config.telling import telling_of, tells
from teal.core.model.units import Moment, ReleaseId, Seconds
from teal.core.telling.endings import ASKED, UNASKED, Notification, text_of, wanted, word_of
from teal.core.telling.posts import Kind, Receiver, kind_of, post

FAILED = Notification(
    "shop", "failed", "", 57, "deploy", "aborted", ReleaseId(42), "release 41", Moment(1000.0), Moment(1038.2),
    Seconds(38.2), "green/web exited with status 1", host="web1", by="alice",
)  # fmt: skip
TOLD = replace(FAILED, text=text_of(FAILED))


@pytest.mark.parametrize(
    ("command", "outcome", "message", "word"),
    [
        ("deploy", "done", "", "deployed"),
        ("rollback", "done", "", "rolled-back"),
        ("deploy", "aborted", "x", "failed"),
        ("deploy", "aborted", ASKED, None),
        ("deploy", "interrupted", "", "failed"),
        ("deploy", "unchanged", "", None),
        ("deploy", "rolled-back", "", "rolled-back"),
        ("deploy", "held", "", "held"),
        ("deploy", "healed", "", "healed"),
        ("deploy", "needs-person", "", "needs-person"),
        ("heal", "done", "", None),
        ("heal", "interrupted", "", None),
        ("cleanup", "done", "", None),
    ],
)
def test_each_end_has_its_word(command: str, outcome: str, message: str, word: str | None) -> None:
    assert word_of(command, outcome, message) == word


def test_the_first_line_says_what_serves() -> None:
    assert TOLD.text == (
        "shop: **release 41 serves**. The deploy of release 42 failed after 38 s: green/web exited with status 1\n"
        "run 57, by alice on web1"
    )
    away = replace(FAILED, on="needs-person", serving="the maintenance page")
    assert text_of(away).startswith("shop: **the maintenance page is where users wait**. A person must look")


def test_a_deploy_that_went_well_is_told_only_to_those_who_asked() -> None:
    well = replace(TOLD, on="deployed")
    assert wanted([TOLD, well], UNASKED) == (TOLD,)
    assert wanted([TOLD, well], ["deployed"]) == (well,)
    assert wanted([replace(TOLD, on="test")], []) != ()


def receiver(kind: Kind, **more: str) -> Receiver:
    return Receiver("https://example.com/planted", kind, **more)  # type: ignore[arg-type]


def test_json_is_signed() -> None:
    sent = post(receiver("json", secret="planted"), TOLD)
    assert sent.headers["Teal-Signature"] == f"sha256={hmac.new(b'planted', sent.body, hashlib.sha256).hexdigest()}"
    assert json.loads(sent.body)["serving"] == "release 41"
    assert "Teal-Signature" not in post(receiver("json"), TOLD).headers


def test_slack_gets_its_own_bold_and_no_markup_of_others() -> None:
    odd = replace(TOLD, text="shop: **release 41 serves**. <!channel> & co")
    assert json.loads(post(receiver("slack"), odd).body) == {
        "text": "shop: *release 41 serves*. &lt;!channel&gt; &amp; co"
    }


def test_ntfy_gets_text_and_a_title_that_a_header_can_hold() -> None:
    sent = post(receiver("ntfy", token="planted"), replace(TOLD, project="läden"))
    assert sent.headers["Title"] == "l?den: failed"
    assert sent.headers["Priority"] == "4"
    assert sent.headers["Authorization"] == "Bearer planted"
    assert sent.body.decode() == TOLD.text


def test_grafana_gets_a_region() -> None:
    assert json.loads(post(receiver("grafana"), TOLD).body) == {
        "time": 1000000,
        "timeEnd": 1038200,
        "tags": ["teal", "shop", "release:42", "failed"],
        "text": TOLD.text.replace("**", ""),
    }


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("https://hooks.slack.com/services/T/B/x", "slack"),
        ("https://discord.com/api/webhooks/1/x/slack", "slack"),
        ("https://ntfy.sh/topic", "ntfy"),
        ("http://grafana:3000/api/annotations", "grafana"),
        ("tgram://token/chat", "apprise"),
        ("https://example.com/hook", "json"),
        ("https://[bad", "json"),
    ],
)
def test_the_form_is_told_by_the_address(url: str, kind: str) -> None:
    assert kind_of(url) == kind


def read(folder: Path, text: str, **environment: str):
    (folder / "teal.yml").write_text(text, encoding="utf-8")
    return telling_of(decode(folder / "teal.yml", TealYml), folder, environment, None)  # type: ignore[arg-type]


def test_addresses_and_secrets_come_from_variables_and_files_and_are_known_as_secrets(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SLACK=https://hooks.slack.com/services/planted\n", encoding="utf-8")
    (tmp_path / "key").write_text("planted-key\n", encoding="utf-8")
    text = "notify:\n  - $SLACK\n  - {url: '${HOOK}', secret_file: key, token: $TOKEN, on: [deployed]}\n"
    found = read(tmp_path, text, HOOK="https://example.com/planted", TOKEN="planted-token")
    first, second = found.receivers
    assert (first.kind, first.shown, first.on) == ("slack", "slack at hooks.slack.com", UNASKED)
    assert (second.secret, second.token, second.on) == ("planted-key", "planted-token", ("deployed",))
    assert found.secrets == {first.url, second.url, "planted-key", "planted-token"}
    assert "planted" not in repr(found)


def test_a_variable_that_is_not_set_is_told_when_somebody_would_be(tmp_path: Path) -> None:
    assert [each.missing for each in read(tmp_path, "notify: [$NOBODY]\n").receivers] == ["NOBODY is not set"]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("notify: [x]\n", True),
        ("proxy: own\nmetrics : /x.prom\n", True),
        ("# notify:\nproxy: own\n", False),
        ("", False),
    ],
)
def test_a_glance_tells_whether_anybody_is_told(tmp_path: Path, text: str, found: bool) -> None:
    (tmp_path / "teal.yml").write_text(text, encoding="utf-8")
    assert tells(tmp_path) is found


def test_without_a_teal_yml_nobody_is_told(tmp_path: Path) -> None:
    assert not tells(tmp_path)
