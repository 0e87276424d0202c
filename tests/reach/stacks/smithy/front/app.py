"""A small application: serves on one port, works, or runs to its end, by its first word."""

import http.server
import sys
import time


class App(http.server.BaseHTTPRequestHandler):
    """Says its name."""

    def do_GET(self) -> None:
        """Answer anything."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(f"{NAME} {self.path}\n".encode())


NAME, PORT = "smithy-front", 3000
verb = sys.argv[1] if sys.argv[1:] else "serve"
if verb == "serve":
    http.server.ThreadingHTTPServer(("", PORT), App).serve_forever()
elif verb not in ("migrate", "seed", "setup", "collect", "init"):
    while True:
        time.sleep(1)
