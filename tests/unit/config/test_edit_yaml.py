"""What an answer adds to teal.yml, and that no other byte of it changes."""

from __future__ import annotations

import pytest

from teal.config.edit_yaml import Entries, added, lines
from teal.errors import ConfigError

SAFE: Entries = {("safe_volumes",): ("uploads",)}
SHARED: Entries = {("services", "forge"): "shared"}


@pytest.mark.parametrize(
    ("before", "entries", "after"),
    [
        ("", SAFE, "safe_volumes: [uploads]\n"),
        ("# only a comment\n", SHARED, "# only a comment\nservices: {forge: shared}\n"),
        ("retire: keep # why", SAFE, "retire: keep # why\nsafe_volumes: [uploads]\n"),
        ("safe_volumes: [ a,  b ] # two\n", SAFE, "safe_volumes: [ a,  b, uploads ] # two\n"),
        ("safe_volumes: []\n", SAFE, "safe_volumes: [uploads]\n"),
        ("safe_volumes:\nretire: keep\n", SAFE, "safe_volumes: [uploads]\nretire: keep\n"),
        (
            "safe_volumes:\n  - a # one\n\n# next\nretire: keep\n",
            SAFE,
            "safe_volumes:\n  - a # one\n  - uploads\n\n# next\nretire: keep\n",
        ),
        ("safe_volumes:\n- a", SAFE, "safe_volumes:\n- a\n- uploads\n"),
        ("services: {a: worker}\n", SHARED, "services: {a: worker, forge: shared}\n"),
        ("services: {}\n", SHARED, "services: {forge: shared}\n"),
        (
            "services:\n    a: worker  # yes\n    # above\nretire: keep\n",
            SHARED,
            "services:\n    a: worker  # yes\n    forge: shared\n    # above\nretire: keep\n",
        ),
        ("services: {forge: worker} # so\n", SHARED, "services: {forge: shared} # so\n"),
        ("services:\n  forge: 'worker'\n", SHARED, "services:\n  forge: shared\n"),
        ("retire: keep\r\n", SAFE, "retire: keep\r\nsafe_volumes: [uploads]\r\n"),
        ("hooks:\n  pre-deploy:\n    - |\n      one\n      two\n", SAFE, None),
        ("{retire: keep}\n", SAFE, "{retire: keep, safe_volumes: [uploads]}\n"),
        ("safe_volumes: [uploads]\n", SAFE, "safe_volumes: [uploads]\n"),
        ("", {("safe_volumes",): ("/srv/a b", "*.x", "true")}, 'safe_volumes: ["/srv/a b", "*.x", "true"]\n'),
        ("", {("routes", "web", "port"): 3000}, "routes: {web: {port: 3000}}\n"),
        ("retire: keep\n...\n", SAFE, "retire: keep\nsafe_volumes: [uploads]\n...\n"),
        (
            "routes:\n  web:\n    port: 3000\n  api: {port: 1}\n",
            {("routes", "web", "probe"): "/up"},
            "routes:\n  web:\n    port: 3000\n    probe: /up\n  api: {port: 1}\n",
        ),
    ],
)
def test_an_entry_is_added_and_all_else_stays(before: str, entries: Entries, after: str | None) -> None:
    made = added(before, entries)
    assert made == (f"{before}safe_volumes: [uploads]\n" if after is None else after)
    assert added(made, entries) == made


def test_several_answers_share_their_keys() -> None:
    entries = {("services", "a"): "shared", ("services", "b"): "worker", ("safe_volumes",): ("x", "y")}
    assert lines(entries) == "services: {a: shared, b: worker}\nsafe_volumes: [x, y]\n"


@pytest.mark.parametrize("text", ["a: &x {b: worker}\nservices: *x\n", "services: [a]\n"])
def test_what_can_not_be_edited_is_said_with_the_line(text: str) -> None:
    with pytest.raises(ConfigError) as refused:
        added(text, SHARED)
    assert "services: {forge: shared}" in refused.value.hint
