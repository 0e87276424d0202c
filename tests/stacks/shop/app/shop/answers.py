"""Endpoints that the front end and the API have in common."""

import asyncio
from collections.abc import Sequence

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


async def echo(request: Request) -> Response:
    """Return the body as it came; without one the query, as it came."""
    kind = request.headers.get("content-type", "application/octet-stream")
    said = await request.body() or request.scope["query_string"]
    return Response(said, headers={"content-type": kind})


async def slow(request: Request) -> Response:
    """Answer after ?seconds=, at most 60."""
    seconds = min(float(request.query_params.get("seconds", "2")), 60)
    await asyncio.sleep(seconds)
    return JSONResponse({"slept": seconds})


COMMON: Sequence[Route] = (
    Route("/echo", echo, methods=["GET", "POST"]),
    Route("/slow", slow),
)
