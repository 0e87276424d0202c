"""Requests to the Docker Engine: its answers as values, its errors and silences as errors that say what to do."""

from __future__ import annotations

import asyncio
import grp
import os
import time
from collections.abc import AsyncIterator, Awaitable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import TypeVar
from urllib.parse import quote, urlencode

import msgspec

from teal.adapters.docker_hints import hint
from teal.adapters.http import HttpConnection, HttpError, Pool, Response, Server, Silent
from teal.core.model.units import Seconds
from teal.errors import Failed, Unavailable


class EngineSaid(Failed):
    """The engine answered with an error; *code* is the HTTP status, the message its own."""

    def __init__(self, code: int, body: bytes) -> None:
        message = _message(body) or f"the Docker Engine answered with status {code}"
        super().__init__(
            message, hint=hint(message) or "this is the engine's own message; its log: journalctl -u docker"
        )
        self.code = code


def _message(body: bytes) -> str:
    try:
        return msgspec.json.decode(body, type=dict[str, str]).get("message", "").strip()
    except msgspec.DecodeError:
        return body.decode(errors="replace").strip()[:500]


@contextmanager
def translated(socket: str, path: str) -> Iterator[None]:
    """Turn what the connection and the kernel raise into ``Unavailable``."""
    try:
        yield
    except HttpError as error:
        raise _unavailable(error, socket, path) from error


def _unavailable(error: Exception, socket: str, path: str) -> Unavailable:
    cause = _os_error(error)
    if isinstance(cause, PermissionError):
        return _forbidden(socket)
    if isinstance(cause, FileNotFoundError | ConnectionRefusedError):
        what = "there is no socket" if isinstance(cause, FileNotFoundError) else "nothing answers"
        return Unavailable(
            f"the Docker Engine does not run: {what} at {socket}",
            hint="start it: sudo systemctl start docker (or point DOCKER_HOST to its socket)",
        )
    if isinstance(error, Silent):
        return Unavailable(f"the Docker Engine did not answer {path} in time", hint="see: docker info; its own log")
    return Unavailable(
        f"the Docker Engine went away while it was asked for {path}: {error or type(error).__name__}",
        hint="see: docker info; then run the command again",
    )


def _os_error(error: BaseException | None) -> OSError | None:
    """Return the kernel's own error below the libraries' ones."""
    while error is not None and not isinstance(error, OSError):
        error = error.__cause__ or error.__context__
    return error


def _forbidden(socket: str) -> Unavailable:
    try:
        group = grp.getgrgid(Path(socket).stat().st_gid).gr_name
    except (OSError, KeyError):
        group = "docker"
    remedy = "run teal with sudo"
    if group != "root":
        remedy = f"run: sudo usermod -aG {group} $USER, then log in again; or {remedy}"
    return Unavailable(f"you may not use the Docker Engine's socket {socket}", hint=remedy)


OLDEST = (1, 43)  # Engine 24
NEWEST = (1, 51)  # Engine 28.3 and up: what Teal is tested with; newer engines still speak it
ANSWER_TIMEOUT = Seconds(60.0)  # for an answer where the call itself does not wait for anything
AWAY = 90.0  # seconds that an engine which has answered before may be away, for a restart
PAUSE = 0.5  # seconds between two attempts to reach it
HEADERS = {"Host": "docker", "User-Agent": "teal", "Content-Type": "application/json"}

Shape = TypeVar("Shape")
Params = Mapping[str, str | int]


class Api:
    """One engine's API; connects at the first call and pins the version that both sides speak."""

    def __init__(self, socket: str) -> None:
        self.socket = socket
        self._pool = Pool(Server(socket))
        self._base = ""
        self._greeting = asyncio.Lock()
        self._lost = 0.0  # monotonic, since when the engine is away; 0 where it is there
        # A start keeps a processor busy. Five at once on two of them: users' requests took up to a second; one after
        # the other is no slower, and half of the processors stays with the users.
        self.starts = asyncio.Semaphore(max(1, (os.cpu_count() or 1) // 2))

    async def get(self, path: str, shape: type[Shape], params: Params | None = None) -> Shape:
        """Return the answer decoded as *shape*; ``EngineSaid`` where the engine says no."""
        return decoded(await self.send("GET", path, params=params), shape, path)

    async def find(self, path: str, shape: type[Shape], params: Params | None = None) -> Shape | None:
        """Return the answer decoded as *shape*, None where there is no such thing."""
        try:
            return await self.get(path, shape, params)
        except EngineSaid as said:
            if said.code == 404:
                return None
            raise

    async def post(
        self,
        path: str,
        body: object = None,
        *,
        params: Params | None = None,
        within: Seconds = ANSWER_TIMEOUT,
        twice: bool = False,
    ) -> bytes:
        """Send *body* as JSON; return the raw answer. *within*: seconds that the engine may take.

        *twice*: the request is idempotent, so it is sent again when the engine disconnects.
        """
        return await self.send("POST", path, body, params=params, within=within, twice=twice)

    async def delete(self, path: str, params: Params | None = None) -> None:
        """Delete what *path* names."""
        await self.send("DELETE", path, params=params, twice=True)

    async def send(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Params | None = None,
        within: Seconds = ANSWER_TIMEOUT,
        twice: bool = False,
    ) -> bytes:
        """Return the whole body of the answer; an error status raises ``EngineSaid``."""
        async with self.stream(method, path, body, params=params, within=within, twice=twice) as answer:
            return await answer.read()

    @asynccontextmanager
    async def stream(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        params: Params | None = None,
        within: Seconds | None = ANSWER_TIMEOUT,
        twice: bool = False,
    ) -> AsyncIterator[Response]:
        """Yield the answer, its body unread; every failure on the way comes out as a ``TealError``."""
        target = quote(path, safe="/:@") + (f"?{urlencode(params)}" if params else "")
        content = b"" if body is None else msgspec.json.encode(body)
        with translated(self.socket, path):
            base = self._base or await self._greet()
            asked = self._asked(method, base + target, content, within, twice=twice or method == "GET")
            async with asked as answer:
                if answer.status >= 400:
                    raise EngineSaid(answer.status, await answer.read())
                yield answer

    async def close(self) -> None:
        """Close the connections."""
        await self._pool.close()

    @asynccontextmanager
    async def _asked(
        self, method: str, target: str, content: bytes, within: Seconds | None, *, twice: bool
    ) -> AsyncIterator[Response]:
        connection, answer = await self._opened(method, target, content, within, twice=twice)
        try:
            yield answer
        finally:
            self._pool.give(connection)

    async def _opened(
        self, method: str, target: str, content: bytes, within: Seconds | None, *, twice: bool
    ) -> tuple[HttpConnection, Response]:
        """Send a request; an engine that has gone away is waited for, so that a deploy outlives its restart."""
        while True:
            connection: HttpConnection | None = None
            try:
                connection = await self._pool.take(within=ANSWER_TIMEOUT)
                answer = await connection.ask(method, target, HEADERS, content, within=within)
            except BaseException as error:
                if connection is not None:
                    connection.close()
                if not self._may_return(error, again=twice or connection is None):
                    raise
            else:
                self._lost = 0.0
                return connection, answer
            await self._pool.close()  # what is idle was lost, too
            await asyncio.sleep(PAUSE)

    def _may_return(self, error: BaseException, *, again: bool) -> bool:
        """Tell whether a request that failed may be made *again*, since an engine that was there may come back."""
        hopeless = not isinstance(error, HttpError) or isinstance(error, Silent)
        if hopeless or not again or not self._base or isinstance(error.__cause__, PermissionError):
            return False
        self._lost = self._lost or time.monotonic()
        return time.monotonic() - self._lost < AWAY

    async def _greet(self) -> str:
        """Return the beginning of every path, with the API version, asked for once."""
        async with self._greeting:
            if not self._base:
                async with self._asked("GET", "/_ping", b"", ANSWER_TIMEOUT, twice=True) as answer:
                    await answer.read()
                    self._base = f"/v{_spoken(answer.headers.get('api-version', ''), self.socket)}"
        return self._base


def _spoken(offered: str, socket: str = "the socket") -> str:
    """Return the version to speak with an engine whose newest is *offered*, e.g. "1.51"."""
    try:
        major, minor = (int(part) for part in offered.split("."))
    except ValueError:
        raise Unavailable(
            f"what answers at {socket} is not a Docker Engine: it names no API version",
            hint="point DOCKER_HOST to the engine's own socket, or unset it",
        ) from None
    if (major, minor) < OLDEST:
        raise Unavailable(
            f"the Docker Engine is too old: it speaks API {offered}, teal needs {OLDEST[0]}.{OLDEST[1]} or newer",
            hint="update it to Engine 24 or newer, better 28",
        )
    return ".".join(str(part) for part in min((major, minor), NEWEST))


def decoded(raw: bytes | str, shape: type[Shape], path: str) -> Shape:
    """Return *raw*, the answer to *path*, as *shape*; ``Unavailable`` where it isn't one."""
    try:
        return msgspec.json.decode(raw, type=shape)
    except msgspec.DecodeError as error:
        raise Unavailable(
            f"the Docker Engine's answer to {path} can't be read: {error}",
            hint="see: docker version; Teal needs Engine 24 or newer",
        ) from error


class EngineResource:
    """Something that speaks to the engine."""

    def __init__(self, api: Api) -> None:
        self._api = api

    async def _if_there(self, call: Awaitable[object], *also: int) -> None:
        """Await *call*; what does not exist any more is no failure, nor are the statuses *also*."""
        try:
            await call
        except EngineSaid as said:
            if said.code not in {404, *also}:
                raise


def filters(**wanted: list[str]) -> str:
    """Return the engine's ``filters`` parameter; values of one key are alternatives, except labels."""
    return msgspec.json.encode(wanted).decode()
