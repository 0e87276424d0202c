"""Two releases of an application as the database meets them: the old one, and one that a contract waits for."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from time import monotonic
from typing import Any

LONGEST = 1.0  # seconds that a statement of an application may take while a change is applied
_REVIEW = "INSERT INTO reviews (product_id, author, {more}stars, code, price, status, body) VALUES"
COMMON = (
    "SELECT id, product_id, author, stars, code, price, status, body FROM reviews WHERE id = {n}",
    "UPDATE reviews SET price = price + 1 WHERE id = {n}",
    "UPDATE reviews SET body = 'changed' WHERE id = {n}",
    "SELECT id, name FROM tags WHERE name = 'tag {n}'",
    "INSERT INTO tags (id, name) VALUES ({n}, 'tag {n}') ON CONFLICT (name) DO NOTHING",
    "SELECT time, device, value, note FROM metrics WHERE device = {n} ORDER BY time DESC LIMIT 1",
    "UPDATE metrics SET note = 'seen' WHERE device = 1 AND time > now() - interval '1 minute'",
    "INSERT INTO events (id, at, what) VALUES ({n}, '2026-06-01', 'what')",
    "SELECT what FROM events WHERE id = {n} LIMIT 1",
    "SELECT id, author, stars FROM review_list WHERE id = {n}",
    "SELECT reviews FROM review_stats WHERE product_id = {n}",
    "SELECT review_score({n})",
    "INSERT INTO products (id, name) VALUES ({n}, 'p') ON CONFLICT (id) DO UPDATE SET name = excluded.name",
)
OLD = (
    *COMMON,
    _REVIEW.format(more="legacy, nick, ") + " (0, 'old', 'x', 'nick', 0, 'dup', 1, 'new', 'b')",
    _REVIEW.format(more="legacy, ") + " (1, 'old', 'x', NULL, 'dup', 1, 'new', 'b')",
    "SELECT legacy, nick FROM reviews WHERE id = {n}",
    "INSERT INTO reviews (product_id, author, legacy) VALUES (1, 'short lived', 'x')",
    "DELETE FROM reviews WHERE author = 'short lived'",
    "INSERT INTO metrics (time, device, value, note, old_note) VALUES (now(), 1, 1, 'n', 'o')",
    "SELECT old_note FROM metrics WHERE device = {n} LIMIT 1",
    "SELECT id, text FROM old_list WHERE id = {n}",
    "SELECT text FROM drafts WHERE id = {n}",
    "UPDATE notes SET text = 'note {n}' WHERE id = {n}",
    "INSERT INTO notes (id, text) VALUES ({new}, 'note')",
    "SELECT text FROM notes WHERE id = {n}",
    "INSERT INTO plain_list (number, name) VALUES (0, NULL)",
    "SELECT name FROM plain_list WHERE number = {n}",
    "INSERT INTO codes (number, code) VALUES ({new}, NULL)",
    "SELECT old_score({n})",
    "SELECT id FROM tags WHERE feeling = 'good' LIMIT 1",
)
LATER = (  # it uses nothing that a safe contract of the corpus takes away, and breaks no rule that one sets
    *COMMON,
    _REVIEW.format(more="{legacy}") + " (1, 'new', {x}5, 'new {new}', 1, 'new', 'b')",
    "INSERT INTO metrics (time, device, value, note) VALUES (now(), 1, 1, 'n')",
    "INSERT INTO codes (number, code) VALUES ({new}, 'code {new}')",
    "SELECT number, name FROM plain_list WHERE number = {n}",
    "INSERT INTO plain_list (number, name) VALUES ({new}, 'name')",
    "SELECT id FROM drafts WHERE id = {n}",
)
_numbers = count(1_000_000)


@dataclass
class Seen:
    """What the application met."""

    statements: int = 0
    failed: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    longest: float = 0.0
    slowest: str = ""


def statements(*, later: bool, freed: bool) -> Iterator[str]:
    """Yield one pass of a release; *freed*: the later one no longer writes ``legacy``."""
    words = {"legacy": "", "x": ""} if freed else {"legacy": "legacy, ", "x": "'x', "}
    for one in LATER if later else OLD:
        number = next(_numbers)
        yield one.format(n=number % 40 + 1, new=number, **words)


async def use(connection: Any, seen: Seen, stop: asyncio.Event, *, later: bool, freed: bool) -> None:
    """Run passes until *stop*, at least two; statements are prepared once and kept, as drivers do."""
    passes = 0
    while passes < 2 or not stop.is_set():
        for sql in statements(later=later, freed=freed):
            await _timed(connection, sql, seen)
        passes += 1


async def _timed(connection: Any, sql: str, seen: Seen) -> None:
    began = monotonic()
    try:
        await connection.fetch(sql)
    except Exception as error:
        seen.failed.append(f"{sql}: {error}")
    took = monotonic() - began
    seen.statements += 1
    if took > seen.longest:
        seen.longest, seen.slowest = took, sql
