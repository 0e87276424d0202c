"""Translates: questions to the proxy, asked the way that users take, with a key that only the state file names."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import httpx
import msgspec

from teal.adapters.caddy.sites import ROUTED
from teal.core.side import Side, key_of
from teal.errors import Unavailable
from teal.ports import Answer, Entry

_WITHIN = 10.0  # seconds for one answer
_LARGEST = 1_000_000  # characters of a body that a check may look at


class Row(msgspec.Struct):
    """One upstream in Caddy's count."""

    address: str
    num_requests: int


class Probe:
    """A client of the proxy that opens a connection for each question, as new users do."""

    def __init__(self, *, within: float = _WITHIN) -> None:
        self._within = within
        self._made: httpx.AsyncClient | None = None

    async def aclose(self) -> None:
        """Close the client."""
        if self._made:
            await self._made.aclose()
            self._made = None

    async def ask(self, at: tuple[str, int], entry: Entry, key: str, path: str = "/", *, ask: str = "") -> Answer:
        """Send a GET to *entry* at the address *at* (host, port); *ask* puts a question to the snippet itself.

        Raises ``Unavailable`` where nothing comes back in time.
        """
        url = f"{'https' if entry.tls else 'http'}://{_literal(at[0])}:{at[1]}{entry.path}{path}"
        host = host_for(entry)
        request = self._client().build_request(
            "GET", url, headers=_headers(host, entry, key, ask), extensions={"sni_hostname": host}, timeout=self._within
        )
        try:
            async with asyncio.timeout(self._within):
                got = await self._client().send(request, stream=True)
            return await self._read(got)
        except (httpx.HTTPError, TimeoutError) as error:
            raise Unavailable(
                f"the proxy gives no answer for {entry.route} at {at[0]}:{at[1]} ({_reason(error)})",
                hint="see its log; `teal check` looks at its settings",
            ) from error

    async def _read(self, got: httpx.Response) -> Answer:
        """Return the answer with as much of its body as comes in time and may be long: it may be endless."""
        body = ""
        try:
            async with asyncio.timeout(self._within):
                async for part in got.aiter_text():
                    body += part
                    if len(body) >= _LARGEST:
                        break
        except TimeoutError:
            pass
        finally:
            await got.aclose()
        return Answer(got.status_code, got.headers.get("X-Teal-Upstream", ""), dict(got.headers), body[:_LARGEST])

    async def in_flight(self, at: tuple[str, int], entry: Entry, key: str) -> Mapping[str, int]:
        """Return how many requests are in flight per upstream address, with a zero for every idle one of a route."""
        answer = await self.ask(at, entry, key, ask="upstreams")
        try:
            rows = msgspec.json.decode(answer.body if answer.status == httpx.codes.OK else "", type=list[Row])
        except msgspec.DecodeError as error:
            raise _silent(answer.status) from error
        if not any(ROUTED.fullmatch(row.address) for row in rows):
            raise _silent(answer.status)
        return counts(rows)

    def _client(self) -> httpx.AsyncClient:
        """Return the client: it trusts any certificate, for it asks the stack's own proxy on this machine."""
        if self._made is None:
            limits = httpx.Limits(max_keepalive_connections=0)
            self._made = httpx.AsyncClient(verify=False, trust_env=False, limits=limits)  # noqa: S501 - see above
        return self._made


def counts(rows: list[Row]) -> dict[str, int]:
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


def host_for(entry: Entry) -> str:
    """Return a host name that the entry's site answers to."""
    return entry.host.replace("*", "teal") or "localhost"


def _headers(host: str, entry: Entry, key: str, ask: str) -> dict[str, str]:
    usual = {443 if entry.tls else 80}
    named = {"Host": host if entry.listen in usual else f"{host}:{entry.listen}", "User-Agent": "teal"}
    keyed = {"Proxy-Authorization": f"Teal {key}"} if key else {}
    return named | keyed | ({"X-Teal-Ask": ask} if ask else {})


def _literal(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _silent(status: int) -> Unavailable:
    return Unavailable(
        f"the proxy does not say what is in flight (status {status})",
        hint="it must read the state file, and its admin endpoint must listen where the snippet asks it",
    )


def _reason(error: Exception) -> str:
    return str(error) or type(error).__name__
