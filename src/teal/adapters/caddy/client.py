"""Questions to the proxy, asked the way that users take, with a key that only the state file names."""

from __future__ import annotations

import asyncio
import codecs
import re
import ssl
from collections.abc import Mapping
from contextlib import suppress
from urllib.parse import quote

import msgspec

from teal.adapters import http
from teal.adapters.caddy.config import ROUTED
from teal.core.model.counts import Counts, parse_counts
from teal.core.model.side import Side, key_of
from teal.core.model.units import Seconds
from teal.errors import Unavailable
from teal.ports import Answer, Endpoint, Heard

_WITHIN = Seconds(10.0)  # for one answer
_LARGEST = 1_000_000  # bytes of a body that a check may look at
_PLAIN = "/:@?&=%+,;!$'()*~"  # what a path and query may have in them as it is


_VERSION = re.compile(r"[1-9]\d{0,3}")
_STATE = re.compile(r"(blue|green|plain|hold|maintenance)[a-z0-9.^+=]* (blue|green|plain)")
_MEANINGS = {
    401: "it asks for a login",
    403: "it refuses them",
    429: "it limits them",
    503: "it says that it is closed",
}


class UpstreamRow(msgspec.Struct):
    """One upstream in Caddy's count."""

    address: str
    num_requests: int


class CaddyClient:
    """A client of the proxy that opens a connection for each question, as new users do."""

    def __init__(self, *, within: Seconds = _WITHIN) -> None:
        self._within = within

    async def ask(self, at: tuple[str, int], endpoint: Endpoint, key: str, path: str = "/", *, ask: str = "") -> Answer:
        """Send a GET to *endpoint* at the address *at* (host, port); *ask* puts a question to the snippet itself.

        Raises ``Unavailable`` where nothing comes back in time.
        """
        host = host_for(endpoint)
        place = http.Server(host=at[0], port=at[1], tls=host if endpoint.tls else "")
        target = quote(endpoint.path if endpoint.exact else f"{endpoint.path}{path}", safe=_PLAIN)
        connection: http.HttpConnection | None = None
        try:
            async with asyncio.timeout(self._within):
                connection = await http.connect(place, within=None)
                got = await connection.ask("GET", target, _headers(host, endpoint, key, ask), within=None)
            return await self._read(got)
        except (http.HttpError, TimeoutError) as error:
            raise Unavailable(
                f"the proxy gives no answer for {endpoint.route} at {at[0]}:{at[1]} ({_reason(error)})",
                hint="see its log; `teal check` looks at its settings",
            ) from error
        finally:
            if connection is not None:
                connection.close()

    async def _read(self, got: http.Response) -> Answer:
        """Return the answer with what comes of its body in time, up to a limit: the body may be endless."""
        body = bytearray()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._within):
                async for piece in got.pieces():
                    body += piece
                    if len(body) >= _LARGEST:
                        break
        text = body[:_LARGEST].decode(_charset(got.headers.get("content-type", "")), errors="replace")
        return Answer(got.status, got.headers.get("x-teal-upstream", ""), got.headers, text)

    async def state(self, at: tuple[str, int], endpoint: Endpoint, key: str) -> Heard:
        """Ask the snippet at *endpoint* what it reads in the state file; return what answered instead."""
        try:
            answer = await self.ask(at, endpoint, key, ask="state")
        except Unavailable as error:
            if isinstance(cause := error.__cause__ and error.__cause__.__cause__, ssl.SSLError):
                return Heard(words=_tls_words(cause))
            raise
        if answer.status == 200 and _STATE.fullmatch(answer.body):
            return Heard(answer.body)
        return Heard(words=_words(answer), passed_on="via" in answer.headers)

    async def snippet(self, at: tuple[str, int], endpoint: Endpoint, key: str) -> int:
        """Ask the snippet at *endpoint* for its version: the first one does not answer itself."""
        answer = await self.ask(at, endpoint, key, ask="version")
        own = answer.status == 200 and "via" not in answer.headers and _VERSION.fullmatch(answer.body)
        return int(answer.body) if own else 1

    async def counts(self, at: tuple[str, int], endpoint: Endpoint, key: str) -> Counts | None:
        """Return what Caddy has counted by color, None where it does not count."""
        answer = await self.ask(at, endpoint, key, ask="metrics")
        return parse_counts(answer.body) if answer.status == 200 else None

    async def in_flight(self, at: tuple[str, int], endpoint: Endpoint, key: str) -> Mapping[str, int]:
        """Return how many requests are in flight per upstream address, with a zero for every idle one of a route."""
        answer = await self.ask(at, endpoint, key, ask="upstreams")
        rows = rows_in(answer.body) if answer.status == 200 else None
        if rows is None or not any(ROUTED.fullmatch(row.address) for row in rows):
            raise _silent(answer.status)
        return counts(rows)


def _words(answer: Answer) -> str:
    """Return what an answer that isn't the snippet's means."""
    moved = f"it redirects to {answer.headers['location']}" if "location" in answer.headers else ""
    meaning = moved or _MEANINGS.get(answer.status, "")
    return f"{meaning} (status {answer.status})" if meaning else f"status {answer.status}"


def _tls_words(error: ssl.SSLError) -> str:
    """Return why no TLS connection came about."""
    wanted = "CERTIFICATE_REQUIRED" in str(error.reason) or "certificate required" in str(error)
    return f"{'it asks for a client certificate' if wanted else 'no TLS'} ({error.reason or error})"


def _charset(kind: str) -> str:
    """Return the character set that a content type names, where Python knows it."""
    named = re.search(r"charset=\"?([\w.:-]+)", kind, re.IGNORECASE)
    try:
        return codecs.lookup(named[1] if named else "utf-8").name
    except LookupError:
        return "utf-8"


def rows_in(text: str) -> list[UpstreamRow] | None:
    """Return Caddy's count of what is in flight by upstream, None for a text that is not such a count."""
    try:
        return msgspec.json.decode(text, type=list[UpstreamRow])
    except msgspec.DecodeError:
        return None


def counts(rows: list[UpstreamRow]) -> dict[str, int]:
    """Return Caddy's rows as counts; addresses that a route may be sent to count 0 where Caddy shows no row.

    Caddy lists an address that comes from a placeholder only while something is in flight there. The placeholder's
    own row is always there, and proves that the proxy has the route at all.
    """
    found = {row.address: row.num_requests for row in rows}
    for named in filter(None, map(ROUTED.fullmatch, list(found))):
        for host in (key_of(named["route"], side) for side in Side):
            for address in (f"{host}:{named['port']}", f"{host}.:{named['port']}"):
                found.setdefault(address, 0)
    return found


def host_for(endpoint: Endpoint) -> str:
    """Return a host name that the entry's site answers to."""
    return endpoint.host.replace("*", "teal") or "localhost"


def _headers(host: str, endpoint: Endpoint, key: str, ask: str) -> dict[str, str]:
    usual = {443 if endpoint.tls else 80}
    address = host if endpoint.listen in usual else f"{host}:{endpoint.listen}"
    named = {"Host": address, "User-Agent": "teal", "Accept": "*/*", "Connection": "close"}
    keyed = {"Proxy-Authorization": f"Teal {key}"} if key else {}
    return named | keyed | ({"X-Teal-Ask": ask} if ask else {})


def _silent(status: int) -> Unavailable:
    return Unavailable(
        f"the proxy does not say what is in flight: its admin endpoint answers with status {status}",
        hint="it must read the state file, and its admin endpoint must listen where the snippet asks it",
    )


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
