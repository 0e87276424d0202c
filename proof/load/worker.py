"""One process of the load: an open loop that sends each request at its time, however slow the server is.

It reads an order, says `ready`, and is then told `go TIME` and `stop`. If its input ends, so does it.
"""

import asyncio
import contextlib
import gc
import os
import random
import sys
import time
from collections.abc import Coroutine

from proof.load.client import Caller
from proof.load.mix import Slot, schedule, standing
from proof.load.sample import Sample
from proof.load.wire import BATCH_SECONDS, Batch, Order, line, order

COME_AGAIN_SECONDS = 0.5


class Worker:
    """The open loop and what it has seen since the last batch."""

    def __init__(self, told: Order, out: asyncio.WriteTransport) -> None:
        self._order, self._out = told, out
        dice = random.Random(f"{told.seed}/{told.worker}")
        self._caller = Caller(told.mix, http=told.http, https=told.https, timeout=told.timeout, dice=dice)
        self._samples: list[Sample] = []
        self._running: set[asyncio.Task[None]] = set()
        self._issued = 0
        self._booted = time.process_time()
        self.stopping = asyncio.Event()

    async def run(self, start: float) -> None:
        """Send requests from *start* (loop time) until stopping; then wait for those in flight."""
        reporting = asyncio.create_task(self._report())
        for slot in standing(self._order.mix, worker=self._order.worker, of=self._order.of):
            self._start(self._stand(slot))
        await self._issue(start)
        while self._running:
            await asyncio.wait(self._running)
        reporting.cancel()
        self._tell(last=True)
        await self._caller.close()

    async def _issue(self, start: float) -> None:
        told = self._order
        loop = asyncio.get_running_loop()
        for slot in schedule(told.mix, rate=told.rate, seed=told.seed, worker=told.worker, of=told.of):
            due = start + slot.due
            if (wait := due - loop.time()) > 0:
                await self._sleep(wait)
            if self.stopping.is_set():
                return
            self._begin(slot, due)

    def _begin(self, slot: Slot, due: float) -> None:
        self._issued += 1
        self._start(self._one(slot, due))

    def _start(self, work: Coroutine[None, None, None]) -> None:
        task = asyncio.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    async def _stand(self, slot: Slot) -> None:
        """Keep one connection open; when the server ends it, come again as a browser does."""
        while not self.stopping.is_set():
            self._issued += 1
            await self._one(slot, asyncio.get_running_loop().time())
            await asyncio.sleep(COME_AGAIN_SECONDS)

    async def _one(self, slot: Slot, due: float) -> None:
        sample = await self._caller.run(slot, due=due, stopping=self.stopping)
        self._samples.append(sample)  # looked up only now: `_tell` puts a new list in its place

    async def _sleep(self, seconds: float) -> None:
        if seconds < 1:
            await asyncio.sleep(seconds)
            return
        try:  # a low rate must not delay the stop
            async with asyncio.timeout(seconds):
                await self.stopping.wait()
        except TimeoutError:
            pass

    async def _report(self) -> None:
        while True:
            await asyncio.sleep(BATCH_SECONDS)
            self._tell()

    def _tell(self, *, last: bool = False) -> None:
        """Hand over what is finished. The pipe's buffer is in memory: a slow reader never stalls the loop."""
        samples, self._samples = tuple(self._samples), []
        self._out.write(line(Batch(samples, self._issued, time.process_time() - self._booted, last)))


class _Out(asyncio.BaseProtocol):
    """Tells when the pipe has taken everything."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002
        self.gone.set()


async def main() -> None:
    """Follow the orders on standard input."""
    _go_first()
    loop = asyncio.get_running_loop()
    said = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(said), sys.stdin.buffer)
    out, pipe = await loop.connect_write_pipe(_Out, sys.stdout.buffer)
    worker = Worker(order(await said.readline()), out)
    out.write(b"ready\n")
    word, _, at = (await said.readline()).decode().partition(" ")
    if word != "go":
        return
    listening = asyncio.create_task(_listen(said, worker))
    await worker.run(loop.time() + float(at) - time.time())
    listening.cancel()
    out.close()  # sends what is still in its buffer
    await pipe.gone.wait()


def _go_first() -> None:
    """Run as soon as there is something to do, where permitted: real clients don't share the stack's processors.

    A nice value alone left stalls of 70 ms on two busy processors; a real-time class left none above 10 ms.
    """
    try:
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
    except OSError:
        with contextlib.suppress(OSError):
            os.setpriority(os.PRIO_PROCESS, 0, -10)
    gc.collect()
    gc.freeze()  # the imported modules need no further looking through: it would stall the loop


async def _listen(said: asyncio.StreamReader, worker: Worker) -> None:
    if await said.readline() == b"stop\n":
        worker.stopping.set()
    if not await said.readline():  # whoever started this process is gone: nobody wants the rest
        os._exit(1)


if __name__ == "__main__":
    asyncio.run(main())
