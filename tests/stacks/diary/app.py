"""A diary: each request writes a line into SQLite. Whoever finds the folder locked leaves a word of it and fails."""

import fcntl
import http.server
import os
import signal
import sqlite3
import sys
import threading
from pathlib import Path

DATA = Path("/data")
lock = (DATA / "in-use").open("w")
try:
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
except OSError:
    (DATA / "two-at-once").write_text(" ".join(sys.argv))
    sys.exit("somebody else writes here")
if os.environ.get("MODE") == "broken":
    sys.exit("the new version does not start")
book = sqlite3.connect(DATA / "diary.sqlite3", check_same_thread=False, isolation_level=None)
book.execute("PRAGMA journal_mode=WAL")
book.execute("CREATE TABLE IF NOT EXISTS line (said text)")
if sys.argv[1:] == ["migrate"]:
    sys.exit()
writing = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    """One request."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Write a line, and say how many there are."""
        with writing:
            if self.path != "/healthy":
                book.execute("INSERT INTO line VALUES (?)", (self.path,))
            (count,) = book.execute("SELECT count(*) FROM line").fetchone()
        body = f"{os.environ['SAYS']} {count}\n".encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


class Server(http.server.ThreadingHTTPServer):
    """Waits for its open requests when it is closed."""

    daemon_threads = False
    block_on_close = True
    request_queue_size = 128


server = Server(("", 3000), Handler)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.05)
book.close()
