"""The front end: the page, and what streams to it."""

import asyncio
import html
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from shop.answers import COMMON
from shop.labels import Labelled, labels
from shop.lifetime import boot
from shop.settings import API_URL, settings

PAGE = """<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>{title}</title>
<link rel="stylesheet" href="/static/shop.css">
<h1>{title}</h1>
<table>{rows}</table>
"""


async def page(request: Request) -> Response:
    """Show what is on sale."""
    answer = await request.app.state.api.get("/products")
    rows = (
        f"<tr><td>{html.escape(name)}</td><td>{cents / 100:.2f}</td></tr>"
        for name, cents in answer.raise_for_status().json().items()
    )
    return HTMLResponse(PAGE.format(title=html.escape(settings()["title"]), rows="".join(rows)))


async def chain(request: Request) -> Response:
    """Return who takes part in an answer: the front end, then the API."""
    answer = await request.app.state.api.get("/chain")
    return JSONResponse([labels("web"), *answer.raise_for_status().json()])


async def events(request: Request) -> Response:
    """Stream ?count= events (0: without end), one each ?interval= seconds."""
    count = int(request.query_params.get("count", "10"))
    interval = float(request.query_params.get("interval", "1"))
    return StreamingResponse(
        _events(count, interval), media_type="text/event-stream", headers={"cache-control": "no-cache"}
    )


async def _events(count: int, interval: float) -> AsyncIterator[str]:
    number = 0
    while count == 0 or number < count:
        if number:
            await asyncio.sleep(interval)
        number += 1
        yield f"id: {number}\ndata: {json.dumps({'number': number, **labels('web')})}\n\n"


async def ws(socket: WebSocket) -> None:
    """Send back each message, text as text and bytes as bytes."""
    await socket.accept()
    while (message := await socket.receive())["type"] == "websocket.receive":
        if message.get("text") is not None:
            await socket.send_text(message["text"])
        else:
            await socket.send_bytes(message["bytes"])


async def api_is_away(request: Request, error: Exception) -> Response:
    """Say that the page can't be made now."""
    return JSONResponse({"error": f"the API does not answer: {type(error).__name__}"}, status_code=502)


@asynccontextmanager
async def lifespan(app: Starlette) -> AsyncIterator[None]:
    """Boot; keep connections to the API open until the end."""
    await boot()
    async with httpx.AsyncClient(base_url=API_URL, timeout=10, trust_env=False) as api:
        app.state.api = api
        yield


app = Labelled(
    Starlette(
        routes=[
            *COMMON,
            Route("/", page),
            Route("/chain", chain),
            Route("/events", events),
            WebSocketRoute("/ws", ws),
        ],
        exception_handlers={httpx.HTTPError: api_is_away},
        lifespan=lifespan,
    )
)
