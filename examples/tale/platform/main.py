"""platform: the web front of the stack; it alone is reached from outside.

GET /          the page          GET /ask?q=   question → answer, sources, way there, pages found
GET /site/…    the field guide   GET /chain    everyone who takes part in an answer
"""

import asyncio
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import aiohttp
from aiohttp import web
from metrics import use_metrics
from probes import use_probes
from tale.database import use_database
from tale.identity import identity_of
from tale.life import ME, new_app, run
from tale.peers import PORTS, ask, join_chain, use_peers

HERE = Path(__file__).parent
HOME = "/site/"
TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript"}
PAGES = {path.stem: path.read_bytes() for path in sorted((HERE / "site").glob("*.html"))}
ASSETS = {path.name: path.read_bytes() for path in sorted((HERE / "web").iterdir())}


async def asset(request: web.Request) -> web.Response:
    name = request.match_info.get("name") or "index.html"
    return web.Response(body=ASSETS[name], content_type=TYPES[Path(name).suffix], charset="utf-8")


async def site(request: web.Request) -> web.Response:
    page = PAGES.get(request.match_info["page"] or "index")
    if page is None:
        raise web.HTTPNotFound(text="no such page\n")
    return web.Response(body=page, content_type="text/html", charset="utf-8")


async def answer(request: web.Request) -> web.Response:
    question = request.query.get("q", "").replace("\0", "").strip()[:500]
    if not question:
        raise web.HTTPBadRequest(text="ask something: /ask?q=…\n")
    try:
        return web.json_response(await _answer(request.app, question))
    except (aiohttp.ClientError, TimeoutError) as problem:
        return web.json_response({"error": f"{type(problem).__name__}: {problem}"}, status=502)


async def _answer(app: web.Application, question: str) -> dict[str, Any]:
    """Ask all four services; the way to the first source is known only after the answer."""
    answered, found, rounds = await asyncio.gather(
        ask(app, "rag", "/answer", q=question),
        ask(app, "search", "/search", q=question, limit="5"),
        ask(app, "crawler", "/status"),
    )
    sources = answered["sources"]
    related, way = await asyncio.gather(
        ask(app, "graph-db", "/neighbours", id=sources[0]["url"] if sources else HOME),
        _way(app, sources[0]["url"] if sources else HOME),
    )
    last = rounds["rounds"][0] if rounds["rounds"] else None
    return {
        **answered,
        "served_by": app[ME].as_json(),
        "found": found,
        "related": related,
        "way": way,
        "crawled": last,
    }


async def _way(app: web.Application, url: str) -> list[dict[str, str]]:
    try:
        way: list[dict[str, str]] = await ask(app, "graph-db", "/path", source=HOME, target=url)
    except aiohttp.ClientResponseError as problem:
        if problem.status == 404:
            return []
        raise
    return way


def main() -> None:
    app = new_app(identity_of("platform"))
    use_metrics(app)
    use_database(app)
    use_peers(app)
    use_probes(app)
    join_chain(app, ["rag", "crawler"])
    app.router.add_get("/", asset)
    app.router.add_get("/{name:style.css|app.js}", asset)
    app.router.add_get("/site/{page:[a-z]*}", site)
    app.router.add_get("/ask", answer)
    if find_spec("notes"):  # they come with the history of the schema: see history/
        import_module("notes").use_notes(app)
    run(app, PORTS["platform"])


if __name__ == "__main__":
    main()
