"""The life of a service: boot, listen, and on SIGTERM finish what was begun.

Two variables of the environment let a test make it misbehave as real applications do:

`BOOT_SECONDS`  seconds before it listens, a slow boot (default 0)
`STOP`          `graceful` (default), or `abrupt`: on SIGTERM it exits at once, requests in flight or not
`STOP_SECONDS`  how long requests in flight may take to end after SIGTERM (default 12)
"""

import asyncio
import os
import signal
import time
from types import FrameType

import uvloop
from aiohttp import web

from tale.identity import Identity, sign

STOPPING = web.AppKey("stopping", asyncio.Event)
ME = web.AppKey("me", Identity)
MAX_BODY = 16 * 1024 * 1024  # bytes


def new_app(me: Identity) -> web.Application:
    """Return an application whose answers bear the name of *me*."""
    app = web.Application(client_max_size=MAX_BODY)
    app[ME] = me
    app[STOPPING] = asyncio.Event()
    sign(app, me)
    return app


def say(me: Identity, text: str) -> None:
    """Write one line to the log."""
    print(f"{time.strftime('%H:%M:%S')} {me.service} ({me.color}, release {me.release}): {text}", flush=True)


def run(app: web.Application, port: int) -> None:
    """Serve *app* on *port* until SIGTERM or SIGINT."""
    if os.environ.get("STOP") == "abrupt":
        signal.signal(signal.SIGTERM, _exit_at_once)
    uvloop.run(_serve(app, port))


def _exit_at_once(signum: int, _frame: FrameType | None) -> None:
    """Exit as a process without a handler would (as PID 1 of a container it would ignore the signal)."""
    os._exit(128 + signum)


async def _serve(app: web.Application, port: int) -> None:
    me, stopping = app[ME], app[STOPPING]
    _stop_on_signals(stopping)
    if await _boot(stopping):
        return
    grace = float(os.environ.get("STOP_SECONDS") or 12)
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=grace)
    await runner.setup()
    await web.TCPSite(runner, port=port).start()
    say(me, f"listening on port {port}")
    await stopping.wait()
    say(me, "stopping")
    await runner.cleanup()  # closes the listener and idle connections, waits for requests, then cleans up
    say(me, "stopped")


def _stop_on_signals(stopping: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGINT, stopping.set)
    if os.environ.get("STOP") != "abrupt":
        loop.add_signal_handler(signal.SIGTERM, stopping.set)


async def _boot(stopping: asyncio.Event) -> bool:
    """Take as long to boot as asked; return whether a stop came meanwhile."""
    seconds = float(os.environ.get("BOOT_SECONDS") or 0)
    if seconds <= 0:
        return False
    try:
        await asyncio.wait_for(stopping.wait(), seconds)
    except TimeoutError:
        return False
    return True
