"""A service that answers with its version; MODE and the files in /flag say how it fails."""

import http.server
import os
import signal
import sys
import time
from pathlib import Path

MODE = os.environ["MODE"]
VERSION = Path("/version").read_text(encoding="utf-8") + os.environ["SAYS"]


def is_set(flag: str) -> bool:
    return Path("/flag", flag).exists()


class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        from_users = ":8000" not in self.headers["Host"]  # Teal's own probe dials the port
        if MODE == "mute" and from_users and is_set("switching"):
            time.sleep(60)  # well until the switch, silent to users after it
        broken = MODE == "broken" or is_set(f"break-{VERSION}")
        self.send_response(500 if broken else 200)
        self.end_headers()
        self.wfile.write(b"no such table: ducks" if broken else VERSION.encode())

    def log_message(self, *_: object) -> None:
        """Say nothing."""


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
http.server.ThreadingHTTPServer(("", 8000), Handler).serve_forever()
