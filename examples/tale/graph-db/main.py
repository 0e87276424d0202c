"""graph-db: a small graph of named nodes and directed edges, kept in PostgreSQL.

GET    /nodes               every node
PUT    /graph               {"nodes": [{"id", "label"}], "edges": [{"source", "target"}]}: added; the
                            edges given replace all that went out from the same sources
DELETE /nodes?id=           the node and its edges
GET    /neighbours?id=      what it leads to and what leads to it
GET    /path?source=&target=  a shortest path of edges, or 404
"""

import asyncpg
from aiohttp import web
from tale.database import POOL, use_database
from tale.identity import identity_of
from tale.life import new_app, run
from tale.peers import PORTS, join_chain

MAX_HOPS = 12
LABELS = "SELECT id, label FROM nodes WHERE id = ANY($1::text[])"


async def nodes(request: web.Request) -> web.Response:
    rows = await request.app[POOL].fetch("SELECT id, label FROM nodes ORDER BY id")
    return web.json_response([dict(row) for row in rows])


async def put_graph(request: web.Request) -> web.Response:
    graph = await request.json()
    # In one order everywhere: two colors that store the same graph wait for each other, and don't deadlock.
    named = sorted((node["id"], node["label"]) for node in graph.get("nodes", []))
    edges = sorted({(edge["source"], edge["target"]) for edge in graph.get("edges", [])})
    async with request.app[POOL].acquire() as connection, connection.transaction():
        await connection.executemany(
            "INSERT INTO nodes (id, label) VALUES ($1, $2) ON CONFLICT (id) DO UPDATE SET label = excluded.label"
            " WHERE nodes.label <> excluded.label",
            named,
        )
        await _replace_edges(connection, edges)
    return web.json_response({"nodes": len(named), "edges": len(edges)})


async def _replace_edges(connection: asyncpg.pool.PoolConnectionProxy, edges: list[tuple[str, str]]) -> None:
    sources = [source for source, _ in edges]
    targets = [target for _, target in edges]
    await connection.execute(
        "DELETE FROM edges WHERE source = ANY($1::text[])"
        " AND (source, target) NOT IN (SELECT * FROM unnest($1::text[], $2::text[]))",
        sources,
        targets,
    )
    await connection.execute(
        "INSERT INTO edges (source, target) SELECT * FROM unnest($1::text[], $2::text[]) AS e(source, target)"
        " WHERE EXISTS (SELECT FROM nodes WHERE id = e.source) AND EXISTS (SELECT FROM nodes WHERE id = e.target)"
        " ON CONFLICT DO NOTHING",
        sources,
        targets,
    )


async def delete_node(request: web.Request) -> web.Response:
    found = await request.app[POOL].fetchval(
        "DELETE FROM nodes WHERE id = $1 RETURNING id", request.query.get("id", "")
    )
    return web.json_response({"deleted": found}, status=200 if found else 404)


async def neighbours(request: web.Request) -> web.Response:
    rows = await request.app[POOL].fetch(
        "SELECT n.id, n.label, bool_or(e.source = $1) AS leads_to, bool_or(e.target = $1) AS led_from"
        " FROM edges e JOIN nodes n ON n.id = CASE WHEN e.source = $1 THEN e.target ELSE e.source END"
        " WHERE $1 IN (e.source, e.target) AND n.id <> $1 GROUP BY n.id, n.label ORDER BY n.label",
        request.query.get("id", ""),
    )
    return web.json_response([dict(row) for row in rows])


async def path(request: web.Request) -> web.Response:
    source, target = request.query.get("source", ""), request.query.get("target", "")
    ids = await shortest_path(request.app[POOL], source, target)
    if ids is None:
        return web.json_response({"error": f"no path from {source} to {target}"}, status=404)
    labels = {row["id"]: row["label"] for row in await request.app[POOL].fetch(LABELS, ids)}
    return web.json_response([{"id": node, "label": labels.get(node, node)} for node in ids])


async def shortest_path(pool: asyncpg.Pool, source: str, target: str) -> list[str] | None:
    """Return the nodes of a shortest path, breadth first: one query for each hop."""
    if await pool.fetchval("SELECT count(*) FROM nodes WHERE id IN ($1, $2)", source, target) < len({source, target}):
        return None
    came_from: dict[str, str] = {source: source}
    frontier = [source]
    for _ in range(MAX_HOPS):
        if target in came_from or not frontier:
            break
        rows = await pool.fetch(
            "SELECT source, target FROM edges WHERE source = ANY($1::text[]) ORDER BY source, target", frontier
        )
        fresh = {row["target"]: row["source"] for row in reversed(rows) if row["target"] not in came_from}
        came_from.update(fresh)
        frontier = sorted(fresh)
    return _walk_back(came_from, target) if target in came_from else None


def _walk_back(came_from: dict[str, str], target: str) -> list[str]:
    steps = [target]
    while came_from[steps[-1]] != steps[-1]:
        steps.append(came_from[steps[-1]])
    return steps[::-1]


def main() -> None:
    app = new_app(identity_of("graph-db"))
    use_database(app)
    join_chain(app)
    app.router.add_get("/nodes", nodes)
    app.router.add_put("/graph", put_graph)
    app.router.add_delete("/nodes", delete_node)
    app.router.add_get("/neighbours", neighbours)
    app.router.add_get("/path", path)
    run(app, PORTS["graph-db"])


if __name__ == "__main__":
    main()
