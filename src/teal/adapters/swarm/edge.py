"""The agent beside the proxy on each edge: it keeps the state word of its machine, and carries questions to the others.

It knows nothing of a Swarm but a name by which it finds its peers, and the proxy never asks it: while it is away, users
are served by the word that lies there. Only the standard library, and the register's own module, which decides.

    edge.py serve            in the container of each edge
    edge.py call < WORDS     from within any of them: one question to several addresses at once, the answers as JSON
"""

from __future__ import annotations

import hmac
import json
import os
import socket
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from teal.core.swarm.register import Edge, Kept, Mark, Said, heard, prepared, started, told

SHOWN = Path("/etc/teal")  # the tmpfs that the proxy reads: a restart of the machine empties it
KEEP = Path("/keep/register")  # the disk
SECRET = Path("/run/secrets/teal.edge")
PORT = 7700
PEERS = 0.5  # seconds between two looks at the others
PATIENCE = 2.0  # seconds for an answer

Json = dict[str, Any]


def _mark(said: Json | None) -> Mark | None:
    return Mark(int(said["epoch"]), str(said["word"])) if said else None


def said_of(answer: Json) -> Said:
    """Return what an edge says of itself, read from its JSON."""
    kept = answer["kept"]
    known, promised = _mark(kept["known"]), _mark(kept["promised"])
    return Said(
        str(answer["node"]), Kept(known or Mark(), promised or Mark(), bool(kept["voter"])), _mark(answer["shown"])
    )


class Register:
    """The edge's part of the register, on its disk and on the tmpfs."""

    def __init__(self, node: str, size: int, *, shown: Path = SHOWN, keep: Path = KEEP) -> None:
        self._shown, self._keep = shown, keep
        self._lock = threading.Lock()
        self.edge = Edge(node, size)
        self.at = 0  # when the word was shown, in nanoseconds of this machine's clock
        self._take(started(node, size, self._read_kept(), self._read_shown()), anew=True)

    def prepare(self, mark: Mark) -> str:
        """Promise *mark*, durably; return why not."""
        with self._lock:
            edge, why = prepared(self.edge, mark)
            if not why:
                (self._shown / ".new").write_text(mark.word)
            self._take(edge)
            return why

    def tell(self, mark: Mark, upto: int) -> str:
        """Take *mark* as decided."""
        with self._lock:
            self._take(told(self.edge, mark, upto))
            return ""

    def hear(self, peers: list[Said]) -> bool:
        """Take what the others say; return whether anything came of it."""
        with self._lock:
            before = self.edge
            self._take(heard(before, peers))
            return self.edge != before

    def says(self) -> Json:
        """Return what this edge says of itself."""
        return {**asdict(self.edge.says), "at": self.at}

    def _take(self, edge: Edge, *, anew: bool = False) -> None:
        """Show first, then keep: what was promised is on the disk already, and a word that was shown was decided."""
        if edge.shown is not None and (anew or edge.shown != self.edge.shown):
            self._show(edge.shown)
        if anew or edge.kept != self.edge.kept:
            self._write(self._keep, json.dumps(asdict(edge.kept)), durably=True)
        self.edge = edge

    def _show(self, mark: Mark) -> None:
        self._write(self._shown / "mark", json.dumps(asdict(mark)))
        self._write(self._shown / "state", mark.word)
        self.at = time.time_ns()

    @staticmethod
    def _write(path: Path, text: str, *, durably: bool = False) -> None:
        beside = path.with_name(f".{path.name}.new")
        with beside.open("w") as file:
            file.write(text)
            file.flush()
            if durably:
                os.fsync(file.fileno())
            os.fchmod(file.fileno(), 0o644)
        beside.replace(path)
        if durably:
            folder = os.open(path.parent, os.O_RDONLY)
            os.fsync(folder)
            os.close(folder)

    def _read_kept(self) -> Kept | None:
        try:
            found = json.loads(self._keep.read_text())
            return said_of({"node": "", "kept": found, "shown": None}).kept
        except (OSError, ValueError, KeyError, TypeError):
            return None  # a new disk, or a damaged one: it has forgotten, and says so

    def _read_shown(self) -> Mark | None:
        try:
            return _mark(json.loads((self._shown / "mark").read_text()))
        except (OSError, ValueError, KeyError, TypeError):
            return None


def _secret() -> str:
    return SECRET.read_text().strip()


def ask(address: str, what: str, body: Json | None, within: float = PATIENCE) -> Json:
    """Ask the agent at *address*."""
    content = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(
        f"http://{address}:{PORT}/{what}", data=content, headers={"Authorization": _secret()}
    )
    with urllib.request.urlopen(request, timeout=within) as answer:  # noqa: S310
        found: Json = json.load(answer)
        return found


def through(address: str, port: int, headers: dict[str, str], within: float = PATIENCE) -> Json:
    """Ask the proxy at *address*, as a user would but for the headers."""
    request = urllib.request.Request(f"http://{address}:{port}/", headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=within) as answer:  # noqa: S310
            return {"status": answer.status, "body": answer.read(200_000).decode(errors="replace")}
    except urllib.error.HTTPError as error:
        return {"status": error.code, "body": error.read(2000).decode(errors="replace")}


def call(words: Json) -> Json:
    """Carry one question to all addresses of *words* at once: ``{"what", "body", "to": {NODE: ADDRESS}}``."""

    def one(address: str) -> Json:
        try:
            if words["what"] == "through":
                return through(address, int(words["port"]), words["headers"])
            return ask(address, str(words["what"]), words.get("body"))
        except (OSError, ValueError) as error:
            return {"error": f"{type(error).__name__}: {error}"}

    to: dict[str, str] = words["to"]
    with ThreadPoolExecutor(max(len(to), 1)) as pool:
        return dict(zip(to, pool.map(one, to.values()), strict=True))


def handler(register: Register, secret: str) -> type[BaseHTTPRequestHandler]:
    """Return what answers the questions of others."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        timeout = 10

        def do_GET(self) -> None:
            self._answer(register.says() if self.path == "/say" else {})

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            if not hmac.compare_digest(self.headers.get("Authorization", ""), secret):
                self._answer({"why": "the secret is another one"}, 403)
                return
            mark = Mark(int(body["epoch"]), str(body["word"]))
            why = register.prepare(mark) if self.path == "/prepare" else register.tell(mark, int(body["upto"]))
            self._answer({"why": why, **register.says()})

        def _answer(self, found: Json, status: int = 200) -> None:
            content = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Say nothing of each question."""

    return Handler


def peers(name: str, own: str) -> list[Said]:
    """Return what the other edges say that answer."""
    try:
        found = {str(each[4][0]) for each in socket.getaddrinfo(name, None, socket.AF_INET)}
    except OSError:
        return []
    answers = call({"what": "say", "to": {address: address for address in found}}).values()
    said = []
    for each in answers:
        try:
            said.append(said_of(each))
        except (KeyError, TypeError, ValueError):
            continue
    return [each for each in said if each.node != own]


def serve() -> None:
    """Answer, and listen to the others, for ever."""
    node, size, name = os.environ["NODE"], int(os.environ["EDGES"]), os.environ["PEERS"]
    register = Register(node, size)
    server = ThreadingHTTPServer(("", PORT), handler(register, _secret()))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"{node} starts: {register.says()}", flush=True)
    while True:
        if register.hear(peers(name, node)):
            print(f"{node} heard: {register.says()}", flush=True)
        time.sleep(PEERS)


if __name__ == "__main__":
    if sys.argv[1:2] == ["serve"]:
        serve()
    else:
        print(json.dumps(call(json.loads(sys.argv[2]))))
