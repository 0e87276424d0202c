"""One slot of the schedule, run to its end: always a Sample, never an exception."""

import asyncio
import contextlib
import math
import random
import ssl
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import aiohttp
from h2.exceptions import H2Error

from proof.load.act import Verdict, judge, task
from proof.load.exchange import Answer, Client, Cut, Request
from proof.load.http1 import Http1
from proof.load.http2 import Http2
from proof.load.mix import Mix, Slot
from proof.load.sample import Action, Fault, Sample
from proof.load.ws import Session, talk


@dataclass(slots=True)
class Seen:
    """What is known of a slot while it runs."""

    answer: Answer
    verdict: Verdict = field(default_factory=Verdict)
    job: str = ""


class Caller:
    """Sends requests of the mix over every way; owns the connections of one process."""

    def __init__(self, mix: Mix, *, http: str, https: str, timeout: float, dice: random.Random) -> None:
        self._mix, self._timeout, self._dice = mix, timeout, dice
        self._h1 = Http1(http)
        self._clients: dict[str, Client] = {"h1": self._h1}
        self._sockets = {"h1": self._h1}
        if https:
            self._sockets["h1s"] = self._clients["h1s"] = Http1(https, context("http/1.1"))
            self._clients["h2"] = Http2(https, context("h2"))

    async def run(self, slot: Slot, *, due: float, stopping: asyncio.Event) -> Sample:
        """Run *slot*, which was due at the loop's time *due*; *stopping* ends what is endless, and WebSockets early."""
        loop = asyncio.get_running_loop()
        begun, lag, seen = time.time(), loop.time() - due, Seen(Answer())
        with caught(seen):
            if slot.action is Action.WS:
                await self._talk(slot, seen, stopping)
            elif slot.endless:
                await self._listen(slot, seen, stopping)
            else:
                await self._ask(slot, seen)
        answer, verdict = seen.answer, seen.verdict
        return Sample(
            slot.action, slot.way, begun, time.time(), lag, loop.time() - due,
            answer.status, answer.color, answer.release, answer.started,
            verdict.fault, verdict.detail, verdict.code, verdict.mixed, seen.job,
        )  # fmt: skip

    async def _ask(self, slot: Slot, seen: Seen) -> None:
        protocol, connection = slot.way.split()
        asked = task(slot.action, self._mix, self._dice)
        seen.job = asked.job
        async with asyncio.timeout(self._timeout + asked.lasts):
            client = self._clients[protocol]
            await client.exchange(asked.request, seen.answer, fresh=connection == "fresh")
        seen.verdict = judge(seen.answer, asked)

    async def _listen(self, slot: Slot, seen: Seen, stopping: asyncio.Event) -> None:
        """Read an event stream that only the client may end."""
        path = f"{self._mix.prefix}/events?count=0&interval={self._mix.events_interval:g}"
        client = self._clients[slot.way.split()[0]]
        reading = asyncio.ensure_future(client.exchange(Request("GET", path), seen.answer, fresh=False))
        stopped = asyncio.ensure_future(stopping.wait())
        await asyncio.wait((reading, stopped), return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        if not reading.done():
            reading.cancel()
            await asyncio.wait((reading,))
            seen.verdict = Verdict() if seen.answer.status == 200 else Verdict(Fault.TIMEOUT, "no answer at all")
            return
        reading.result()
        seen.verdict = Verdict(Fault.TRUNCATED, f"ended by the server after {len(seen.answer.body)} bytes")
        if seen.answer.status != 200:
            seen.verdict = Verdict(Fault.STATUS, f"status {seen.answer.status}")

    async def _talk(self, slot: Slot, seen: Seen, stopping: asyncio.Event) -> None:
        seconds = math.inf if slot.endless else self._dice.uniform(*self._mix.ws_seconds)
        session = Session(f"{self._mix.prefix}/ws", seconds, self._mix.ws_interval, self._timeout)
        http = self._sockets[slot.way.split()[0]]
        seen.verdict = await talk(http, session, seen.answer, self._dice, stopping)

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.close()


@contextlib.contextmanager
def caught(seen: Seen) -> Iterator[None]:
    """Turn what goes wrong within into the verdict."""
    try:
        yield
    except TimeoutError:
        seen.verdict = Verdict(Fault.TIMEOUT, f"after {seen.answer.status or 'no answer'}")
    except (aiohttp.ClientConnectorError, ConnectionRefusedError) as error:
        seen.verdict = Verdict(Fault.REFUSED, str(error))
    except aiohttp.WSServerHandshakeError as error:
        seen.answer.status = error.status
        seen.verdict = Verdict(Fault.STATUS, f"status {error.status} to a WebSocket")
    except (aiohttp.ClientError, OSError, Cut, H2Error, ssl.SSLError) as error:
        fault = Fault.TRUNCATED if seen.answer.status else Fault.RESET
        seen.verdict = Verdict(fault, f"{type(error).__name__}: {error}")
    except Exception as error:  # a bug here must be counted, not lost with its task
        seen.verdict = Verdict(Fault.GENERATOR, f"{type(error).__name__}: {error}")


def context(protocol: str) -> ssl.SSLContext:
    """Return a TLS client context that offers *protocol* alone and believes any certificate.

    The load goes to this machine, to a proxy with a certificate of its own making.
    """
    made = ssl.create_default_context()
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    made.set_alpn_protocols([protocol])
    return made
