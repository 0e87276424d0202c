"""The program, edited while it runs."""

import http.server


class App(http.server.BaseHTTPRequestHandler):
    """Says its name."""

    def do_GET(self) -> None:
        """Answer anything."""
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"sketchbook\n")


http.server.ThreadingHTTPServer(("", 8000), App).serve_forever()
