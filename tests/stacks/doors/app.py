"""Answers with its color, slowly where ``?seconds=`` asks for it; ends what it has begun."""

import http.server
import os
import signal
import threading
import time
from pathlib import Path


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if Path("/tmp/silent").exists() and "X-Forwarded-For" in self.headers:
            time.sleep(60)  # whoever comes through the proxy waits; a probe beside it does not
        if "seconds=" in self.path:
            time.sleep(float(self.path.partition("seconds=")[2]))
        body = f"{os.environ.get('TEAL_COLOR', 'plain')}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815 - the library's name


server = http.server.ThreadingHTTPServer(("", 8000), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
