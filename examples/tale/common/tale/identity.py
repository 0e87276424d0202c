"""Who answers: the service, its color and its release, and the headers that say so."""

import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from aiohttp import web

STARTED = web.RequestKey("started", float)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True)
class Identity:
    """One running service of one release."""

    service: str
    color: str
    release: str

    def as_json(self) -> dict[str, str]:
        """Return the form in which `/chain` lists everyone who took part."""
        return {"service": self.service, "color": self.color, "release": self.release}


def identity_of(service: str) -> Identity:
    """Return this process's identity; without Teal, a stack is `plain` and its release 0."""
    return Identity(service, os.environ.get("TEAL_COLOR") or "plain", os.environ.get("TEAL_RELEASE") or "0")


def sign(app: web.Application, me: Identity) -> None:
    """Make every answer of *app*, streams and WebSockets too, name its color and release.

    `X-Started` is when the application began the request, `X-Time` when it began the answer: seconds
    since 1970 with microseconds, so that a switch can be timed from outside.
    """

    @web.middleware
    async def stamp(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[STARTED] = time.time()
        return await handler(request)

    async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
        now = time.time()
        response.headers["X-Color"] = me.color
        response.headers["X-Release"] = me.release
        response.headers["X-Started"] = f"{request.get(STARTED, now):.6f}"
        response.headers["X-Time"] = f"{now:.6f}"

    app.middlewares.append(stamp)
    app.on_response_prepare.append(add_headers)
