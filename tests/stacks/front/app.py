"""Answers with its color and what it is told of the user's scheme; ``/events`` is a stream without an end."""

import http.server
import os
import signal
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self) -> None:
        """Answer."""
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.end_headers()
        answer = f"{os.environ.get('TEAL_COLOR', 'plain')} {self.headers.get('X-Forwarded-Proto', '-')}\n"
        self.wfile.write(answer.encode())
        while self.path == "/events":
            time.sleep(0.2)
            self.wfile.write(b"data: more\n\n")
            self.wfile.flush()


server = http.server.ThreadingHTTPServer(("", 8000), Handler)
server.daemon_threads = True
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
