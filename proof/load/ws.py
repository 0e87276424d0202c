"""A WebSocket session that echoes for some seconds; it notices a close at once, not at its next message."""

import asyncio
import random
from dataclasses import dataclass

import aiohttp

from proof.load.act import Verdict
from proof.load.exchange import Answer
from proof.load.http1 import Http1
from proof.load.sample import Fault

ENDED = (
    aiohttp.WSMsgType.CLOSE,
    aiohttp.WSMsgType.CLOSING,
    aiohttp.WSMsgType.CLOSED,
    aiohttp.WSMsgType.ERROR,
)


@dataclass(frozen=True, slots=True)
class Session:
    """One session: *path*, how long it lasts, the pause between messages, the most an echo may take."""

    path: str
    seconds: float
    interval: float
    timeout: float


async def talk(http: Http1, session: Session, answer: Answer, dice: random.Random, stopping: asyncio.Event) -> Verdict:
    """Run *session* until it is over or *stopping*; return the verdict."""
    async with asyncio.timeout(session.timeout):
        socket = await http.websocket(session.path, answer)
    async with socket:
        until = asyncio.get_running_loop().time() + session.seconds
        while asyncio.get_running_loop().time() < until and not stopping.is_set():
            verdict = await _echo(socket, f"{dice.getrandbits(256):064x}", session.timeout)
            verdict = verdict or await _pause(socket, session.interval)
            if verdict is not None:
                return verdict
    if not answer.marked:
        return Verdict(Fault.UNMARKED, "no X-Release and X-Color")
    return Verdict()


async def _echo(socket: aiohttp.ClientWebSocketResponse, text: str, within: float) -> Verdict | None:
    await socket.send_str(text)
    async with asyncio.timeout(within):
        message = await socket.receive()
    if message.type in ENDED:
        return _closed(message, socket)
    return None if message.data == text else Verdict(Fault.WRONG, f"{message.data!r} for {text!r}"[:120])


async def _pause(socket: aiohttp.ClientWebSocketResponse, seconds: float) -> Verdict | None:
    """Wait; nothing should come meanwhile."""
    try:
        async with asyncio.timeout(seconds):
            message = await socket.receive()
    except TimeoutError:
        return None
    if message.type in ENDED:
        return _closed(message, socket)
    return Verdict(Fault.WRONG, f"unasked: {message.data!r}"[:120])


def _closed(message: aiohttp.WSMessage, socket: aiohttp.ClientWebSocketResponse) -> Verdict:
    if message.type is aiohttp.WSMsgType.CLOSE:
        # the socket's own close_code turns to 1006 where the answer to this close can't be sent any more
        said = f"closed by the server with {message.data} {message.extra or ''}".strip()
        return Verdict(Fault.CLOSED, said, code=message.data or 0)
    return Verdict(Fault.RESET, f"dropped without a close: {socket.exception() or socket.close_code}")
