"""Logs every secret that it has, then answers with its greeting; a greeting of ``crash`` ends it instead."""

import http.server
import os
import pathlib
import sys

secrets = {name: pathlib.Path("/run/secrets", name).read_text().strip() for name in ("key", "license")}
print(f"started with {os.environ['API_TOKEN']}, {os.environ['DATABASE_URL']}, {secrets}", flush=True)
if os.environ["GREETING"] == "crash":
    sys.exit(f"no connection to {os.environ['DATABASE_URL']}")


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    def do_GET(self) -> None:
        """Answer."""
        body = f"{os.environ['GREETING']} {os.getuid()}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("", 3000), Handler).serve_forever()
