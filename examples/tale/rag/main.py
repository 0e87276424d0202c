"""rag: retrieval over the passages of the crawled pages, and an answer quoted from them.

PUT    /documents        {"url", "title", "body"}: split into passages and embedded; unchanged ones are kept
DELETE /documents?url=
GET    /retrieve?q=      passages by distance of their embeddings
GET    /answer?q=        the sentences that fit best, with their sources; `search` has a say in the order
"""

import math
import re
from dataclasses import asdict, dataclass

import aiohttp
import asyncpg
from aiohttp import web
from embedding import embed, words
from tale.database import POOL, use_database
from tale.identity import identity_of
from tale.life import new_app, run
from tale.peers import PORTS, ask, join_chain, use_peers

NEAREST = """
SELECT url, title, body, 1 - (embedding <=> $1::text::vector) AS likeness
FROM passages ORDER BY embedding <=> $1::text::vector LIMIT $2
"""
FOUND_BY_SEARCH = 0.4  # what the first result of the full-text search adds to a likeness; later ones less
MAX_SOURCES = 3
MAX_SENTENCES = 3
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z])")


@dataclass(slots=True)
class Passage:
    """A paragraph, and how well it fits a question."""

    url: str
    title: str
    body: str
    score: float


async def put_document(request: web.Request) -> web.Response:
    document = await request.json()
    url, title = document["url"], document["title"]
    bodies = [part.strip() for part in document["body"].split("\n\n") if part.strip()]
    async with request.app[POOL].acquire() as connection, connection.transaction():
        stored = await connection.fetch("SELECT title, body FROM passages WHERE url = $1 ORDER BY place", url)
        if [(row["title"], row["body"]) for row in stored] == [(title, body) for body in bodies]:
            return web.json_response({"url": url, "passages": len(bodies), "changed": False})
        await connection.execute("DELETE FROM passages WHERE url = $1", url)
        await connection.executemany(
            "INSERT INTO passages (url, place, title, body, embedding) VALUES ($1, $2, $3, $4, $5::text::vector)",
            [(url, place, title, body, _vector(f"{title} {body}")) for place, body in enumerate(bodies)],
        )
    return web.json_response({"url": url, "passages": len(bodies), "changed": True})


async def delete_document(request: web.Request) -> web.Response:
    await request.app[POOL].execute("DELETE FROM passages WHERE url = $1", request.query.get("url", ""))
    return web.json_response({"deleted": request.query.get("url", "")})


async def retrieve(request: web.Request) -> web.Response:
    passages = await nearest(request.app[POOL], request.query.get("q", ""), 5)
    return web.json_response([asdict(passage) for passage in passages])


async def answer(request: web.Request) -> web.Response:
    question = request.query.get("q", "").strip()
    try:
        found = await ask(request.app, "search", "/search", q=question, limit="5")
    except (aiohttp.ClientError, TimeoutError) as problem:
        return web.json_response({"error": f"search: {type(problem).__name__}"}, status=502)
    passages = _rank(await nearest(request.app[POOL], question, 12), [page["url"] for page in found])
    sentences = _best_sentences(question, passages)
    return web.json_response(
        {
            "question": question,
            "answer": " ".join(sentence for sentence, _ in sentences) or "Nothing on these pages answers that.",
            "sources": _sources([passage for _, passage in sentences]),
        }
    )


async def nearest(pool: asyncpg.Pool, question: str, limit: int) -> list[Passage]:
    """Return the passages whose embeddings are nearest to that of *question*."""
    if not words(question):
        return []
    rows = await pool.fetch(NEAREST, _vector(question), limit)
    return [Passage(row["url"], row["title"], row["body"], row["likeness"]) for row in rows]


def _vector(text: str) -> str:
    return "[" + ",".join(f"{value:.6f}" for value in embed(text)) + "]"


def _rank(passages: list[Passage], found: list[str]) -> list[Passage]:
    for passage in passages:
        if passage.url in found:
            passage.score += FOUND_BY_SEARCH / (1 + found.index(passage.url))
    return sorted(passages, key=lambda passage: -passage.score)


def _best_sentences(question: str, passages: list[Passage]) -> list[tuple[str, Passage]]:
    """Return the sentences that share the telling words of *question*, in the order of reading."""
    weights = _weights(question, passages)
    scored: list[tuple[float, int, str, Passage]] = []
    for passage in passages:
        titled = set(words(passage.title))
        for sentence in _SENTENCE.split(passage.body):
            said = set(words(sentence))
            if said & weights.keys():
                score = passage.score + sum(weight for word, weight in weights.items() if word in said | titled)
                scored.append((score, len(scored), sentence, passage))
    top = max((score for score, *_ in scored), default=0.0)
    best = sorted((entry for entry in scored if entry[0] > top * 0.75), key=lambda entry: -entry[0])[:MAX_SENTENCES]
    return [(sentence, passage) for _, _, sentence, passage in sorted(best, key=lambda entry: entry[1])]


def _weights(question: str, passages: list[Passage]) -> dict[str, float]:
    """Return how much each word of *question* tells: little, if most passages have it."""
    said = [set(words(passage.body)) for passage in passages]
    counts = {word: sum(word in body for body in said) for word in set(words(question))}
    return {word: math.log(1 + len(said) / count) for word, count in counts.items() if count}


def _sources(passages: list[Passage]) -> list[dict[str, str | float]]:
    pages = {passage.url: passage for passage in reversed(passages)}
    ordered = sorted(pages.values(), key=lambda passage: -passage.score)[:MAX_SOURCES]
    return [{"url": page.url, "title": page.title, "score": round(page.score, 3)} for page in ordered]


def main() -> None:
    app = new_app(identity_of("rag"))
    use_database(app)
    use_peers(app)
    join_chain(app, ["search"])
    app.router.add_put("/documents", put_document)
    app.router.add_delete("/documents", delete_document)
    app.router.add_get("/retrieve", retrieve)
    app.router.add_get("/answer", answer)
    run(app, PORTS["rag"])


if __name__ == "__main__":
    main()
