"""search: full-text search with ranking over the pages that the crawler stored.

GET /search?q=&limit=   pages, best first, with a headline in which the words found are marked
"""

from aiohttp import web
from tale.database import POOL, use_database
from tale.identity import identity_of
from tale.life import new_app, run
from tale.peers import PORTS, join_chain

# A question holds words that the page hasn't: any of them will do, the rank says how well they fit.
# The words of the title weigh more; 1|32: long pages don't win by length, and ranks lie between 0 and 1.
QUERY = """
WITH asked AS (
    SELECT nullif(replace(plainto_tsquery('english', $1)::text, '&', '|'), '')::tsquery AS words
)
SELECT url, title, ts_rank_cd(words_index, words, 1|32) AS rank,
       ts_headline('english', body, words, 'StartSel=[[, StopSel=]], MaxWords=28, MinWords=12') AS headline
FROM pages, asked
WHERE words_index @@ words
ORDER BY rank DESC, url
LIMIT $2
"""
MAX_RESULTS = 50


async def search(request: web.Request) -> web.Response:
    limit = request.query.get("limit", "10")
    if not limit.isdecimal():
        return web.json_response({"error": "limit is a number"}, status=400)
    rows = await request.app[POOL].fetch(QUERY, request.query.get("q", ""), min(int(limit), MAX_RESULTS))
    return web.json_response([dict(row) for row in rows])


def main() -> None:
    app = new_app(identity_of("search"))
    use_database(app)
    join_chain(app)
    app.router.add_get("/search", search)
    run(app, PORTS["search"])


if __name__ == "__main__":
    main()
