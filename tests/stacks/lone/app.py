"""web and api: what the load generator asks for, in the standard library alone; a stop finishes what was begun.

GET or POST /echo, GET /slow?seconds=, GET /events?count=&interval=, GET /who, GET /chain (asks PEER), GET /ws (a
WebSocket that echoes), GET /heads (the header lines that came), POST /sum (how long the body was, and its SHA-256).
"""

import base64
import hashlib
import json
import os
import signal
import threading
import time
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

ME = {
    "service": os.environ["SERVICE"],
    "color": os.environ.get("TEAL_COLOR") or "plain",
    "release": os.environ.get("TEAL_RELEASE") or "0",
}
stopping = threading.Event()
busy: set[int] = set()  # threads with a request that is not yet answered


class Handler(BaseHTTPRequestHandler):
    """One connection, one request after the other."""

    protocol_version = "HTTP/1.1"

    def handle_one_request(self) -> None:
        """Answer the next request, and end the connection where the service stops."""
        super().handle_one_request()
        busy.discard(threading.get_ident())
        self.close_connection |= stopping.is_set()

    def parse_request(self) -> bool:
        """Note that a request has begun."""
        busy.add(threading.get_ident())
        self.started = time.time()
        return super().parse_request()

    def log_message(self, *_: object) -> None:
        """Say nothing."""

    def do_GET(self) -> None:
        """Answer."""
        url = urlsplit(self.path)
        said = {name: float(value[0]) for name, value in parse_qs(url.query).items() if name != "token"}
        match url.path:
            case "/slow":
                time.sleep(said["seconds"])
                self.answer(json.dumps(ME).encode())
            case "/events":
                self.events(int(said["count"]), said["interval"])
            case "/ws":
                self.websocket()
            case "/chain":
                with urllib.request.urlopen(os.environ["PEER"], timeout=10) as peer:
                    self.answer(json.dumps([ME, json.load(peer)]).encode())
            case "/heads":
                self.answer(json.dumps(self.headers.items()).encode())
            case "/echo":
                self.answer(url.query.encode())
            case _:
                self.answer(json.dumps(ME).encode())

    def do_POST(self) -> None:
        """Give the body back, or its sum."""
        if self.path == "/sum":
            total, length = hashlib.sha256(), 0
            for piece in self.body():
                total.update(piece)
                length += len(piece)
            return self.answer(f"{length} {total.hexdigest()}".encode())
        return self.answer(b"".join(self.body()))

    def body(self) -> Iterator[bytes]:
        """Yield what is sent."""
        left = int(self.headers.get("Content-Length", 0))
        while left:
            piece = self.rfile.read(min(left, 1 << 16))
            left -= len(piece) or left
            yield piece
        while "chunked" in self.headers.get("Transfer-Encoding", ""):
            size = int(self.rfile.readline(), 16)
            yield self.rfile.read(size)
            self.rfile.readline()
            if not size:
                break

    def head(self, status: int, **more: object) -> None:
        """Send the head of an answer, signed."""
        self.send_response(status)
        signed = {"X_Color": ME["color"], "X_Release": ME["release"], "X_Started": f"{self.started:.6f}"}
        close = {"Connection": "close"} if stopping.is_set() and status == 200 else {}
        for name, value in {**signed, **close, **more}.items():
            self.send_header(name.replace("_", "-"), str(value))
        self.end_headers()

    def answer(self, body: bytes) -> None:
        """Send an answer whole."""
        self.head(200, Content_Length=len(body))
        self.wfile.write(body)

    def events(self, count: int, interval: float) -> None:
        """Send *count* events."""
        self.head(200, Content_Type="text/event-stream", Transfer_Encoding="chunked")
        for number in range(count):
            piece = f"id: {number}\ndata: {json.dumps(ME)}\n\n".encode()
            self.wfile.write(f"{len(piece):x}\r\n".encode() + piece + b"\r\n")
            time.sleep(interval)
        self.wfile.write(b"0\r\n\r\n")

    def websocket(self) -> None:
        """Echo each message until the other side closes."""
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode(), usedforsecurity=False).digest()).decode()
        self.head(101, Upgrade="websocket", Connection="Upgrade", Sec_WebSocket_Accept=accept)
        self.close_connection = True
        while begun := self.rfile.read(2):
            length = begun[1] & 127
            if length > 125:
                length = int.from_bytes(self.rfile.read(2 if length == 126 else 8), "big")
            mask = self.rfile.read(4)
            text = bytes(byte ^ mask[n % 4] for n, byte in enumerate(self.rfile.read(length)))
            size = bytes([length]) if length < 126 else b"\x7e" + length.to_bytes(2, "big")
            self.wfile.write(begun[:1] + size + text)
            if begun[0] & 15 == 8:
                break


class Server(ThreadingHTTPServer):
    """A thread for each connection."""

    daemon_threads = True
    request_queue_size = 512


server = Server(("", 3000), Handler)
signal.signal(signal.SIGTERM, lambda *_: stopping.set())
threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
print(f"{ME['service']} of release {ME['release']} listens", flush=True)
stopping.wait()
server.shutdown()
server.server_close()
while busy:
    time.sleep(0.01)
