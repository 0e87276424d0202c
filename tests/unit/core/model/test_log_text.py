"""What is shown of a log or an answer."""

from __future__ import annotations

import pytest

from teal.core.model.log_text import LONGEST, condensed, first_words, last_line, troubled

TRACE = """Traceback (most recent call last):
  File "/app/db.py", line 7, in ask
psycopg.errors.UndefinedTable: relation "ducks" does not exist"""


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", ""),
        ("\n \n no such   table: ducks\nat line 1", "no such table: ducks"),
        ('{"error": "no such table"}', '{"error": "no such table"}'),
        ("<html><title>\nOperationalError\n  at /</title><body>x", "OperationalError at /"),
        ("<!-- c --><style>p {}</style><h1>Oops</h1>\nmore", "Oops"),
        ("a < b", "a < b"),
        ("x" * 500, "x" * (LONGEST - 1) + "…"),
    ],
)
def test_of_an_answer_its_first_words_are_shown(text: str, words: str) -> None:
    assert first_words(text) == words


def test_of_what_a_healthcheck_says_all_is_shown_or_where_it_is_long_the_last_line() -> None:
    assert last_line("not\nyet\n") == "not yet"
    assert last_line(TRACE + "\n" + "  at x\n" * 50 + "LookupError: no ducks\n\n") == "LookupError: no ducks"
    assert last_line("") == ""


def test_lines_that_say_the_same_are_one_so_that_a_probe_leaves_the_traceback_to_be_seen() -> None:
    probes = [f'172.18.0.1:{port} - "GET / HTTP/1.1" 500 Internal Server Error' for port in range(40000, 40100)]
    log = "\n".join(["booting", *probes[:50], TRACE, *probes[50:], TRACE, ""])
    assert condensed(log, 20).splitlines() == [
        "booting",
        f"{probes[-1]}  (100 times)",
        *(f"{line}  (2 times)" for line in TRACE.splitlines()),
    ]
    assert condensed(log, 1) == f"{TRACE.splitlines()[-1]}  (2 times)"
    assert condensed("\n\n", 5) == ""


def test_a_log_speaks_of_trouble_or_does_not() -> None:
    assert troubled(f"all well\n{TRACE}")
    assert troubled("FATAL: password authentication failed")
    assert not troubled("listening on port 3000\nready")
