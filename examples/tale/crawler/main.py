"""crawler: fetches the pages of a site on a schedule, stores text and links, tells rag and graph-db.

GET /status   the last rounds: when, how many pages, by which color and release
GET /pages    what is stored

Two crawlers may run at once, one of each color. A lock in the database lets one of them do a round, and
the time of the last round keeps the other from doing it again.

`CRAWL_SECONDS`  from one round to the next (default 60)
`CRAWL_START`    where a round begins (default /site/)
"""

import asyncio
import os
from collections.abc import AsyncIterator, Iterable
from datetime import UTC, datetime

import aiohttp
import asyncpg
from aiohttp import web
from pages import Page, read_page
from tale.database import POOL, use_database
from tale.identity import identity_of
from tale.life import ME, STOPPING, new_app, run, say
from tale.peers import PORTS, SESSION, join_chain, tell, url_of, use_peers

LOCK = 0x7A1E  # any number that nothing else in this database locks
RETRY_SECONDS = 1.0
MAX_PAGES = 500
EVERY = float(os.environ.get("CRAWL_SECONDS") or 60)
START = os.environ.get("CRAWL_START") or "/site/"
EXPECTED = (aiohttp.ClientError, OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError)


async def crawl_on_schedule(app: web.Application) -> None:
    """Do the rounds that are due until the service stops."""
    wait = 0.0
    while not await _stops_within(app, wait):
        try:
            await round_if_due(app)
            wait = min(EVERY, 5.0)
        except EXPECTED as problem:
            say(app[ME], f"round failed: {type(problem).__name__}: {problem}")
            wait = RETRY_SECONDS


async def _stops_within(app: web.Application, seconds: float) -> bool:
    try:
        await asyncio.wait_for(app[STOPPING].wait(), max(seconds, 0.01))
    except TimeoutError:
        return False
    return True


async def round_if_due(app: web.Application) -> None:
    """Do one round if the last is long enough ago and no other crawler is at it."""
    async with app[POOL].acquire() as connection:
        if not await connection.fetchval("SELECT pg_try_advisory_lock($1)", LOCK):
            return
        try:
            due = await connection.fetchval(
                "SELECT coalesce(max(begun) < now() - make_interval(secs => $1), true) FROM crawl_rounds",
                EVERY,
            )
            if due:
                await crawl(app, connection)
        finally:
            await connection.execute("SELECT pg_advisory_unlock($1)", LOCK)


async def crawl(app: web.Application, connection: asyncpg.pool.PoolConnectionProxy) -> None:
    """Fetch everything that can be reached from the start and store it."""
    me, begun = app[ME], datetime.now(UTC)
    pages = await fetch_site(app)
    if app[STOPPING].is_set():
        return
    for page in pages:
        await _store(connection, page)
        await tell(app, "rag", "/documents", {"url": page.url, "title": page.title, "body": page.body})
    await tell(app, "graph-db", "/graph", _graph(pages))
    await _forget_all_but(app, connection, [page.url for page in pages])
    number = await connection.fetchval(
        "INSERT INTO crawl_rounds (begun, pages, color, release) VALUES ($1, $2, $3, $4) RETURNING id",
        begun,
        len(pages),
        me.color,
        me.release,
    )
    say(me, f"round {number}: {len(pages)} pages")


async def fetch_site(app: web.Application) -> list[Page]:
    """Return the pages that can be reached from the start, each once; stop early when the service stops."""
    waiting, seen, pages = [START], {START}, list[Page]()
    while waiting and len(pages) < MAX_PAGES and not app[STOPPING].is_set():
        url = waiting.pop(0)
        async with app[SESSION].get(url_of("platform", url)) as answer:
            if answer.status == 404:
                continue  # a dead link is no reason to give up the round
            answer.raise_for_status()
            page = read_page(url, await answer.text())
        pages.append(page)
        fresh = [link for link in page.links if link.startswith(START) and link not in seen]
        seen.update(fresh)
        waiting.extend(fresh)
    return pages


async def _store(connection: asyncpg.pool.PoolConnectionProxy, page: Page) -> None:
    await connection.execute(
        "INSERT INTO pages (url, title, body) VALUES ($1, $2, $3) ON CONFLICT (url) DO UPDATE"
        " SET title = excluded.title, body = excluded.body, fetched = excluded.fetched",
        page.url,
        page.title,
        page.body,
    )


def _graph(pages: Iterable[Page]) -> dict[str, list[dict[str, str]]]:
    known = {page.url: page for page in pages}
    return {
        "nodes": [{"id": url, "label": page.title} for url, page in known.items()],
        "edges": [
            {"source": url, "target": link} for url, page in known.items() for link in page.links if link in known
        ],
    }


async def _forget_all_but(app: web.Application, connection: asyncpg.pool.PoolConnectionProxy, urls: list[str]) -> None:
    gone = await connection.fetch("DELETE FROM pages WHERE url <> ALL($1::text[]) RETURNING url", urls)
    for row in gone:
        for service, path, key in (("rag", "/documents", "url"), ("graph-db", "/nodes", "id")):
            async with app[SESSION].delete(url_of(service, path), params={key: row["url"]}):
                pass


async def status(request: web.Request) -> web.Response:
    rows = await request.app[POOL].fetch(
        "SELECT id, begun, ended, pages, color, release FROM crawl_rounds ORDER BY id DESC LIMIT 10"
    )
    rounds = [dict(row) | {"begun": _time(row["begun"]), "ended": _time(row["ended"])} for row in rows]
    return web.json_response({"every": EVERY, "rounds": rounds})


async def pages(request: web.Request) -> web.Response:
    rows = await request.app[POOL].fetch("SELECT url, title, length(body) AS size FROM pages ORDER BY url")
    return web.json_response([dict(row) for row in rows])


def _time(moment: object) -> str | None:
    return moment.isoformat() if hasattr(moment, "isoformat") else None


async def _crawling(app: web.Application) -> AsyncIterator[None]:
    task = asyncio.create_task(crawl_on_schedule(app))
    yield
    await asyncio.wait([task], timeout=5)  # the page at hand is stored, the round is given up
    task.cancel()


def main() -> None:
    app = new_app(identity_of("crawler"))
    use_database(app)
    use_peers(app)
    join_chain(app, ["graph-db"])
    app.router.add_get("/status", status)
    app.router.add_get("/pages", pages)
    app.cleanup_ctx.append(_crawling)
    run(app, PORTS["crawler"])


if __name__ == "__main__":
    main()
