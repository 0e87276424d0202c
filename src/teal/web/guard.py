"""Stands before every route: refuses foreign hosts and origins, shows strangers the door, sends the strict headers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import HTMLResponse

from teal.web.visitors import Book, Visitor

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; frame-ancestors 'none'; base-uri 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
}
_LOCAL = frozenset({"127.0.0.1", "localhost", "[::1]"})
_OPEN = ("/static/", "/login")  # for strangers, too


@dataclass(frozen=True, slots=True)
class Doors:
    """By which names the page is reached, and how it tells one browser from another."""

    book: Book
    hosts: frozenset[str] = frozenset()  # beside this machine's own names
    root: str = ""  # the path below which a proxy shows the page
    cookie: str = "teal"

    def knows(self, host: str) -> bool:
        """Tell whether *host*, as a request names it, means this page: another one may be a rebound DNS name."""
        return _without_port(host.lower()) in _LOCAL | self.hosts


class Guard:
    """The outermost of the application's rooms."""

    def __init__(self, app: ASGIApp, *, doors: Doors, strangers: str) -> None:
        """*strangers* is what they are shown."""
        self._app = app
        self._doors = doors
        self._strangers = strangers

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            return
        scope["path"] = _below(scope["path"], self._doors.root)
        headers = Headers(scope=scope)
        refused = self._refusal(scope["method"], headers)
        if refused:
            await _plain(403, refused)(scope, receive, _with_headers(send))
            return
        peer = (scope.get("client") or ("", 0))[0]
        visitor = self._doors.book.visitor(peer, headers, _cookie(headers, self._doors.cookie))
        if visitor is None and not scope["path"].startswith(_OPEN):
            await HTMLResponse(self._strangers, 401)(scope, receive, _with_headers(send))
            return
        scope.setdefault("state", {})["visitor"] = visitor
        await self._app(scope, receive, _with_headers(send, cached=scope["path"].startswith("/static/")))

    def _refusal(self, method: str, headers: Mapping[str, str]) -> str:
        """Return why a request is refused, "" where it isn't."""
        host = headers.get("host", "")
        if not self._doors.knows(host):
            return "this page is not known by that name: `teal dashboard --host NAME` tells it another one"
        if method in {"GET", "HEAD"}:
            return ""
        origin = headers.get("origin", "").lower()
        if origin.partition("://")[2] != host.lower():
            return "this did not come from the page itself"
        return ""


def visitor_of(scope: Scope) -> Visitor:
    """Return who asks; the guard has let nobody else in."""
    found = scope["state"]["visitor"]
    assert isinstance(found, Visitor)
    return found


def _without_port(host: str) -> str:
    name, colon, port = host.rpartition(":")
    return name if colon and port.isdecimal() else host


def _below(path: str, root: str) -> str:
    """Return *path* without *root*: some proxies strip it, others don't."""
    return path[len(root) :] or "/" if root and (path + "/").startswith(root + "/") else path


def _cookie(headers: Mapping[str, str], name: str) -> str:
    for each in headers.get("cookie", "").split(";"):
        key, _, value = each.strip().partition("=")
        if key == name:
            return value
    return ""


def _plain(status: int, text: str) -> HTMLResponse:
    return HTMLResponse(f"{text}\n", status, media_type="text/plain")


def _with_headers(send: Send, *, cached: bool = False) -> Send:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _HEADERS.items():
                headers[name] = value
            headers["cache-control"] = "max-age=300" if cached else "no-store"
        await send(message)

    return sending
