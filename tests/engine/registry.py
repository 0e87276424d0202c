"""A registry on this machine that holds one small image, in which only ``sleep`` can be run."""

from __future__ import annotations

import json
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.engine.sandbox import docker

_DOCKERFILE = """
FROM python:3.13-slim AS whole
RUN mkdir /small && cp --parents --dereference $(which sleep) $(ldd $(which sleep) | grep -o '/[^ ]*') /small
FROM scratch
COPY --from=whole /small /
"""


@contextmanager
def registry(folder: Path) -> Iterator[str]:
    """Yield where the registry listens; whatever it is asked for by name and tag, it gives the same image."""
    layout = _layout(folder, "teal-test-registry")
    (manifest,) = json.loads((layout / "index.json").read_text(encoding="utf-8"))["manifests"]

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            kind, _, name = self.path.rpartition("/")
            digest = name if name.startswith("sha256:") else manifest["digest"]
            content = b"" if self.path == "/v2/" else (layout / "blobs" / digest.replace(":", "/")).read_bytes()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            if kind.endswith("/manifests"):
                self.send_header("Content-Type", manifest["mediaType"])
                self.send_header("Docker-Content-Digest", digest)
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(content)

        do_HEAD = do_GET  # noqa: N815 - the server calls it so

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _layout(folder: Path, name: str) -> Path:
    """Build the image, and return the folder that holds it as the registry gives it away; it is not on the engine."""
    argv = ["docker", "build", "--quiet", "--tag", name, "-"]
    subprocess.run(argv, input=_DOCKERFILE, text=True, check=True, capture_output=True)
    docker("save", "--output", str(folder / "image.tar"), name)
    docker("rmi", name)
    with tarfile.open(folder / "image.tar") as archive:
        archive.extractall(folder / "layout", filter="data")
    return folder / "layout"
