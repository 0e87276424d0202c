"""One release of the application: its page, its chunk, its interface; what it does not know gets the page (or 404)."""

import http.server
import json
import pathlib
import signal
import sys

DIST = pathlib.Path("/app/dist")
RELEASE = (DIST / "release").read_text().strip()
PAGE = (DIST / "index.html").read_bytes()
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers one request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer the interface, a file of dist, the page for a way within the application, 404 below /strict/."""
        path = self.path.partition("?")[0]
        file = DIST / path.removeprefix("/strict").lstrip("/")
        if path == "/api":
            self.answer(200, "application/json", json.dumps({f"name{RELEASE}": "leaf"}).encode())
        elif ".." not in path and file.is_file() and file.suffix == ".js":
            self.answer(200, "text/javascript", file.read_bytes())
        elif path.startswith("/strict/"):
            self.answer(404, "text/plain", b"the application does not have it")
        else:
            self.answer(200, "text/html; charset=utf-8", PAGE)

    def do_POST(self) -> None:
        """Say that the application has it."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.answer(404, "text/plain", b"posted to the application")

    def answer(self, status: int, kind: str, body: bytes) -> None:
        """Send it."""
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


http.server.ThreadingHTTPServer(("", 3000), Handler).serve_forever()
