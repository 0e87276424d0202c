"""Deployment labels, if any: every answer says in its headers where it was made."""

import os
import socket
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Message, Receive, Send], Awaitable[None]]

COLOR = os.environ.get("TEAL_COLOR", "plain")
RELEASE = os.environ.get("TEAL_RELEASE", "0")
CONTAINER = socket.gethostname()  # the container's short id, unless it was given a host name

# The ASGI messages that carry the headers of an answer.
ANSWERS = {"http.response.start", "websocket.accept", "websocket.http.response.start"}


def labels(service: str) -> dict[str, str]:
    """Return which service of which deployment this process is."""
    return {"service": service, "color": COLOR, "release": RELEASE}


class Labelled:
    """An ASGI application whose answers, errors and WebSockets too, bear the labels.

    X-Started is the time at which the request reached the application, in seconds since the epoch.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        headers = [
            (b"x-color", COLOR.encode()),
            (b"x-release", RELEASE.encode()),
            (b"x-started", f"{time.time():.6f}".encode()),
        ]

        async def send_labelled(message: Message) -> None:
            if message["type"] in ANSWERS:
                message = {**message, "headers": [*message.get("headers", ()), *headers]}
            await send(message)

        await self.app(scope, receive, send_labelled)
