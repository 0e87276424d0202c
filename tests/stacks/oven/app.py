"""web fails in the way that ILL names: all, some (one in five), posts, dies (after 12 s), leaks, slow; store is asked.

mill ends after 2 s where ILL is "loops". Everything is in the standard library alone.
"""

import json
import os
import random
import signal
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

ILL, STORE = os.environ.get("ILL", ""), os.environ.get("STORE", "")
ME = {
    "service": os.environ["SERVICE"],
    "color": os.environ.get("TEAL_COLOR") or "plain",
    "release": os.environ.get("TEAL_RELEASE") or "0",
}
hoard: list[bytes] = []


class Server(ThreadingHTTPServer):
    """A server before which more than a few may wait on a busy machine."""

    request_queue_size = 128


class Handler(BaseHTTPRequestHandler):
    """One connection, one request after the other."""

    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer, by way of the store; /health stands for this process alone."""
        if self.path == "/health" or not STORE:
            self.answer(200)
            return
        if ILL == "leaks":
            hoard.append(random.randbytes(1 << 20))
        if ILL == "slow":
            time.sleep(0.7)
        if not stored():
            self.answer(500)
            return
        self.answer(500 if ILL == "all" or (ILL == "some" and random.random() < 0.2) else 200)

    def do_POST(self) -> None:
        """Answer after the body was read."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(500 if ILL in {"all", "posts"} else 200)

    def answer(self, status: int) -> None:
        """Say who this is."""
        said = json.dumps(ME).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(said)))
        self.end_headers()
        self.wfile.write(said)


def stored() -> bool:
    """Tell whether the store answers; a name that a busy machine did not find is looked up again."""
    for _ in range(4):
        try:
            urllib.request.urlopen(STORE, timeout=5).read()
        except OSError:
            time.sleep(0.3)
        else:
            return True
    return False


def die_later(seconds: float) -> None:
    """End this process by itself after *seconds*."""
    threading.Timer(seconds, os._exit, (3,)).start()


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
if ILL == "dies":
    die_later(12)
if ILL == "loops":
    die_later(2)
if ME["service"] in {"mill", "clock"}:
    while True:
        time.sleep(0.5)
Server(("0.0.0.0", 3000), Handler).serve_forever()
