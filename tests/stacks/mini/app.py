"""Answers with its greeting and its container, slowly where ``/slow?seconds=`` asks for it; stops gracefully."""

import http.server
import os
import signal
import threading
import time


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Answer."""
        if self.path.startswith("/slow?seconds="):
            time.sleep(float(self.path.partition("=")[2]))
        body = f"{os.environ['GREETING']} {os.uname().nodename}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    """Waits for its open requests when it is closed."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128


time.sleep(float(os.environ["BOOT_SECONDS"]))
server = Server(("", 3000), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
