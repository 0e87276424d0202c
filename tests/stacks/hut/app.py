"""A service that answers with its version; MODE and the files in /flag say how it fails.

As ``brain`` it is what ``web`` asks before it answers.
"""

import http.server
import os
import signal
import sys
import time
import traceback
import urllib.request
from pathlib import Path

MODE, BRAIN = os.environ["MODE"], os.environ.get("BRAIN_URL", "")
VERSION = Path("/version").read_text(encoding="utf-8") + os.environ["SAYS"]


def is_set(flag: str) -> bool:
    return Path("/flag", flag).exists()


def think() -> str:
    """Return what is answered; the one that knows why it can't says so in its own log only."""
    if BRAIN:
        return urllib.request.urlopen(BRAIN, timeout=5).read().decode()
    if MODE == "broken" or is_set(f"break-{VERSION}"):
        raise LookupError("no such table: ducks")
    return VERSION


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        from_users = ":8000" not in self.headers["Host"]  # Teal's own probe dials the port
        if MODE == "mute" and BRAIN and from_users and is_set("switching"):
            time.sleep(60)  # well until the switch, silent to users after it
        try:
            status, said = 200, think()
        except Exception:
            if not BRAIN:
                traceback.print_exc()
            status, said = 500, "<title>Something went wrong</title>"
        self.send_response(status)
        self.end_headers()
        self.wfile.write(said.encode())


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
