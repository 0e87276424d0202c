#!/usr/bin/python3
"""Stands in for a public image: listens where it would, says who it is, and does what its command says.

What it is comes from its image: STANDIN_LIKE (serve, idle, store, once, or a front of fronts.py), STANDIN_PORTS,
STANDIN_ONE_WRITER (a folder that it locks: a second writer ends with an error, as an embedded database does).
What it does comes from the words of its command, which is the real program's: `celery -A shop worker` works in silence,
`./manage.py migrate` ends, anything else serves on the port that the command, PORT or the image names.
"""

import base64
import fcntl
import hashlib
import json
import os
import re
import signal
import socket
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

ONCE = re.compile(
    r"\b(migrate|migrations?|seed(er)?|collectstatic|db:\w+|init|setup|createbuckets|mb|upgrade|bootstrap)\b"
)
IDLE = re.compile(
    r"\b(work(er)?|sidekiq|queue(:work)?|horizon|beat|schedul\w*|cron\w*|consume\w*|daemon|jobs?|relay|agent|watch\w*"
    r"|housekeep\w*|maintenance|cleanup|backups?|timer|nightly|daily|clock|sleep|loop|publish\w*|tunnel|renew|purge|sync)\b"
)
SERVE = re.compile(r"\b(serve|server|gunicorn|uvicorn|puma|start|runserver|web|daphne|hypercorn|httpd?|rails s|node)\b")
PORT = re.compile(
    r"(?:--(?:http-)?port[= ]|-p[= ]|--?b(?:ind)?[= ][^ ]*:|(?:0\.0\.0\.0|\[::\]|--listen[= ][^ ]*|--address=|--http):)(\d{2,5})"
)


def main() -> None:
    called = Path(sys.argv[0]).name
    if called != "standin.py":
        sys.exit(_ask(called))
    words = sys.argv[1:]
    command = " ".join(words)
    signal.signal(signal.SIGTERM, lambda *_: os._exit(0))
    lock = _lock()
    like = os.environ.get("STANDIN_LIKE", "serve")
    print(f"stand-in for {_image()}: {like}, {command!r}", flush=True)
    if like == "store":
        _store(_ports())
    elif like in ("traefik", "nginx-proxy", "caddy-docker-proxy", "kong", "envoy"):
        import fronts

        fronts.run(like, words)
    elif like == "once" or (like == "serve" and _does(command) == "once"):
        time.sleep(0.3)
    elif like == "idle" or _does(command) == "idle":
        _wait()
    else:
        found = [int(port) for port in PORT.findall(command)] or [
            int(os.environ[name])
            for name in ("PORT", "APP_PORT", "HTTP_PORT", "LISTEN_PORT")
            if os.environ.get(name, "").isdigit()
        ]
        _serve(found or _ports())
    del lock


def _does(command: str) -> str:
    last = re.split(r"&&|;", command)[-1]  # of `migrate && serve` the last counts
    if last.strip() in ("", "serve"):
        return "serve"
    if IDLE.search(last) and not re.search(r"gunicorn|uvicorn|puma|daphne|runserver|\bserver?\b", last):
        return "idle"
    if SERVE.search(last):
        return "serve"
    return "once" if ONCE.search(last) else "serve"


def _image() -> str:
    return os.environ.get("STANDIN_IMAGE", "?")


def _ports() -> list[int]:
    return [int(port) for port in os.environ.get("STANDIN_PORTS", "8000").split(",")]


def _lock() -> object:
    folder = os.environ.get("STANDIN_ONE_WRITER")
    if not folder:
        return None
    path = Path(folder)
    path.mkdir(parents=True, exist_ok=True)
    file = (path / "LOCK").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        sys.exit(f"{folder} is locked: another process writes there")
    return file


def _ask(client: str) -> int:
    """A client of the real program, as a health check calls it: is the port open?"""
    if client == "wget":
        urls = [word for word in sys.argv[1:] if "://" in word]
        os.execvp("curl", ["curl", "-fsS", "-o", "/dev/null", *urls])
    try:
        socket.create_connection(("127.0.0.1", _ports()[0]), 2).close()
    except OSError as error:
        print(error)
        return 1
    print("PONG")
    return 0


def _wait() -> None:
    while True:
        signal.pause()


def _store(ports: list[int]) -> None:
    def listen(port: int) -> None:
        with socket.create_server(("", port)) as server:
            while True:
                server.accept()[0].close()

    for port in ports:
        threading.Thread(target=listen, args=(port,), daemon=True).start()
    _wait()


def _serve(ports: list[int]) -> None:
    for port in ports[1:]:
        threading.Thread(target=ThreadingHTTPServer(("", port), App).serve_forever, daemon=True).start()
    ThreadingHTTPServer(("", ports[0]), App).serve_forever()


class App(BaseHTTPRequestHandler):
    """Says which image, release and host answered, and what it was asked."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        if self.headers.get("Upgrade", "").lower() == "websocket":
            self._websocket()
            return
        length = int(self.headers.get("Content-Length", 0))
        while length > 0:
            length -= len(self.rfile.read(min(length, 1 << 16)))
        said = {
            "image": _image(),
            "release": os.environ.get("RELEASE", ""),
            "container": socket.gethostname(),
            "path": self.path,
            "headers": dict(self.headers.items()),
        }
        body = json.dumps(said).encode() + b"\n"
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_PUT = do_DELETE = do_HEAD = do_GET

    def _websocket(self) -> None:
        key = self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
        accept = base64.b64encode(hashlib.sha1(key.encode()).digest()).decode()
        self.send_response(101)
        for name, value in (("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept)):
            self.send_header(name, value)
        self.end_headers()
        said = _image().encode()
        self.wfile.write(bytes([0x81, len(said)]) + said)
        self.wfile.flush()
        while self.rfile.read(1):  # open until the other side ends it
            pass
        self.close_connection = True

    def log_message(self, *_: object) -> None:
        pass


if __name__ == "__main__":
    main()
